// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/sim-fixture.h"

static void test_calls_complete_in_order_within_a_tick(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    const DriverOps *ops = site.driver->ops;
    ops->relay(site.driver, 5, "a", "b", 60);
    ops->relay(site.driver, 3, "b", "a", 60);
    ops->relay(site.driver, 4, "a", "c", 1);
    ops->take(site.driver, 9, "nowhere");
    site_assert_said(&site, "");
    g_assert_cmpint(site_tick(&site, 0), ==, G_MAXINT64);
    site_assert_said(&site, "5=OK 3=INSUFFICIENT_KEY 4=QKDN_FAILED 9=BAD_REQUEST ");
    site_tick(&site, 1);
    site_assert_said(&site, "");
}

static void test_a_call_from_a_completion_waits(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    site.again = 2;
    site.driver->ops->relay(site.driver, 1, "a", "b", 1);
    g_assert_cmpint(site_tick(&site, 7), ==, START_US + 7 * SECOND_US);
    site_assert_said(&site, "1=OK ");
    g_assert_cmpint(site_tick(&site, 7), ==, G_MAXINT64);
    site_assert_said(&site, "2=OK ");
}

static void test_cancelled_calls_complete_once_and_cost_nothing(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    const DriverOps *ops = site.driver->ops;
    ops->relay(site.driver, 1, "a", "b", 100);
    ops->take(site.driver, 2, "x");
    ops->relay(site.driver, 3, "a", "b", 100);
    ops->cancel(site.driver, 2);
    ops->cancel(site.driver, 1);
    ops->cancel(site.driver, 1);
    ops->cancel(site.driver, 77);
    site_tick(&site, 0);
    site_assert_said(&site, "1=VOIDED 2=VOIDED 3=OK ");
    ops->cancel(site.driver, 3);
    site_tick(&site, 0);
    site_assert_said(&site, "");
    ops->relay(site.driver, 4, "a", "b", 1);
}

static void test_both_ends_hold_equal_blocks(void)
{
    g_auto(Site) alpha, beta, wrong;
    site_init(&alpha, PLAIN, 1);
    site_init(&beta, NODES "borders: [{" BORDER "}]\n", 2);
    site_init(&wrong, NODES "borders: [{id: x, node: b, peer: alpha, km: 1, secret: " OTHER "}]\n",
              2);
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < 4; i++) {
        g_assert_cmpint(site_take(&alpha, 0, "x"), ==, STATUS_OK);
        g_assert_true(g_hash_table_add(ids, g_strdup(alpha.id)));
        // The other end's store is empty, yet what was taken here must be had there.
        g_assert_cmpint(site_claim(&beta, 0, "x", alpha.id), ==, STATUS_OK);
        g_assert_cmpuint(alpha.key->n_bytes, ==, 1024);
        g_assert_true(secret_equal(alpha.key, beta.key));
        g_assert_cmpint(site_claim(&wrong, 0, "x", alpha.id), ==, STATUS_OK);
        g_assert_false(secret_equal(alpha.key, wrong.key));
    }
    g_assert_cmpint(site_take(&alpha, 0, "x"), ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpint(site_take(&alpha, 1, "x"), ==, STATUS_OK);
    // What was claimed early is made up for first: 4 KiB at 1 KiB/s, then 1 KiB for a block.
    g_assert_cmpint(site_take(&beta, 4.999, "x"), ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpint(site_take(&beta, 5, "x"), ==, STATUS_OK);
}

static void test_known_bytes_of_a_block(void)
{
    // HMAC-SHA256 and AES-256-CTR by the openssl command line.
    static const guint8 expected[] = {0x68, 0x28, 0xeb, 0x60, 0x68, 0xc6, 0x7d, 0x24};
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    g_assert_cmpint(site_claim(&site, 0, "x", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"), ==,
                    STATUS_OK);
    g_assert_cmpmem(site.key->data + 1024 - sizeof(expected), sizeof(expected), expected,
                    sizeof(expected));
}

static void test_a_block_goes_out_once(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    const char *id = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    g_assert_cmpint(site_claim(&site, 0, "x", id), ==, STATUS_OK);
    g_assert_cmpint(site_claim(&site, 0, "x", id), ==, STATUS_BLOCK_UNKNOWN);
    g_assert_cmpint(site_take(&site, 9, "x"), ==, STATUS_OK);
    g_autofree char *own = g_strdup(site.id);
    g_assert_cmpint(site_claim(&site, 9, "x", own), ==, STATUS_BLOCK_UNKNOWN);
    static const char *const malformed[] = {
        "",
        "6BA7B810-9dad-41d1-80b4-00c04fd430c9",
        "6ba7b810-9dad-41d1-80b4-00c04fd430c",
        "6ba7b810-9dad-41d1-80b4-00c04fd430c99",
        "6ba7b8109dad-41d1-80b4-00c04fd430c9-",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++)
        g_assert_cmpint(site_claim(&site, 9, "x", malformed[i]), ==, STATUS_BLOCK_UNKNOWN);
}

static void test_a_block_goes_out_once_among_many(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    g_autofree char *early = NULL;
    for (guint i = 0; i < 20000; i++) {
        g_autofree char *id = g_strdup_printf("6ba7b810-9dad-41d1-80b4-00c0%08x", i);
        g_assert_cmpint(site_claim(&site, 0, "x", id), ==, STATUS_OK);
        g_string_truncate(site.trace, 0);
        if (i == 10000)
            early = g_strdup(id);
    }
    g_assert_cmpint(site_claim(&site, 0, "x", early), ==, STATUS_BLOCK_UNKNOWN);
}

static void test_discovery(void)
{
    g_auto(Site) site;
    site_init(&site, "time_scale: 10\n" PLAIN, 1);
    site_drill(&site, TRUE, DRIVER_SCOPE_NODE, "b");
    site_tick(&site, 0);
    g_autoptr(DriverMap) map = site.driver->ops->discover(site.driver);
    g_assert_cmpuint(map->nodes->len, ==, 3);
    g_assert_cmpuint(map->virtual_links->len, ==, 3);
    g_assert_cmpuint(map->borders->len, ==, 1);
    const DriverBorder *border = map->borders->pdata[0];
    g_assert_cmpstr(border->id, ==, "x");
    g_assert_cmpstr(border->node, ==, "b");
    g_assert_cmpstr(border->peer, ==, "beta");
    g_assert_cmpuint(border->rate_bps, ==, 81920);
    g_assert_false(border->up);
}

static char *random_walk(guint32 seed)
{
    Site site;
    site_init(&site, PLAIN FAULTS, seed);
    const DriverOps *ops = site.driver->ops;
    static const char *const nodes[] = {"a", "b", "c"};
    gint64 now_us = START_US;
    for (guint64 call = 1; call <= 500; call++) {
        guint32 dice = g_rand_int(site.seeded);
        if (dice % 5 < 3)
            ops->relay(site.driver, call, nodes[dice / 7 % 3], nodes[dice / 50 % 3], dice % 30);
        else
            ops->take(site.driver, call, "x");
        if (dice % 11 == 0)
            ops->cancel(site.driver, call - dice % 3);
        if (dice % 13 == 0)
            site_drill(&site, dice % 2, DRIVER_SCOPE_NODE, nodes[dice / 17 % 3]);
        if (dice % 4 == 0)
            ops->tick(site.driver, now_us += dice % 1000000);
    }
    char *trace = g_strdup(site.trace->str);
    site_clear(&site);
    return trace;
}

static void test_same_seed_same_trace(void)
{
    g_autofree char *first = random_walk(7);
    g_autofree char *second = random_walk(7);
    g_autofree char *other = random_walk(8);
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(first, !=, other);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/calls-complete-in-order-within-a-tick",
                    test_calls_complete_in_order_within_a_tick);
    g_test_add_func("/sim/a-call-from-a-completion-waits", test_a_call_from_a_completion_waits);
    g_test_add_func("/sim/cancelled-calls-complete-once-and-cost-nothing",
                    test_cancelled_calls_complete_once_and_cost_nothing);
    g_test_add_func("/sim/both-ends-hold-equal-blocks", test_both_ends_hold_equal_blocks);
    g_test_add_func("/sim/known-bytes-of-a-block", test_known_bytes_of_a_block);
    g_test_add_func("/sim/a-block-goes-out-once", test_a_block_goes_out_once);
    g_test_add_func("/sim/a-block-goes-out-once-among-many", test_a_block_goes_out_once_among_many);
    g_test_add_func("/sim/discovery", test_discovery);
    g_test_add_func("/sim/same-seed-same-trace", test_same_seed_same_trace);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/link-store.h"

#define HOUR_US (3600 * (gint64)G_USEC_PER_SEC)

static void test_time_may_be_cut_anyhow(void)
{
    static const guint64 rates_bps[] = {1, 3, 8192, 304000, 100000000, LINK_STORE_MAX_BPS};
    for (gsize i = 0; i < G_N_ELEMENTS(rates_bps); i++) {
        LinkStore at_once = link_store_make(rates_bps[i], LINK_STORE_MAX_BYTES, 0, 0);
        LinkStore in_steps = at_once;
        for (gint64 now_us = 0; now_us < HOUR_US; now_us += 777777)
            link_store_pass(&in_steps, now_us, TRUE);
        link_store_pass(&in_steps, HOUR_US, TRUE);
        link_store_pass(&at_once, HOUR_US, TRUE);
        g_assert_cmpint(at_once.level_bits, ==, in_steps.level_bits);
        guint64 made = MIN(rates_bps[i] * 3600, LINK_STORE_MAX_BYTES * 8);
        g_assert_cmpint(at_once.level_bits, ==, (gint64)made);
    }
}

static void test_microseconds_of_one_bit_per_second_add_up(void)
{
    LinkStore store = link_store_make(1, 1, 0, 0);
    for (gint64 now_us = 1; now_us < 8 * G_USEC_PER_SEC; now_us++)
        link_store_pass(&store, now_us, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 0);
    link_store_pass(&store, 8 * G_USEC_PER_SEC, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 1);
}

static void test_capacity_bounds(void)
{
    LinkStore store = link_store_make(LINK_STORE_MAX_BPS, 1000, 5000, 0);
    g_assert_cmpuint(link_store_bytes(&store), ==, 1000);
    link_store_pass(&store, G_MAXINT64, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 1000);
    // 2^40 bit/s for 2^24 s is 0 bits in 64 of them.
    store = link_store_make((guint64)1 << 40, 1000, 0, 0);
    link_store_pass(&store, ((gint64)1 << 24) * G_USEC_PER_SEC, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 1000);
    g_assert_false(link_store_spend(&store, 1001));
    g_assert_false(link_store_spend(&store, G_MAXUINT64));
    g_assert_true(link_store_spend(&store, 1000));
    g_assert_cmpuint(link_store_bytes(&store), ==, 0);
}

static void test_nothing_while_down_or_backwards(void)
{
    LinkStore store = link_store_make(8, 1000, 0, 0);
    link_store_pass(&store, 10 * G_USEC_PER_SEC, FALSE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 0);
    link_store_pass(&store, 15 * G_USEC_PER_SEC, TRUE);
    link_store_pass(&store, 5 * G_USEC_PER_SEC, TRUE);
    link_store_pass(&store, 15 * G_USEC_PER_SEC, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 5);
}

static void test_overdraft_is_made_up_for(void)
{
    LinkStore store = link_store_make(8, 100, 10, 0);
    link_store_overdraw(&store, 30);
    g_assert_cmpuint(link_store_bytes(&store), ==, 0);
    link_store_pass(&store, 20 * G_USEC_PER_SEC, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 0);
    link_store_pass(&store, 21 * G_USEC_PER_SEC, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 1);

    link_store_overdraw(&store, G_MAXUINT64);
    link_store_overdraw(&store, G_MAXUINT64);
    link_store_pass(&store, 122 * G_USEC_PER_SEC, TRUE);
    g_assert_cmpuint(link_store_bytes(&store), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link-store/time-may-be-cut-anyhow", test_time_may_be_cut_anyhow);
    g_test_add_func("/link-store/microseconds-of-one-bit-per-second-add-up",
                    test_microseconds_of_one_bit_per_second_add_up);
    g_test_add_func("/link-store/capacity-bounds", test_capacity_bounds);
    g_test_add_func("/link-store/nothing-while-down-or-backwards",
                    test_nothing_while_down_or_backwards);
    g_test_add_func("/link-store/overdraft-is-made-up-for", test_overdraft_is_made_up_for);
    return g_test_run();
}

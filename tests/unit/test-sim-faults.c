// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/sim-fixture.h"

static void test_scheduled_faults_overlap(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN FAULTS, 1);
    g_assert_cmpint(site_tick(&site, 0), ==, START_US + 10 * SECOND_US);
    g_assert_cmpint(site_tick(&site, 10), ==, START_US + 15 * SECOND_US);
    site_assert_said(&site, "+link:a/b(digger) map ");
    g_assert_cmpint(site_relay(&site, 12, "a", "b", 1), ==, STATUS_QKDN_FAILED);
    g_assert_cmpint(site_take(&site, 12, "x"), ==, STATUS_OK);
    g_string_truncate(site.trace, 0);
    site_tick(&site, 20);
    site_assert_said(&site, "+node:b(power) map ");
    g_assert_cmpint(site_take(&site, 20, "x"), ==, STATUS_QKDN_FAILED);
    g_assert_cmpint(site_claim(&site, 20, "x", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"), ==,
                    STATUS_QKDN_FAILED);
    g_string_truncate(site.trace, 0);
    g_assert_cmpint(site_tick(&site, 44), ==, START_US + 45 * SECOND_US);
    site_assert_said(&site, "-node:b(power) map ");
    g_assert_cmpint(site_tick(&site, 1000), ==, G_MAXINT64);
    site_assert_said(&site, "-link:a/b(storm) map +provider:(strike) map ");
    g_assert_cmpint(site_relay(&site, 1000, "a", "a", 1), ==, STATUS_QKDN_FAILED);
}

// Key is made while a link is up, however large the steps of time are.
static void test_no_key_is_made_in_an_outage(void)
{
    for (guint step_s = 1; step_s <= 60; step_s += 59) {
        g_auto(Site) site;
        site_init(&site, PLAIN FAULTS, 1);
        g_assert_cmpint(site_relay(&site, 0, "a", "b", 100), ==, STATUS_OK);
        for (guint now_s = step_s; now_s < 60; now_s += step_s)
            site_tick(&site, now_s);
        // Up for 0 to 10 and 45 to 60 s, at a byte per second.
        g_assert_cmpint(site_relay(&site, 59.999999, "a", "b", 25), ==, STATUS_INSUFFICIENT_KEY);
        g_assert_cmpint(site_relay(&site, 59.999999, "a", "b", 24), ==, STATUS_OK);
    }
}

static void assert_drills(Site *site, const char *expected)
{
    g_auto(GStrv) lines = site->driver->ops->drills(site->driver);
    g_autofree char *text = g_strjoinv("|", lines);
    g_assert_cmpstr(text, ==, expected);
}

static void test_drills(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN, 1);
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_LINK, "b/c"), ==, STATUS_BAD_REQUEST);
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_PROVIDER, "a"), ==, STATUS_BAD_REQUEST);
    assert_drills(&site, "");
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_LINK, "b/a"), ==, STATUS_OK);
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_LINK, "a/b"), ==, STATUS_OK);
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_BORDER, "x"), ==, STATUS_OK);
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_NODE, "c"), ==, STATUS_OK);
    g_assert_cmpint(site_drill(&site, TRUE, DRIVER_SCOPE_PROVIDER, ""), ==, STATUS_OK);
    assert_drills(&site, "provider: drill|node c: drill|link a/b: drill|border x: drill");
    site_tick(&site, 1);
    site_assert_said(&site,
                     "+provider:(drill) +node:c(drill) +link:a/b(drill) +border:x(drill) map ");
    g_assert_cmpint(site_drill(&site, FALSE, DRIVER_SCOPE_PROVIDER, ""), ==, STATUS_OK);
    g_assert_cmpint(site_drill(&site, FALSE, DRIVER_SCOPE_LINK, "a/b"), ==, STATUS_OK);
    g_assert_cmpint(site_take(&site, 2, "x"), ==, STATUS_QKDN_FAILED);
    site_assert_said(&site, "-provider:(drill) -link:a/b(drill) map 98=QKDN_FAILED ");
    g_assert_cmpint(site_relay(&site, 2, "a", "b", 1), ==, STATUS_OK);
}

static void test_a_drill_and_a_schedule_both_hold(void)
{
    g_auto(Site) site;
    site_init(&site, PLAIN "faults: [{at_s: 10, for_s: 10, scope: border, subject: x}]\n", 1);
    site_drill(&site, TRUE, DRIVER_SCOPE_BORDER, "x");
    site_tick(&site, 5);
    site_assert_said(&site, "+border:x(drill) map ");
    site_tick(&site, 15);
    site_drill(&site, FALSE, DRIVER_SCOPE_BORDER, "x");
    assert_drills(&site, "border x: scheduled fault");
    site_tick(&site, 16);
    site_assert_said(&site, "");
    site_tick(&site, 20);
    site_assert_said(&site, "-border:x(scheduled fault) map ");
}

// The store of J. F. Dynes et al., npj Quantum Inf. 5, 101 (2019), at two nodes of the Cambridge
// network: 1000 keys, filled up again from 800, 0.5 keys used per second. Through a link's outage
// it is fed by the third node, and no request fails.
#define CAMBRIDGE                                                                                  \
    "nodes: [{id: trel}, {id: cape}, {id: engi}]\n"                                                \
    "links:\n"                                                                                     \
    "  - {a: cape, b: trel, rate_bps: 2580000}\n"                                                  \
    "  - {a: trel, b: engi, rate_bps: 2400000}\n"                                                  \
    "  - {a: engi, b: cape, rate_bps: 2220000}\n"                                                  \
    "faults: [{at_s: 3600, for_s: 36000, scope: link, subject: cape/trel}]\n"

static void test_cambridge_outage(void)
{
    g_auto(Site) site;
    site_init(&site, CAMBRIDGE, 1);
    guint n_stored = 1000, n_least = 1000, n_refills = 0;
    for (guint now_s = 2; now_s < 48 * 3600; now_s += 2) {
        n_stored--;
        n_least = MIN(n_least, n_stored);
        site_tick(&site, now_s);
        if (n_stored > 800)
            continue;
        g_assert_cmpint(site_relay(&site, now_s, "cape", "trel", (1000 - n_stored) * 32), ==,
                        STATUS_OK);
        n_stored = 1000;
        n_refills++;
    }
    g_test_message("keys in the store: at least %u, as published 800; %u refills", n_least,
                   n_refills);
    g_assert_cmpuint(n_least, ==, 800);
    g_assert_cmpuint(n_refills, ==, 431);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-faults/scheduled-faults-overlap", test_scheduled_faults_overlap);
    g_test_add_func("/sim-faults/no-key-is-made-in-an-outage", test_no_key_is_made_in_an_outage);
    g_test_add_func("/sim-faults/drills", test_drills);
    g_test_add_func("/sim-faults/a-drill-and-a-schedule-both-hold",
                    test_a_drill_and_a_schedule_both_hold);
    g_test_add_func("/sim-faults/cambridge-outage", test_cambridge_outage);
    return g_test_run();
}

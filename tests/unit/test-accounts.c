// SPDX-License-Identifier: Apache-2.0
//
// Accounts at the platform: what counts, once, and for how much.

#include "tests/unit/accounts-fixture.h"
#include "topics/base/id.h"

static guint n_disputed(const FederationFixture *fixture)
{
    guint n = 0;
    for (GTreeNode *node = g_tree_node_first(fixture->federation->accounts->charges); node;
         node = g_tree_node_next(node))
        n += ((const WireCharge *)g_tree_node_value(node))->dispute[0] != '\0';
    return n;
}

static void test_counts_once(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    // Whether it is granted is not known yet.
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0}),
                    ==, 0);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    accounts_report_all(fixture, request);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 3);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->accounts->grants), ==, 0);
    g_assert_cmpuint(n_disputed(fixture), ==, 0);
    // Everybody was crossed off: nothing more can come of it.
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"c", 2, ACCOUNTS_BITS, 0}),
                    ==, STATUS_VOIDED);
    g_assert_cmpint(accounts_report_as(fixture, request,
                                       &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0},
                                       FEDERATION_UUID),
                    ==, STATUS_BAD_REQUEST);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 3);
}

static void test_survives(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    g_autofree char *id = g_strdup(request->id);
    federation_fixture_restart(fixture, NULL);
    request = g_hash_table_lookup(fixture->federation->requests, id);
    g_assert_nonnull(accounts_charge_of(fixture, request, "b"));
    accounts_report_all(fixture, request);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 3);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->accounts->grants), ==, 0);
}

static void test_overbills(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 9, 9 * ACCOUNTS_BITS, 0});
    const WireCharge *charge = accounts_charge_of(fixture, request, "b");
    g_assert_cmpuint(charge->charged_keys, ==, 2);
    g_assert_cmpuint(charge->charged_bits, ==, ACCOUNTS_BITS);
    g_assert_cmpstr(charge->dispute, ==,
                    "b metered 9 keys of 4608 bits, the platform granted 2 of 512");
    g_assert_cmpuint(n_disputed(fixture), ==, 1);
}

// The buyer got one key fewer than the seller says; in whichever order that is heard.
static void test_underdelivers(gconstpointer data)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    gboolean is_buyer_first = GPOINTER_TO_INT(data);
    accounts_grant(fixture, request);
    if (is_buyer_first)
        accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    if (!is_buyer_first)
        accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    const WireCharge *charge = accounts_charge_of(fixture, request, "b");
    g_assert_cmpuint(charge->charged_keys, ==, 1);
    g_assert_cmpuint(charge->charged_bits, ==, 256);
    g_assert_cmpstr(charge->dispute, ==,
                    "b metered 2 keys of 512 bits, the platform granted 2 of 512, a got 1 of 256");
}

// Of a session whose buyer has not metered it.
static void test_time(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Federation *federation = fixture->federation;
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    g_autofree char *name = grant_name(request->id, request->attempt);
    Platform__State__Grant *grant = g_hash_table_lookup(federation->accounts->grants, name);
    g_free(grant->session);
    grant->session = g_strdup(FEDERATION_UUID);
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, "b", record);
    WireUsage usage = WIRE_USAGE_INIT;
    usage.record = record;
    usage.request = request->id;
    usage.attempt = request->attempt;
    usage.keys = 2;
    usage.bits = ACCOUNTS_BITS;
    usage.start_us = (guint64)federation->now + 30 * (guint64)G_TIME_SPAN_DAY;
    usage.end_us = usage.start_us + 60 * G_USEC_PER_SEC;
    g_assert_cmpint(accounts_report_usage(fixture, "b", &usage), ==, STATUS_OK);
    // It lasted as long as it says, but it was done before it was granted.
    const WireCharge *charge = accounts_charge_of(fixture, request, "b");
    g_assert_cmpuint(charge->charged_us, ==, 60 * G_USEC_PER_SEC);
    g_assert_cmpuint(charge->end_us, ==, (guint64)federation->now + 2 * G_USEC_PER_SEC);
    g_assert_cmpstr(charge->dispute, ==, "");
    // The buyer's is shorter.
    WireUsageShare share = WIRE_USAGE_SHARE_INIT, *shares = &share;
    share.provider = (char *)"b";
    share.keys = 2;
    share.bits = ACCOUNTS_BITS;
    record_id_derive(request->id, request->attempt, "a", record);
    usage.end_us = usage.start_us + 10 * G_USEC_PER_SEC;
    usage.shares = &shares;
    usage.n_shares = 1;
    accounts_report_usage(fixture, "a", &usage);
    g_assert_cmpuint(charge->charged_us, ==, 12 * G_USEC_PER_SEC);
    g_assert_cmpstr(
        charge->dispute, ==,
        "b metered 2 keys of 512 bits, the platform granted 2 of 512, a got 2 of 512, b "
        "metered 60000 ms, a got 10000");
}

static void forget(FederationFixture *fixture, const Request *request)
{
    const char *agents[] = {"a", "b", "d"};
    fixture->federation->now += 200 * G_USEC_PER_SEC;
    for (gsize i = 0; i < G_N_ELEMENTS(agents); i++) {
        WireOutcome outcome = WIRE_OUTCOME_INIT;
        outcome.request = request->id;
        outcome.attempt = request->attempt;
        outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE;
        outcome.status = QKDNF__V1__STATUS__STATUS_OK;
        request_on_outcome(fixture->federation, &(Sender){agents[i], ROLE_AGENT, 1}, &outcome);
    }
    request_on_timer(fixture->federation, TIMER_FORGET, FEDERATION_UUID);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->requests), ==, 0);
}

// Its records would be taken for those of the first.
static void test_an_id_used_again(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    forget(fixture, request);
    g_assert_null(accounts_ask(fixture));
    federation_fixture_restart(fixture, NULL);
    g_assert_false(accounts_is_new(fixture->federation, FEDERATION_UUID));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accounts/counts-once", test_counts_once);
    g_test_add_func("/accounts/survives", test_survives);
    g_test_add_func("/accounts/overbills", test_overbills);
    g_test_add_data_func("/accounts/underdelivers/seller-first", GINT_TO_POINTER(FALSE),
                         test_underdelivers);
    g_test_add_data_func("/accounts/underdelivers/buyer-first", GINT_TO_POINTER(TRUE),
                         test_underdelivers);
    g_test_add_func("/accounts/time", test_time);
    g_test_add_func("/accounts/an-id-used-again", test_an_id_used_again);
    return g_test_run();
}

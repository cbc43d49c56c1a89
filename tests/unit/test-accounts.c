// SPDX-License-Identifier: Apache-2.0
//
// Accounts at the platform: what counts, once, for how much; periods, batches and netting.

#include "platform/prices.h"
#include "platform/settle.h"
#include "tests/unit/federation-fixture.h"
#include "topics/base/id.h"

#include <string.h>

// a - b - d
static const GraphLink links[] = {{"a-b", "a", "b", 9000}, {"b-d", "b", "d", 9000}};

#define BITS 512 // of the two keys of each request

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->started_us = 0;
    return fixture;
}

// b asks 5 cents a key, all others 2.
static void set_prices(FederationFixture *fixture, const char *currency_of_b)
{
    static FederationPrice dear = {.micro_per_key = 5000000}, cheap = {.micro_per_key = 2000000};
    static FederationTariff of_b = {.seller = (char *)"b", .decimals = 2};
    static FederationTariff of_all = {
        .seller = (char *)"all", .currency = (char *)"EUR", .decimals = 2};
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GPtrArray) of_dear = g_ptr_array_new();
    g_autoptr(GPtrArray) of_cheap = g_ptr_array_new();
    g_autoptr(GPtrArray) tariffs = g_ptr_array_new();
    g_ptr_array_add(of_dear, &dear);
    g_ptr_array_add(of_cheap, &cheap);
    of_b.currency = (char *)currency_of_b;
    of_b.prices = of_dear;
    of_all.prices = of_cheap;
    of_b.bands = of_b.steps = of_all.bands = of_all.steps = none;
    g_ptr_array_add(tariffs, &of_b);
    g_ptr_array_add(tariffs, &of_all);
    FederationAccounts config = {.tariffs = tariffs};
    accounts_free(fixture->federation->accounts);
    fixture->federation->accounts = accounts_new(&config);
    fixture->federation->accounts->closed_at_us = fixture->federation->now;
}

// --- what agents say -----------------------------------------------------------------------------

static void grant(FederationFixture *fixture, const Request *request)
{
    const char *agents[] = {"a", "b", "d"};
    for (gsize i = 0; i < G_N_ELEMENTS(agents); i++) {
        WireOutcome outcome = WIRE_OUTCOME_INIT;
        outcome.request = request->id;
        outcome.attempt = request->attempt;
        outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER;
        outcome.status = QKDNF__V1__STATUS__STATUS_OK;
        request_on_outcome(fixture->federation, &(Sender){agents[i], ROLE_AGENT, 1}, &outcome);
    }
    g_assert_cmpint(request->state, ==, REQUEST_GRANTED);
}

// What the seller says; the buyer, a, says it of both others.
typedef struct {
    const char *agent;
    guint keys;
    guint64 bits;
    guint got_keys; // of each other, where the agent is a
} Report;

// The status of the answer; 0: there is none.
static Status report_as(FederationFixture *fixture, const Request *request, const Report *what,
                        const char *record)
{
    Federation *federation = fixture->federation;
    WireUsageShare shares[] = {WIRE_USAGE_SHARE_INIT, WIRE_USAGE_SHARE_INIT};
    WireUsageShare *pointers[] = {&shares[0], &shares[1]};
    shares[0].provider = (char *)"b";
    shares[1].provider = (char *)"d";
    shares[0].keys = shares[1].keys = what->got_keys;
    shares[0].bits = shares[1].bits = what->got_keys * 256;
    WireUsage usage = WIRE_USAGE_INIT;
    usage.record = (char *)record;
    usage.request = request->id;
    usage.attempt = request->attempt;
    usage.keys = what->keys;
    usage.bits = what->bits;
    usage.start_us = (guint64)federation->now;
    usage.end_us = (guint64)federation->now + 1000;
    usage.shares = pointers;
    usage.n_shares = what->got_keys > 0 ? 2 : 0;
    guint64 before = outbox_n_added(federation->outbox, KIND_USAGE_STATE);
    accounts_on_usage(federation, &(Sender){what->agent, ROLE_AGENT, 1}, &usage);
    if (outbox_n_added(federation->outbox, KIND_USAGE_STATE) == before)
        return (Status)0;
    return charge_find(federation, record) ? STATUS_OK : STATUS_VOIDED;
}

static Status report(FederationFixture *fixture, const Request *request, const Report *what)
{
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, what->agent, record);
    return report_as(fixture, request, what, record);
}

static const WireCharge *charge_of(FederationFixture *fixture, const Request *request,
                                   const char *agent)
{
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, agent, record);
    return charge_find(fixture->federation, record);
}

static Request *ask(FederationFixture *fixture)
{
    char *targets[] = {(char *)"sae-d"};
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = (char *)FEDERATION_UUID;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = targets;
    wire.number = 2;
    wire.size_bits = 256;
    wire.timeout_ms = 10000;
    request_on_request(fixture->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1}, &wire);
    return g_hash_table_lookup(fixture->federation->requests, FEDERATION_UUID);
}

static void report_all(FederationFixture *fixture, const Request *request)
{
    g_assert_cmpint(report(fixture, request, &(Report){"b", 2, BITS, 0}), ==, STATUS_OK);
    g_assert_cmpint(report(fixture, request, &(Report){"a", 2, BITS, 2}), ==, STATUS_OK);
    g_assert_cmpint(report(fixture, request, &(Report){"d", 2, BITS, 0}), ==, STATUS_OK);
}

static guint n_disputed(const FederationFixture *fixture)
{
    guint n = 0;
    for (GTreeNode *node = g_tree_node_first(fixture->federation->accounts->charges); node;
         node = g_tree_node_next(node))
        n += ((const WireCharge *)g_tree_node_value(node))->dispute[0] != '\0';
    return n;
}

// --- what counts ---------------------------------------------------------------------------------

static void test_counts_once(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    // Whether it is granted is not known yet.
    g_assert_cmpint(report(fixture, request, &(Report){"b", 2, BITS, 0}), ==, 0);
    grant(fixture, request);
    report_all(fixture, request);
    report_all(fixture, request);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 3);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->accounts->grants), ==, 0);
    g_assert_cmpuint(n_disputed(fixture), ==, 0);
    // Everybody was crossed off: nothing more can come of it.
    g_assert_cmpint(report(fixture, request, &(Report){"c", 2, BITS, 0}), ==, STATUS_VOIDED);
    g_assert_cmpint(report_as(fixture, request, &(Report){"b", 2, BITS, 0}, FEDERATION_UUID), ==,
                    STATUS_VOIDED);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 3);
}

static void test_survives(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    grant(fixture, request);
    report(fixture, request, &(Report){"b", 2, BITS, 0});
    g_autofree char *id = g_strdup(request->id);
    federation_fixture_restart(fixture, NULL);
    request = g_hash_table_lookup(fixture->federation->requests, id);
    g_assert_nonnull(charge_of(fixture, request, "b"));
    report_all(fixture, request);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 3);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->accounts->grants), ==, 0);
}

static void test_overbills(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    grant(fixture, request);
    report(fixture, request, &(Report){"b", 9, 9 * BITS, 0});
    const WireCharge *charge = charge_of(fixture, request, "b");
    g_assert_cmpuint(charge->charged_keys, ==, 2);
    g_assert_cmpuint(charge->charged_bits, ==, BITS);
    g_assert_cmpstr(charge->dispute, ==,
                    "b metered 9 keys of 4608 bits, the platform granted 2 of 512");
    g_assert_cmpuint(n_disputed(fixture), ==, 1);
}

// The buyer got one key fewer than the seller says; in whichever order that is heard.
static void test_underdelivers(gconstpointer data)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    gboolean is_buyer_first = GPOINTER_TO_INT(data);
    grant(fixture, request);
    if (is_buyer_first)
        report(fixture, request, &(Report){"a", 2, BITS, 1});
    report(fixture, request, &(Report){"b", 2, BITS, 0});
    if (!is_buyer_first)
        report(fixture, request, &(Report){"a", 2, BITS, 1});
    const WireCharge *charge = charge_of(fixture, request, "b");
    g_assert_cmpuint(charge->charged_keys, ==, 1);
    g_assert_cmpuint(charge->charged_bits, ==, 256);
    g_assert_cmpstr(charge->dispute, ==,
                    "b metered 2 keys of 512 bits, the platform granted 2 of 512, a got 1 of 256");
}

// --- periods -------------------------------------------------------------------------------------

static const WireStatement *statement_of(FederationFixture *fixture, const char *seller,
                                         guint64 sequence)
{
    const Series *series = series_find(fixture->federation, seller, "a");
    g_assert_nonnull(series);
    const Platform__State__Batch *batch = series_find_batch(series, sequence);
    g_assert_nonnull(batch);
    return batch->statement;
}

// "a:-14 b:10 d:4"
static char *positions_of(const FederationFixture *fixture)
{
    const WireNetting *netting = g_queue_peek_tail(&fixture->federation->accounts->nettings);
    GString *text = g_string_new(NULL);
    gint64 total = 0;
    for (gsize i = 0; i < netting->n_positions; i++) {
        const WirePosition *position = netting->positions[i];
        g_string_append_printf(text, "%s%s:%" G_GINT64_FORMAT, i > 0 ? " " : "", position->member,
                               position->amount);
        total += position->amount;
    }
    g_assert_cmpint(total, ==, 0);
    return g_string_free(text, FALSE);
}

static void assert_positions(const FederationFixture *fixture, const char *expected)
{
    g_autofree char *text = positions_of(fixture);
    g_assert_cmpstr(text, ==, expected);
}

static void test_settles(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_prices(fixture, "EUR");
    Request *request = ask(fixture);
    grant(fixture, request);
    report_all(fixture, request);
    settle_close(fixture->federation);
    const WireStatement *first = statement_of(fixture, "b", 1);
    g_assert_cmpuint(first->n_records, ==, 1);
    g_assert_cmpuint(first->keys, ==, 2);
    g_assert_cmpuint(first->bits, ==, BITS);
    g_assert_cmpint(first->amount, ==, 10);
    g_assert_cmpint(statement_of(fixture, "d", 1)->amount, ==, 4);
    assert_positions(fixture, "a:-14 b:10 d:4");
    // Nothing is settled twice, and an empty period has its number.
    settle_close(fixture->federation);
    const WireStatement *second = statement_of(fixture, "b", 2);
    g_assert_cmpuint(second->n_records, ==, 0);
    g_assert_cmpint(second->amount, ==, 0);
    g_assert_cmpmem(second->previous.data, second->previous.len, first->digest.data,
                    first->digest.len);
    assert_positions(fixture, "a:0 b:0 d:0");
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 0);
    // And what is repeated now is known to be over.
    g_assert_cmpint(report(fixture, request, &(Report){"b", 2, BITS, 0}), ==, STATUS_VOIDED);
}

static void test_payments(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_prices(fixture, "EUR");
    Request *request = ask(fixture);
    grant(fixture, request);
    report_all(fixture, request);
    settle_close(fixture->federation);
    const WireNetting *netting = g_queue_peek_tail(&fixture->federation->accounts->nettings);
    g_assert_cmpuint(netting->n_payments, ==, 2);
    g_assert_cmpstr(netting->payments[0]->from, ==, "a");
    g_assert_cmpstr(netting->payments[0]->to, ==, "b");
    g_assert_cmpint(netting->payments[0]->amount, ==, 10);
    g_assert_cmpint(netting->payments[1]->amount, ==, 4);
}

static void test_waits_for_rate(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_prices(fixture, "NOK");
    Request *request = ask(fixture);
    grant(fixture, request);
    report_all(fixture, request);
    settle_close(fixture->federation);
    const WireNetting *netting = g_queue_peek_tail(&fixture->federation->accounts->nettings);
    g_assert_cmpuint(netting->n_waiting, ==, 1);
    g_assert_cmpstr(netting->waiting[0], ==, "b a 1");
    assert_positions(fixture, "a:-4 d:4");
    FederationAccounts accounts = {.currency = (char *)"EUR", .decimals = 2};
    FederationExchange rate = {
        .currency = (char *)"NOK", .decimals = 2, .numerator = 1, .denominator = 10};
    g_ptr_array_add(fixture->federation->accounts->rates, exchange_from_config(&rate, &accounts));
    settle_close(fixture->federation);
    assert_positions(fixture, "a:-1 b:1 d:0");
}

// The buyer was waited for, and says afterwards that it got less.
static void test_corrects(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_prices(fixture, "EUR");
    Request *request = ask(fixture);
    grant(fixture, request);
    report(fixture, request, &(Report){"b", 2, BITS, 0});
    settle_close(fixture->federation);
    g_assert_null(series_find(fixture->federation, "b", "a"));
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    settle_close(fixture->federation);
    g_assert_cmpint(statement_of(fixture, "b", 1)->amount, ==, 10);
    report(fixture, request, &(Report){"a", 2, BITS, 1});
    const WireStatement *corrected = statement_of(fixture, "b", 2);
    g_assert_cmpuint(corrected->replaces, ==, 1);
    g_assert_cmpint(corrected->amount, ==, 5);
    settle_close(fixture->federation);
    assert_positions(fixture, "a:5 b:-5");
}

// Both parties get each batch until they have answered, one after the other.
static void answer(FederationFixture *fixture, const char *party, guint64 sequence, Status status,
                   guint64 expected)
{
    WireDispute dispute = WIRE_DISPUTE_INIT;
    dispute.seller = (char *)"b";
    dispute.buyer = (char *)"a";
    dispute.sequence = sequence;
    dispute.status = (Qkdnf__V1__Status)status;
    dispute.text = (char *)(status == STATUS_OK ? "" : "no");
    dispute.expected = expected;
    settle_on_dispute(fixture->federation, &(Sender){party, ROLE_AGENT, 1}, &dispute);
}

static void test_tells(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_prices(fixture, "EUR");
    Request *request = ask(fixture);
    grant(fixture, request);
    report(fixture, request, &(Report){"a", 2, BITS, 2});
    report(fixture, request, &(Report){"b", 2, BITS, 0});
    settle_close(fixture->federation);
    settle_close(fixture->federation);
    Series *series = series_find(fixture->federation, "b", "a");
    Platform__State__Batch *first = series_find_batch(series, 1);
    Platform__State__Batch *second = series_find_batch(series, 2);
    answer(fixture, "d", 1, STATUS_OK, 2);
    g_assert_false(first->seller_has || first->buyer_has);
    answer(fixture, "a", 1, STATUS_OK, 2);
    answer(fixture, "b", 1, STATUS_OK, 2);
    g_assert_true(first->seller_has && first->buyer_has && !second->seller_has);
    // It has lost what it had, and is told from the first on.
    answer(fixture, "b", 2, STATUS_BAD_REQUEST, 1);
    g_assert_false(first->seller_has);
    answer(fixture, "b", 1, STATUS_OK, 2);
    // Who objects is heard once, and no batch changes by it.
    answer(fixture, "b", 2, STATUS_BAD_REQUEST, 2);
    answer(fixture, "a", 2, STATUS_OK, 3);
    answer(fixture, "b", 2, STATUS_BAD_REQUEST, 2);
    g_assert_cmpuint(second->n_objections, ==, 1);
    g_assert_cmpint(series->repeat_us, ==, 0);
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
    g_test_add_func("/accounts/settles", test_settles);
    g_test_add_func("/accounts/payments", test_payments);
    g_test_add_func("/accounts/waits-for-rate", test_waits_for_rate);
    g_test_add_func("/accounts/corrects", test_corrects);
    g_test_add_func("/accounts/tells", test_tells);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/accounts-fixture.h"

#include "platform/prices.h"
#include "tests/unit/published.h"
#include "topics/base/id.h"

// a - b - d
static const GraphLink links[] = {{"a-b", "a", "b", 9000}, {"b-d", "b", "d", 9000}};

FederationFixture *accounts_fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->started_us = 0;
    return fixture;
}

void accounts_set_standing(FederationFixture *fixture, const char *currency_of_b)
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
    tariffs_clear(fixture->federation->accounts);
    tariffs_init(fixture->federation->accounts, &config);
}

void accounts_set_prices(FederationFixture *fixture, const char *currency_of_b)
{
    FederationAccounts none = {0};
    accounts_free(fixture->federation->accounts);
    fixture->federation->accounts = accounts_new(&none);
    fixture->federation->accounts->closed_at_us = fixture->federation->now;
    accounts_set_standing(fixture, currency_of_b);
}

void accounts_grant(FederationFixture *fixture, const Request *request)
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

// --- what is reported ----------------------------------------------------------------------------

static void read_status(gpointer data, const Publish *publish)
{
    Status *ret_status = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    if (topic.kind == KIND_USAGE_STATE)
        *ret_status = (Status)((const WireUsageState *)frame->messages[0])->status;
}

Status accounts_report_usage(FederationFixture *fixture, const char *agent, const WireUsage *usage)
{
    Federation *federation = fixture->federation;
    Status before = (Status)0, status = (Status)0;
    outbox_flush(federation->outbox, federation->now, read_status, &before);
    accounts_on_usage(federation, &(Sender){agent, ROLE_AGENT, 1}, usage);
    outbox_flush(federation->outbox, federation->now, read_status, &status);
    return status;
}

Status accounts_report_as(FederationFixture *fixture, const Request *request,
                          const AccountsReport *what, const char *record)
{
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
    usage.start_us = (guint64)fixture->federation->now;
    usage.end_us = (guint64)fixture->federation->now + 1000;
    usage.shares = pointers;
    usage.n_shares = what->got_keys > 0 ? 2 : 0;
    return accounts_report_usage(fixture, what->agent, &usage);
}

Status accounts_report(FederationFixture *fixture, const Request *request,
                       const AccountsReport *what)
{
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, what->agent, record);
    return accounts_report_as(fixture, request, what, record);
}

const WireCharge *accounts_charge_of(FederationFixture *fixture, const Request *request,
                                     const char *agent)
{
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, agent, record);
    return charge_find(fixture->federation, record);
}

Request *accounts_ask(FederationFixture *fixture)
{
    return accounts_ask_as(fixture, FEDERATION_UUID);
}

Request *accounts_ask_as(FederationFixture *fixture, const char *id)
{
    char *targets[] = {(char *)"sae-d"};
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = (char *)id;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = targets;
    wire.number = 2;
    wire.size_bits = 256;
    wire.timeout_ms = 10000;
    request_on_request(fixture->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1}, &wire);
    return g_hash_table_lookup(fixture->federation->requests, id);
}

void accounts_report_all(FederationFixture *fixture, const Request *request)
{
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0}),
                    ==, STATUS_OK);
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 2}),
                    ==, STATUS_OK);
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"d", 2, ACCOUNTS_BITS, 0}),
                    ==, STATUS_OK);
}

const WireStatement *accounts_statement_of(FederationFixture *fixture, const char *seller,
                                           guint64 sequence)
{
    const Series *series = series_find(fixture->federation, seller, "a");
    g_assert_nonnull(series);
    const Platform__State__Batch *batch = series_find_batch(series, sequence);
    g_assert_nonnull(batch);
    return batch->statement;
}

char *accounts_positions(const FederationFixture *fixture)
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

void accounts_assert_positions(const FederationFixture *fixture, const char *expected)
{
    g_autofree char *text = accounts_positions(fixture);
    g_assert_cmpstr(text, ==, expected);
}

void accounts_answer(FederationFixture *fixture, const char *party, guint64 sequence, Status status,
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

static gboolean acknowledge(gpointer name, gpointer value, gpointer federation)
{
    const Series *series = value;
    for (guint i = 0; i < series->batches->len; i++) {
        const Platform__State__Batch *batch = series->batches->pdata[i];
        WireDispute dispute = WIRE_DISPUTE_INIT;
        dispute.seller = series->seller;
        dispute.buyer = series->buyer;
        dispute.sequence = batch->statement->sequence;
        dispute.status = QKDNF__V1__STATUS__STATUS_OK;
        settle_on_dispute(federation, &(Sender){series->seller, ROLE_AGENT, 1}, &dispute);
        settle_on_dispute(federation, &(Sender){series->buyer, ROLE_AGENT, 1}, &dispute);
    }
    return FALSE;
}

void accounts_acknowledge(FederationFixture *fixture)
{
    g_tree_foreach(fixture->federation->accounts->series, acknowledge, fixture->federation);
}

void accounts_add_charges(FederationFixture *fixture, guint n, const char *dispute)
{
    for (guint i = 0; i < n; i++) {
        g_autofree char *record = g_strdup_printf("%08x-89ab-4cde-8f01-23456789abcd", i);
        WireCharge charge = WIRE_CHARGE_INIT;
        charge.record = record;
        charge.request = (char *)FEDERATION_UUID;
        charge.session = (char *)FEDERATION_UUID;
        charge.seller = (char *)"b";
        charge.buyer = (char *)"a";
        charge.purpose = QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_TRANSIT;
        charge.keys = charge.charged_keys = 1;
        charge.bits = charge.charged_bits = 256;
        charge.start_us = charge.end_us = (guint64)fixture->federation->now;
        charge.charged_us = G_MAXUINT32;
        charge.is_metered = TRUE;
        charge.dispute = (char *)dispute;
        charge_add(fixture->federation, message_copy(&charge.base));
        charge_save(fixture->federation, charge_find(fixture->federation, record));
    }
}

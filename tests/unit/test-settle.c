// SPDX-License-Identifier: Apache-2.0
//
// Periods of settlement at the platform: batches, netting, corrections, and what the parties say.

#include "platform/prices.h"
#include "tests/unit/accounts-fixture.h"
#include "tests/unit/published.h"
#include "topics/base/id.h"

#include <string.h>

static void test_settles(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    settle_close(fixture->federation);
    const WireStatement *first = accounts_statement_of(fixture, "b", 1);
    g_assert_cmpuint(first->n_records, ==, 1);
    g_assert_cmpuint(first->keys, ==, 2);
    g_assert_cmpuint(first->bits, ==, ACCOUNTS_BITS);
    g_assert_cmpint(first->amount, ==, 10);
    g_assert_cmpint(accounts_statement_of(fixture, "d", 1)->amount, ==, 4);
    accounts_assert_positions(fixture, "a:-14 b:10 d:4");
    // Nothing is settled twice, and an empty period has its number.
    accounts_acknowledge(fixture);
    settle_close(fixture->federation);
    const WireStatement *second = accounts_statement_of(fixture, "b", 2);
    g_assert_cmpuint(second->n_records, ==, 0);
    g_assert_cmpint(second->amount, ==, 0);
    g_assert_cmpmem(second->previous.data, second->previous.len, first->digest.data,
                    first->digest.len);
    accounts_assert_positions(fixture, "a:0 b:0 d:0");
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 0);
    // And what is repeated now is known to be over.
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0}),
                    ==, STATUS_VOIDED);
}

// Of b: 5 cents a key, and at that time half; 8 cents from then on.
static void set_prices_that_change(FederationFixture *fixture, gint64 at_us)
{
    static FederationPrice early = {.micro_per_key = 5000000}, late = {.micro_per_key = 8000000};
    static FederationBand band = {.basis_points = 5000};
    FederationTariff tariffs[] = {{.seller = (char *)"b", .currency = (char *)"EUR"},
                                  {.seller = (char *)"b", .currency = (char *)"EUR"}};
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GPtrArray) bands = g_ptr_array_new();
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autoptr(GPtrArray) of_early = g_ptr_array_new();
    g_autoptr(GPtrArray) of_late = g_ptr_array_new();
    guint64 minute = (guint64)(at_us / G_TIME_SPAN_MINUTE) % 1440;
    band.from_minute = (minute + 1380) % 1440;
    band.to_minute = minute;
    g_ptr_array_add(bands, &band);
    g_ptr_array_add(of_early, &early);
    g_ptr_array_add(of_late, &late);
    for (guint i = 0; i < G_N_ELEMENTS(tariffs); i++) {
        tariffs[i].prices = i == 0 ? of_early : of_late;
        tariffs[i].bands = bands;
        tariffs[i].steps = none;
        g_ptr_array_add(list, &tariffs[i]);
    }
    tariffs[1].valid_from_s = (guint64)(at_us / G_USEC_PER_SEC);
    FederationAccounts config = {.tariffs = list};
    tariffs_clear(fixture->federation->accounts);
    tariffs_init(fixture->federation->accounts, &config);
}

// What it costs when b has it begin so long before the platform grants it: b chooses nothing by
// that, neither the tariff nor the time of day.
static void test_prices_of_the_grant(void)
{
    static const struct {
        gint64 claim_us, granted_us; // before and after the prices change
        gint64 amount;
    } cases[] = {{0, -G_TIME_SPAN_MINUTE, 5},
                 {0, G_TIME_SPAN_MINUTE, 16},
                 {40 * G_TIME_SPAN_MINUTE, G_TIME_SPAN_MINUTE, 16},
                 {65 * G_TIME_SPAN_MINUTE, -G_TIME_SPAN_MINUTE, 5}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FederationFixture) fixture = accounts_fixture_new();
        Federation *federation = fixture->federation;
        gint64 change_us = (federation->now / G_TIME_SPAN_MINUTE + 5) * G_TIME_SPAN_MINUTE;
        set_prices_that_change(fixture, change_us);
        federation->now = change_us + cases[i].granted_us;
        Request *request = accounts_ask(fixture);
        accounts_grant(fixture, request);
        char record[UUID_CHARS + 1];
        record_id_derive(request->id, request->attempt, "b", record);
        WireUsage usage = WIRE_USAGE_INIT;
        usage.record = record;
        usage.request = request->id;
        usage.attempt = request->attempt;
        usage.keys = 2;
        usage.bits = ACCOUNTS_BITS;
        usage.start_us = (guint64)(federation->now - cases[i].claim_us);
        usage.end_us = (guint64)federation->now;
        g_assert_cmpint(accounts_report_usage(fixture, "b", &usage), ==, STATUS_OK);
        guint64 granted_us = (guint64)federation->now;
        federation->now += 11 * G_USEC_PER_SEC;
        settle_close(federation);
        const WireStatement *statement = accounts_statement_of(fixture, "b", 1);
        g_assert_cmpint(statement->amount, ==, cases[i].amount);
        g_assert_cmpuint(statement->items[0]->granted_at_us, ==, granted_us);
    }
}

// b has the first record begin after the second: it is the platform's order in which the volume
// grows.
static void test_volume_grows_by_grants(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_add_charges(fixture, 2, "");
    for (guint i = 0; i < 2; i++) {
        g_autofree char *record = g_strdup_printf("%08x-89ab-4cde-8f01-23456789abcd", i);
        WireCharge *charge = charge_find(fixture->federation, record);
        due_unlist(fixture->federation->accounts, charge);
        charge->granted_at_us = charge->start_us + i;
        charge->start_us -= i * (guint64)G_TIME_SPAN_MINUTE;
        due_list(fixture->federation->accounts, charge);
    }
    settle_close(fixture->federation);
    const WireStatement *statement = accounts_statement_of(fixture, "b", 1);
    g_assert_cmpuint(statement->items[0]->granted_at_us, <, statement->items[1]->granted_at_us);
}

static void test_payments(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
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
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "NOK");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    settle_close(fixture->federation);
    const WireNetting *netting = g_queue_peek_tail(&fixture->federation->accounts->nettings);
    g_assert_cmpuint(netting->n_waiting, ==, 1);
    g_assert_cmpstr(netting->waiting[0], ==, "b a 1");
    g_assert_nonnull(g_tree_lookup(fixture->federation->alarms, "netting.waits"));
    accounts_assert_positions(fixture, "a:-4 d:4");
    FederationAccounts accounts = {.currency = (char *)"EUR", .decimals = 2};
    FederationExchange rate = {
        .currency = (char *)"NOK", .decimals = 2, .numerator = 1, .denominator = 10};
    g_ptr_array_add(fixture->federation->accounts->rates, exchange_from_config(&rate, &accounts));
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:-1 b:1 d:0");
}

// Each record costs almost all that one may, 400 of them are a batch, and a thousand times that, in
// the currency of the netting, is almost half of what can be said. What is too much for one netting
// waits for the next, for both parties: nothing is cut.
static void test_all_that_can_be_said(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "NOK");
    Accounts *accounts = fixture->federation->accounts;
    FederationAccounts config = {.currency = (char *)"EUR", .decimals = 2};
    FederationExchange rate = {
        .currency = (char *)"NOK", .decimals = 2, .numerator = 1000, .denominator = 1};
    g_ptr_array_add(accounts->rates, exchange_from_config(&rate, &config));
    accounts_add_charges(fixture, 3 * BATCH_RECORDS_MAX + 1, "");
    for (GTreeNode *node = g_tree_node_first(accounts->charges); node;
         node = g_tree_node_next(node)) {
        WireCharge *charge = g_tree_node_value(node);
        WirePrice *price = tariff_of(fixture->federation, charge)->prices[0];
        price->micro_per_key = 0;
        price->micro_per_bit = 1000000000;
        charge->charged_bits = G_GUINT64_CONSTANT(9000000000);
    }
    settle_close(fixture->federation);
    g_assert_cmpint(accounts_statement_of(fixture, "b", 3)->amount, ==,
                    G_GINT64_CONSTANT(3600000000000000));
    const WireNetting *netting = g_queue_peek_tail(&accounts->nettings);
    g_assert_cmpuint(netting->n_waiting, ==, 1);
    g_assert_cmpstr(netting->waiting[0], ==, "b a 3");
    accounts_assert_positions(fixture, "a:-7209000000000000000 b:7209000000000000000");
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:-3600000000000000000 b:3600000000000000000");
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:0 b:0");
}

// The buyer was waited for, and says afterwards that it got less.
static void test_corrects(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    settle_close(fixture->federation);
    g_assert_null(series_find(fixture->federation, "b", "a"));
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    settle_close(fixture->federation);
    g_assert_cmpint(accounts_statement_of(fixture, "b", 1)->amount, ==, 10);
    accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    const WireStatement *corrected = accounts_statement_of(fixture, "b", 2);
    g_assert_cmpuint(corrected->replaces, ==, 1);
    g_assert_cmpint(corrected->amount, ==, 5);
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:5 b:-5");
}

static void test_tells(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 2});
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    settle_close(fixture->federation);
    settle_close(fixture->federation);
    Series *series = series_find(fixture->federation, "b", "a");
    Platform__State__Batch *first = series_find_batch(series, 1);
    Platform__State__Batch *second = series_find_batch(series, 2);
    accounts_answer(fixture, "d", 1, STATUS_OK, 2);
    g_assert_false(first->seller_has || first->buyer_has);
    accounts_answer(fixture, "a", 1, STATUS_OK, 2);
    accounts_answer(fixture, "b", 1, STATUS_OK, 2);
    g_assert_true(first->seller_has && first->buyer_has && !second->seller_has);
    // It has lost what it had, and is told from the first on.
    accounts_answer(fixture, "b", 2, STATUS_BAD_REQUEST, 1);
    g_assert_false(first->seller_has);
    accounts_answer(fixture, "b", 1, STATUS_OK, 2);
    // Who objects is heard once, and no batch changes by it.
    accounts_answer(fixture, "b", 2, STATUS_BAD_REQUEST, 2);
    accounts_answer(fixture, "a", 2, STATUS_OK, 3);
    accounts_answer(fixture, "b", 2, STATUS_BAD_REQUEST, 2);
    g_assert_cmpuint(second->n_objections, ==, 1);
    g_assert_cmpint(series->repeat_us, ==, 0);
}

// What is over is over after a restart, too.
static void test_a_restart_settles_nothing_again(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:-14 b:10 d:4");
    guint64 from_us = (guint64)fixture->federation->accounts->from_us;
    federation_fixture_restart(fixture, NULL);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
    g_assert_cmpuint((guint64)fixture->federation->accounts->from_us, ==, from_us);
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:0 b:0 d:0");
    g_assert_cmpuint(accounts_statement_of(fixture, "b", 2)->n_records, ==, 0);
}

// An operator's question closes one period, however often it is said.
static void test_an_operator_repeats_itself(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    WireAccountsCommand command = WIRE_ACCOUNTS_COMMAND_INIT;
    command.action = QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_SETTLE;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)FEDERATION_UUID;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_ACCOUNTS;
    admin.accounts = &command;
    accounts_on_command(fixture->federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
    accounts_on_command(fixture->federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
    federation_fixture_restart(fixture, NULL);
    accounts_on_command(fixture->federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
}

// As many bits, it says, but no key.
static void test_fewer_keys(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    settle_close(fixture->federation);
    WireUsageShare share = WIRE_USAGE_SHARE_INIT, *shares = &share;
    share.provider = (char *)"b";
    share.bits = ACCOUNTS_BITS;
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, "a", record);
    WireUsage usage = WIRE_USAGE_INIT;
    usage.record = record;
    usage.request = request->id;
    usage.attempt = request->attempt;
    usage.shares = &shares;
    usage.n_shares = 1;
    accounts_report_usage(fixture, "a", &usage);
    g_assert_cmpint(accounts_statement_of(fixture, "b", 2)->amount, ==, 0);
}

// However many periods close before the buyer says what it got.
static void test_the_buyers_word_counts_late(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    for (guint i = 0; i < 3; i++)
        settle_close(fixture->federation);
    accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    g_assert_cmpuint(accounts_statement_of(fixture, "b", 4)->replaces, ==, 1);
    accounts_report(fixture, request, &(AccountsReport){"d", 2, ACCOUNTS_BITS, 0});
    settle_close(fixture->federation);
    // Who has not its batches yet may say again what is in them.
    settle_close(fixture->federation);
    g_assert_cmpint(accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0}),
                    ==, STATUS_OK);
    accounts_acknowledge(fixture);
    settle_close(fixture->federation);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 0);
}

// Others were settled at the prices of their time.
static void test_one_record_is_corrected(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    accounts_add_charges(fixture, 3, "");
    settle_close(fixture->federation);
    g_assert_cmpint(accounts_statement_of(fixture, "b", 1)->amount, ==, 15);
    WireCharge *charge = charge_find(fixture->federation, "00000001-89ab-4cde-8f01-23456789abcd");
    WireTariff *tariff = (WireTariff *)tariff_of(fixture->federation, charge);
    tariff->prices[0]->micro_per_key = 50000000;
    tariff->minimum = 12;
    charge->charged_keys = 0;
    settle_correct(fixture->federation, charge);
    const WireStatement *corrected = accounts_statement_of(fixture, "b", 2);
    g_assert_cmpint(corrected->items[0]->amount, ==, 5);
    g_assert_cmpint(corrected->items[1]->amount, ==, 0);
    g_assert_cmpint(corrected->items[2]->amount, ==, 5);
    g_assert_cmpint(corrected->minimum, ==, 2);
    g_assert_cmpint(corrected->amount, ==, 12);
    g_assert_cmpuint(charge->sequence, ==, 2);
    // Nothing becomes dearer by it.
    charge = charge_find(fixture->federation, "00000002-89ab-4cde-8f01-23456789abcd");
    charge->charged_bits = 128;
    settle_correct(fixture->federation, charge);
    corrected = accounts_statement_of(fixture, "b", 3);
    g_assert_cmpint(corrected->items[0]->amount, ==, 5);
    g_assert_cmpint(corrected->items[1]->amount, ==, 0);
    g_assert_cmpint(corrected->items[2]->amount, ==, 5);
}

// Whatever the tariff asks for meanwhile.
static void test_a_correction_makes_nothing_dearer(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    accounts_add_charges(fixture, 3, "");
    settle_close(fixture->federation);
    WireCharge *charge = charge_find(fixture->federation, "00000001-89ab-4cde-8f01-23456789abcd");
    ((WireTariff *)tariff_of(fixture->federation, charge))->minimum = 1000;
    charge->charged_keys = 0;
    settle_correct(fixture->federation, charge);
    g_assert_cmpint(accounts_statement_of(fixture, "b", 2)->amount, ==, 15);
}

// With the longest IDs and remarks.
static void test_a_batch_fits_its_kind(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    char id[ID_MAX_BYTES + 1] = "";
    memset(id, 'p', ID_MAX_BYTES);
    g_autofree char *dispute = g_strdup_printf(
        "%s metered %u keys of %" G_GUINT64_FORMAT " bits, the platform granted %u of %d, %s got "
        "%u of %" G_GUINT64_FORMAT ", %s metered %" G_GUINT64_FORMAT " ms, %s got %d",
        id, G_MAXUINT, G_MAXUINT64, 2u, 512, id, G_MAXUINT, G_MAXUINT64, id, G_MAXUINT64, id, 1);
    accounts_add_charges(fixture, BATCH_RECORDS_MAX + 1, dispute);
    for (GTreeNode *node = g_tree_node_first(fixture->federation->accounts->charges); node;
         node = g_tree_node_next(node))
        ((WireCharge *)g_tree_node_value(node))->agreement = g_strdup(FEDERATION_UUID);
    settle_close(fixture->federation);
    const WireStatement *statement = accounts_statement_of(fixture, "b", 1);
    g_assert_cmpuint(statement->n_records, ==, BATCH_RECORDS_MAX);
    g_assert_cmpuint(protobuf_c_message_get_packed_size(&statement->base), <,
                     kind_get(KIND_STATEMENT)->max_bytes);
    g_assert_cmpuint(accounts_statement_of(fixture, "b", 2)->n_records, ==, 1);
}

// A batch is kept until it is in a netting, and with both parties.
static void test_keeps_what_is_not_over(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "NOK");
    accounts_add_charges(fixture, 1, "");
    for (guint i = 0; i < 1010; i++)
        settle_close(fixture->federation);
    Series *series = series_find(fixture->federation, "b", "a");
    g_assert_cmpuint(series->batches->len, ==, 1010);
    for (guint64 i = 1; i <= 1010; i++) {
        accounts_answer(fixture, "a", i, STATUS_OK, 0);
        accounts_answer(fixture, "b", i, STATUS_OK, 0);
    }
    settle_close(fixture->federation);
    g_assert_nonnull(series_find_batch(series, 1));
    FederationAccounts accounts = {.currency = (char *)"EUR", .decimals = 2};
    FederationExchange rate = {
        .currency = (char *)"NOK", .decimals = 2, .numerator = 1, .denominator = 1};
    g_ptr_array_add(fixture->federation->accounts->rates, exchange_from_config(&rate, &accounts));
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:-5 b:5");
    settle_close(fixture->federation);
    g_assert_null(series_find_batch(series, 1));
}

// A record that may still become less outlives its batch, and stays settled.
static void test_outlives_its_batch(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    g_autofree char *record = g_strdup(accounts_charge_of(fixture, request, "b")->record);
    fixture->federation->now += G_TIME_SPAN_MINUTE;
    for (guint i = 0; i < 1001; i++) {
        settle_close(fixture->federation);
        accounts_acknowledge(fixture);
    }
    g_assert_null(series_find_batch(series_find(fixture->federation, "b", "a"), 1));
    federation_fixture_restart(fixture, NULL);
    accounts_set_standing(fixture, "EUR");
    g_assert_cmpuint(charge_find(fixture->federation, record)->sequence, ==, 1);
    settle_close(fixture->federation);
    g_assert_cmpuint(accounts_statement_of(fixture, "b", 1002)->n_records, ==, 0);
}

typedef struct {
    guint n_statements;
    guint n_objections;
    gboolean has_more;
    gsize n_bytes;
    char *cursor;
} Listed;

static void read_listed(gpointer data, const Publish *publish)
{
    Listed *listed = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    if (topic.kind != KIND_ADMIN_REPLY)
        return;
    const WireAdminReply *reply = (const WireAdminReply *)frame->messages[0];
    listed->n_statements += (guint)reply->n_statements;
    listed->n_objections += (guint)reply->n_objections;
    listed->has_more = reply->more;
    listed->n_bytes = protobuf_c_message_get_packed_size(&reply->base);
    g_free(listed->cursor);
    listed->cursor = g_strdup(reply->cursor);
}

// As many as fit an answer, each once, and none is too long for its kind.
static void test_batches_are_listed_in_pages(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Federation *federation = fixture->federation;
    accounts_add_charges(fixture, 3 * BATCH_RECORDS_MAX, "");
    for (guint i = 0; i < 20; i++)
        settle_close(federation);
    accounts_answer(fixture, "a", 1, STATUS_BAD_REQUEST, 2);
    WireAccountsCommand command = WIRE_ACCOUNTS_COMMAND_INIT;
    command.action = QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_STATEMENTS;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)FEDERATION_UUID;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_ACCOUNTS;
    admin.accounts = &command;
    Listed listed = {.cursor = g_strdup("")};
    guint n_pages = 0;
    do {
        command.after = listed.cursor;
        accounts_on_command(federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
        outbox_flush(federation->outbox, federation->now, read_listed, &listed);
        g_assert_cmpuint(listed.n_bytes, <=, kind_get(KIND_ADMIN_REPLY)->max_bytes);
        n_pages++;
    } while (listed.has_more && n_pages < 100);
    g_assert_cmpuint(listed.n_statements, ==, series_find(federation, "b", "a")->sequence);
    g_assert_cmpuint(listed.n_objections, ==, 1);
    g_assert_cmpuint(n_pages, >, 1);
    g_assert_cmpuint(n_pages, <, 6);
    g_free(listed.cursor);
}

// Whoever objects without end costs little.
static void test_objects_for_ever(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_add_charges(fixture, 1, "");
    settle_close(fixture->federation);
    settle_close(fixture->federation);
    guint64 before = outbox_n_added(fixture->federation->outbox, KIND_STATEMENT);
    for (guint i = 0; i < 1000; i++) {
        accounts_answer(fixture, "b", 1, STATUS_BAD_REQUEST, 0);
        accounts_answer(fixture, "b", 2, STATUS_BAD_REQUEST, 1);
    }
    const Series *series = series_find(fixture->federation, "b", "a");
    g_assert_cmpuint(series_find_batch(series, 1)->n_objections, ==, 1);
    // The other's are not told again by it.
    g_assert_cmpuint(outbox_n_added(fixture->federation->outbox, KIND_STATEMENT) - before, <=,
                     1000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settle/settles", test_settles);
    g_test_add_func("/settle/prices-of-the-grant", test_prices_of_the_grant);
    g_test_add_func("/settle/volume-grows-by-grants", test_volume_grows_by_grants);
    g_test_add_func("/settle/all-that-can-be-said", test_all_that_can_be_said);
    g_test_add_func("/settle/payments", test_payments);
    g_test_add_func("/settle/waits-for-rate", test_waits_for_rate);
    g_test_add_func("/settle/corrects", test_corrects);
    g_test_add_func("/settle/tells", test_tells);
    g_test_add_func("/settle/a-restart-settles-nothing-again",
                    test_a_restart_settles_nothing_again);
    g_test_add_func("/settle/an-operator-repeats-itself", test_an_operator_repeats_itself);
    g_test_add_func("/settle/fewer-keys", test_fewer_keys);
    g_test_add_func("/settle/the-buyers-word-counts-late", test_the_buyers_word_counts_late);
    g_test_add_func("/settle/one-record-is-corrected", test_one_record_is_corrected);
    g_test_add_func("/settle/a-correction-makes-nothing-dearer",
                    test_a_correction_makes_nothing_dearer);
    g_test_add_func("/settle/a-batch-fits-its-kind", test_a_batch_fits_its_kind);
    g_test_add_func("/settle/keeps-what-is-not-over", test_keeps_what_is_not_over);
    g_test_add_func("/settle/outlives-its-batch", test_outlives_its_batch);
    g_test_add_func("/settle/objects-for-ever", test_objects_for_ever);
    g_test_add_func("/settle/batches-are-listed-in-pages", test_batches_are_listed_in_pages);
    return g_test_run();
}

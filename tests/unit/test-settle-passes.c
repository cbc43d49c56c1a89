// SPDX-License-Identifier: Apache-2.0
//
// A period of many records closes in many passes: between any two of them the platform may die, and
// be asked, told and paid; every record is in one batch.

#include "tests/unit/accounts-fixture.h"

#include "platform/conduct.h"
#include "platform/prices.h"

#include <string.h>

#define N_RECORDS 9000

static FederationFixture *fixture_new(guint n_records)
{
    FederationFixture *fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    accounts_add_charges(fixture, n_records, "");
    return fixture;
}

static gboolean is_closing(const FederationFixture *fixture)
{
    return settle_is_closing(fixture->federation->accounts);
}

static void next_pass(FederationFixture *fixture)
{
    federation_tick(fixture->federation, fixture->federation->now + 1);
}

// Each record once, in a row of batches; their sum.
static gint64 check_batches(const FederationFixture *fixture, guint n_records)
{
    const Series *series = series_find(fixture->federation, "b", "a");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    gint64 sum = 0;
    for (guint i = 0; i < series->batches->len; i++) {
        const WireStatement *statement =
            ((Platform__State__Batch *)series->batches->pdata[i])->statement;
        g_assert_cmpuint(statement->sequence, ==, i + 1);
        for (gsize j = 0; j < statement->n_items; j++)
            g_assert_true(g_hash_table_add(seen, statement->items[j]->record));
        sum += statement->amount;
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, n_records);
    return sum;
}

static void test_in_pieces(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    guint n_passes = 1;
    settle_close(fixture->federation);
    for (; is_closing(fixture); n_passes++) {
        // It does so already.
        settle_close(fixture->federation);
        g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
        next_pass(fixture);
    }
    g_assert_cmpuint(n_passes, >=, 4);
    g_assert_cmpint(check_batches(fixture, N_RECORDS), ==, 5 * N_RECORDS);
    accounts_assert_positions(fixture, "a:-45000 b:45000");
    // And so they are forgotten.
    accounts_acknowledge(fixture);
    settle_close(fixture->federation);
    for (n_passes = 1; is_closing(fixture); n_passes++)
        next_pass(fixture);
    g_assert_cmpuint(n_passes, >=, 4);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->charges), ==, 0);
    g_assert_cmpint(check_batches(fixture, N_RECORDS), ==, 5 * N_RECORDS);
    accounts_assert_positions(fixture, "a:0 b:0");
}

// It dies after each commit, and before each.
static void test_dies_between(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    federation_fixture_restart(fixture, NULL);
    accounts_set_standing(fixture, "EUR");
    settle_close(fixture->federation);
    while (is_closing(fixture)) {
        federation_fixture_restart(fixture, NULL);
        accounts_set_standing(fixture, "EUR");
        g_assert_true(is_closing(fixture));
        next_pass(fixture);
        federation_fixture_crash(fixture, NULL);
        accounts_set_standing(fixture, "EUR");
        g_assert_true(is_closing(fixture));
        next_pass(fixture);
    }
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
    g_assert_cmpint(check_batches(fixture, N_RECORDS), ==, 5 * N_RECORDS);
    accounts_assert_positions(fixture, "a:-45000 b:45000");
}

// An operator is answered once it is done, and means one period.
static void test_is_answered_at_the_end(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    WireAccountsCommand command = WIRE_ACCOUNTS_COMMAND_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    Federation *federation = fixture->federation;
    command.action = QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_SETTLE;
    admin.id = (char *)FEDERATION_UUID;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_ACCOUNTS;
    admin.accounts = &command;
    guint64 before = outbox_n_added(federation->outbox, KIND_ADMIN_REPLY);
    accounts_on_command(federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
    while (is_closing(fixture)) {
        accounts_on_command(federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
        g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_ADMIN_REPLY), ==, before);
        next_pass(fixture);
    }
    accounts_on_command(federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
    g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_ADMIN_REPLY), ==, before + 1);
    g_assert_cmpuint(federation->accounts->period, ==, 1);
}

static void ask_to_settle(FederationFixture *fixture, const char *operator_id, const char *id)
{
    WireAccountsCommand command = WIRE_ACCOUNTS_COMMAND_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    command.action = QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_SETTLE;
    admin.id = (char *)id;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_ACCOUNTS;
    admin.accounts = &command;
    accounts_on_command(fixture->federation, &(Sender){operator_id, ROLE_OPERATOR, 1}, &admin);
}

#define OTHER_UUID "00000000-0000-4000-8000-00000000000b"

// Two operators ask at once, and go on asking: both are answered with the one period that closes.
static void test_two_ask_at_once(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    guint64 before = outbox_n_added(fixture->federation->outbox, KIND_ADMIN_REPLY);
    while (fixture->federation->accounts->period == 0 || is_closing(fixture)) {
        ask_to_settle(fixture, "op", FEDERATION_UUID);
        ask_to_settle(fixture, "other", OTHER_UUID);
        next_pass(fixture);
    }
    g_assert_cmpuint(outbox_n_added(fixture->federation->outbox, KIND_ADMIN_REPLY), ==, before);
    federation_fixture_restart(fixture, NULL);
    before = outbox_n_added(fixture->federation->outbox, KIND_ADMIN_REPLY);
    ask_to_settle(fixture, "op", FEDERATION_UUID);
    ask_to_settle(fixture, "other", OTHER_UUID);
    g_assert_cmpuint(outbox_n_added(fixture->federation->outbox, KIND_ADMIN_REPLY), ==, before + 2);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
    // Another wish is another period.
    ask_to_settle(fixture, "op", "00000000-0000-4000-8000-00000000000c");
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 2);
}

// However many wait, they cost no more than so much; and what is no ID is refused.
static void test_many_ask_at_once(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    Federation *federation = fixture->federation;
    guint64 before = outbox_n_added(federation->outbox, KIND_ADMIN_REPLY);
    ask_to_settle(fixture, "op", "two words");
    g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_ADMIN_REPLY), ==, before + 1);
    g_assert_cmpuint(federation->accounts->period, ==, 0);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *id = g_strdup_printf("question-%u", i);
        ask_to_settle(fixture, "op", id);
    }
    g_assert_true(is_closing(fixture));
    g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_ADMIN_REPLY), ==, before + 1 + 36);
    // Who waited for the last does not count for the next.
    while (is_closing(fixture))
        next_pass(fixture);
    ask_to_settle(fixture, "op", "another");
    g_assert_cmpuint(federation->accounts->settled_by->len, ==, 1);
    g_assert_cmpstr(federation->accounts->settled_by->pdata[0], ==, "another");
}

// What comes in meanwhile is in this period or the next one, once.
static void test_goes_on_meanwhile(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    settle_close(fixture->federation);
    g_assert_true(is_closing(fixture));
    Request *request = accounts_ask_as(fixture, "11234567-89ab-4cde-8f01-23456789abcd");
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    while (is_closing(fixture))
        next_pass(fixture);
    settle_close(fixture->federation);
    while (is_closing(fixture))
        next_pass(fixture);
    g_assert_cmpint(check_batches(fixture, N_RECORDS + 1), ==, 5 * N_RECORDS + 10);
    g_assert_cmpint(accounts_statement_of(fixture, "d", 1)->amount, ==, 4);
}

static const char first_record[] = "00000000-89ab-4cde-8f01-23456789abcd";

static FederationFixture *fixture_with_minimum(gint64 minimum)
{
    FederationFixture *fixture = fixture_new(N_RECORDS);
    const WireCharge *charge = charge_find(fixture->federation, first_record);
    ((WireTariff *)tariff_of(fixture->federation, charge))->minimum = minimum;
    return fixture;
}

// What was counted of one pair is not another's.
static void test_another_pair_comes_between(void)
{
    g_autoptr(FederationFixture) fixture = fixture_with_minimum(50000);
    settle_close(fixture->federation);
    g_assert_true(is_closing(fixture));
    WireCharge *charge = message_copy(&charge_find(fixture->federation, first_record)->base);
    charge->record[0] = 'f';
    charge->seller[0] = 'a';
    charge->buyer[0] = 'd';
    charge->sequence = 0;
    charge_add(fixture->federation, charge);
    while (is_closing(fixture))
        next_pass(fixture);
    const Series *between = series_find(fixture->federation, "a", "d");
    const WireStatement *statement = series_find_batch((Series *)between, 1)->statement;
    g_assert_cmpuint(statement->n_items, ==, 1);
    g_assert_cmpint(statement->amount, ==, 2);
    g_assert_cmpint(check_batches(fixture, N_RECORDS), ==, 50000);
}

// A period has its minimum once, whatever passes it took.
static void test_has_one_minimum(void)
{
    g_autoptr(FederationFixture) fixture = fixture_with_minimum(50000);
    settle_close(fixture->federation);
    while (is_closing(fixture))
        next_pass(fixture);
    g_assert_cmpint(check_batches(fixture, N_RECORDS), ==, 50000);
    accounts_assert_positions(fixture, "a:-50000 b:50000");
}

// n pairs with one record each.
static void add_pairs(FederationFixture *fixture, guint n)
{
    accounts_add_charges(fixture, n, "");
    for (guint i = 0; i < n; i++) {
        g_autofree char *record = g_strdup_printf("%08x-89ab-4cde-8f01-23456789abcd", i);
        WireCharge *charge = message_copy(&charge_find(fixture->federation, record)->base);
        g_free(charge->buyer);
        charge->buyer = g_strdup_printf("m%04u", i);
        charge_add(fixture->federation, charge);
        charge_save(fixture->federation, charge);
    }
}

static void assert_sum(const FederationFixture *fixture, gint64 of_b)
{
    const WireNetting *netting = g_queue_peek_tail(&fixture->federation->accounts->nettings);
    gint64 sum = 0;
    g_assert_cmpuint(netting->period, ==, 1);
    g_assert_cmpuint(netting->n_positions, ==, 501);
    g_assert_cmpint(netting->positions[0]->amount, ==, of_b);
    for (gsize i = 0; i < netting->n_positions; i++)
        sum += netting->positions[i]->amount;
    g_assert_cmpint(sum, ==, 0);
}

// Whenever it dies, each batch is in one netting, once.
static void test_nets_in_pieces(void)
{
    for (guint dies_after = 0; dies_after < 2; dies_after++) {
        g_autoptr(FederationFixture) fixture = accounts_fixture_new();
        guint n_passes = 0;
        accounts_set_prices(fixture, "EUR");
        add_pairs(fixture, 500);
        federation_fixture_restart(fixture, NULL);
        accounts_set_standing(fixture, "EUR");
        settle_close(fixture->federation);
        for (; is_closing(fixture); n_passes++) {
            gboolean is_netting =
                fixture->federation->accounts->stage == PLATFORM__STATE__SETTLE_STAGE__SETTLE_NET;
            if (is_netting && dies_after > 0 && dies_after++ < 4) {
                federation_fixture_restart(fixture, NULL);
                accounts_set_standing(fixture, "EUR");
            }
            next_pass(fixture);
        }
        g_assert_cmpuint(n_passes, >=, 4);
        assert_sum(fixture, 500 * 5);
    }
}

// What is told once a period is closed, is told one after the other.
static void test_tells_in_pieces(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    add_pairs(fixture, 500);
    Federation *federation = fixture->federation;
    settle_close(federation);
    while (is_closing(fixture))
        next_pass(fixture);
    g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_STATEMENT), <=, 20);
    federation_tick(federation, federation->now + G_TIME_SPAN_SECOND);
    g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_STATEMENT), >=, 1000);
}

// However many records wait for the buyer's word, no pass looks at all of them.
static void test_waits_in_pieces(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    Federation *federation = fixture->federation;
    for (guint i = 0; i < N_RECORDS; i++) {
        g_autofree char *record = g_strdup_printf("%08x-89ab-4cde-8f01-23456789abcd", i);
        WireCharge *charge = charge_find(federation, record);
        charge->is_metered = FALSE;
        charge->received_at_us = (guint64)federation->now;
    }
    guint n_passes = 1;
    settle_close(federation);
    for (; is_closing(fixture); n_passes++)
        next_pass(fixture);
    g_assert_cmpuint(n_passes, >=, 4);
    g_assert_null(series_find(federation, "b", "a"));
}

#define N_LATE 500

// So it is with what is given up.
static void test_gives_up_in_pieces(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Federation *federation = fixture->federation;
    accounts_set_prices(fixture, "EUR");
    guint before = g_hash_table_size(federation->accounts->grants), n_passes = 1;
    Platform__State__Grant grant = PLATFORM__STATE__GRANT__INIT;
    for (guint i = 0; i < N_LATE; i++)
        grant_add(federation, g_strdup_printf("%08x/1", i), message_copy(&grant.base));
    g_assert_cmpuint(g_hash_table_size(federation->accounts->grants), ==, before + N_LATE);
    settle_close(federation);
    for (; is_closing(fixture); n_passes++)
        next_pass(fixture);
    g_assert_cmpuint(n_passes, >=, 3);
    g_assert_cmpuint(g_hash_table_size(federation->accounts->grants), ==, before);
}

// A clock that is set back makes nothing wait for the time that it had.
static void test_a_clock_is_set_back(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Federation *federation = fixture->federation;
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    federation->now -= 365 * G_TIME_SPAN_DAY;
    settle_close(federation);
    const WireStatement *statement = accounts_statement_of(fixture, "b", 1);
    g_assert_cmpint(statement->amount, ==, 10);
    g_assert_cmpuint(statement->from_us, <=, statement->until_us);
    g_assert_cmpuint(statement->until_us, ==, (guint64)federation->now);
    accounts_assert_positions(fixture, "a:-10 b:10");
}

// --- again ---------------------------------------------------------------------------------------

// The same settings, with or without a rate for dollars.
static void set_dollars(FederationFixture *fixture, gboolean has_rate)
{
    FederationExchange rate = {
        .currency = (char *)"USD", .decimals = 2, .numerator = 1, .denominator = 1};
    FederationAccounts config = {.currency = (char *)"EUR", .decimals = 2};
    accounts_set_standing(fixture, "USD");
    if (has_rate)
        g_ptr_array_add(fixture->federation->accounts->rates, exchange_from_config(&rate, &config));
}

static void close_period(FederationFixture *fixture)
{
    settle_close(fixture->federation);
    while (is_closing(fixture))
        next_pass(fixture);
}

// Of all nettings.
static gint64 total_of(const FederationFixture *fixture, const char *member)
{
    gint64 total = 0;
    for (GList *item = fixture->federation->accounts->nettings.head; item; item = item->next) {
        const WireNetting *netting = item->data;
        for (gsize i = 0; i < netting->n_positions; i++)
            total += strcmp(netting->positions[i]->member, member) == 0
                         ? netting->positions[i]->amount
                         : 0;
    }
    return total;
}

// A rate goes while its batches are netted: those that were, wait as the others do.
static void test_a_rate_goes_meanwhile(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "USD");
    add_pairs(fixture, 500);
    federation_fixture_restart(fixture, NULL);
    set_dollars(fixture, TRUE);
    settle_close(fixture->federation);
    while (fixture->federation->accounts->stage != PLATFORM__STATE__SETTLE_STAGE__SETTLE_NET)
        next_pass(fixture);
    next_pass(fixture);
    g_assert_true(is_closing(fixture));
    federation_fixture_restart(fixture, NULL);
    set_dollars(fixture, FALSE);
    while (is_closing(fixture))
        next_pass(fixture);
    g_assert_cmpint(total_of(fixture, "b"), ==, 0);
    federation_fixture_restart(fixture, NULL);
    set_dollars(fixture, TRUE);
    close_period(fixture);
    g_assert_cmpint(total_of(fixture, "b"), ==, 500 * 5);
    close_period(fixture);
    g_assert_cmpint(total_of(fixture, "b"), ==, 500 * 5);
}

// However long it takes and however often it asks, it is one that waits.
static void test_an_operator_waits_long(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    Federation *federation = fixture->federation;
    guint64 before = outbox_n_added(federation->outbox, KIND_ADMIN_REPLY);
    ask_to_settle(fixture, "op", FEDERATION_UUID);
    federation->now += 20 * G_TIME_SPAN_SECOND;
    for (guint i = 0; i < 70; i++)
        ask_to_settle(fixture, "op", FEDERATION_UUID);
    ask_to_settle(fixture, "other", OTHER_UUID);
    g_assert_true(is_closing(fixture));
    g_assert_cmpuint(outbox_n_added(federation->outbox, KIND_ADMIN_REPLY), ==, before);
    g_assert_cmpuint(federation->accounts->settled_by->len, ==, 2);
}

// What closed late, was asked for by the same question after a restart, too; and when the clock has
// closed the next meanwhile.
static void test_an_operator_asks_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(N_RECORDS);
    ask_to_settle(fixture, "op", FEDERATION_UUID);
    ask_to_settle(fixture, "other", OTHER_UUID);
    fixture->federation->now += 20 * G_TIME_SPAN_SECOND;
    while (is_closing(fixture))
        next_pass(fixture);
    gint64 finished_us = fixture->federation->now;
    federation_fixture_restart(fixture, NULL);
    accounts_set_standing(fixture, "EUR");
    fixture->federation->now = finished_us + G_TIME_SPAN_SECOND;
    ask_to_settle(fixture, "op", FEDERATION_UUID);
    ask_to_settle(fixture, "other", OTHER_UUID);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 1);
    close_period(fixture);
    ask_to_settle(fixture, "op", FEDERATION_UUID);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 2);
    // Long ago it was another wish.
    fixture->federation->now += 20 * G_TIME_SPAN_SECOND;
    ask_to_settle(fixture, "op", FEDERATION_UUID);
    g_assert_cmpuint(fixture->federation->accounts->period, ==, 3);
}

// The other party's objection finds its place, and what is said again counts no more.
static void test_objects_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(1000);
    close_period(fixture);
    for (guint i = 0; i < 8; i++) {
        accounts_answer(fixture, "b", 1, STATUS_NOT_ALLOWED, 2);
        accounts_answer(fixture, "b", 2, STATUS_NOT_ALLOWED, 1);
        if (i == 4) {
            federation_fixture_restart(fixture, NULL);
            accounts_set_standing(fixture, "EUR");
        }
    }
    accounts_answer(fixture, "a", 1, STATUS_NOT_ALLOWED, 2);
    const Series *series = series_find(fixture->federation, "b", "a");
    const Platform__State__Batch *batch = series_find_batch(series, 1);
    const WireConduct *conduct = g_tree_lookup(fixture->federation->accounts->conducts, "b");
    g_assert_true(batch->buyer_has);
    g_assert_cmpuint(batch->n_objections, ==, 2);
    g_assert_cmpstr(batch->objections[0]->by, ==, "b");
    g_assert_cmpstr(batch->objections[1]->by, ==, "a");
    g_assert_cmpuint(conduct->answered, ==, 1);
    g_assert_cmpuint(conduct->objections, ==, 1);
    g_assert_cmpint(conduct->objected[0]->minor, ==, batch->statement->amount);
}

// Who has agreed and objects when it is told again, objects.
static void test_agrees_then_objects(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(1000);
    close_period(fixture);
    accounts_answer(fixture, "a", 1, STATUS_OK, 2);
    accounts_answer(fixture, "a", 2, STATUS_NOT_ALLOWED, 1);
    accounts_answer(fixture, "a", 1, STATUS_NOT_ALLOWED, 2);
    const Series *series = series_find(fixture->federation, "b", "a");
    const WireConduct *conduct = g_tree_lookup(fixture->federation->accounts->conducts, "a");
    g_assert_cmpuint(series_find_batch(series, 1)->n_objections, ==, 1);
    g_assert_cmpuint(conduct->answered, ==, 1);
    g_assert_cmpuint(conduct->objections, ==, 1);
}

// n records of what b did for itself, which came at that time.
static void add_own(FederationFixture *fixture, guint n, gint64 received_us)
{
    static guint n_all = 0;
    WireCharge charge = WIRE_CHARGE_INIT;
    for (guint i = 0; i < n; i++) {
        g_autofree char *record = g_strdup_printf("%08x-89ab-4cde-8f01-00000000000a", n_all++);
        charge.record = record;
        charge.request = (char *)FEDERATION_UUID;
        charge.seller = charge.buyer = (char *)"b";
        charge.received_at_us = (guint64)received_us;
        charge_add(fixture->federation, message_copy(&charge.base));
        charge_save(fixture->federation, charge_find(fixture->federation, record));
    }
}

// What comes while it closes is of the next period, however much that is; a clock that was set back
// keeps nothing.
static void test_more_comes_meanwhile(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new(0);
    Federation *federation = fixture->federation;
    guint n_passes = 0;
    add_own(fixture, 3000, federation->now);
    add_own(fixture, 3000, federation->now + G_TIME_SPAN_DAY);
    settle_close(federation);
    for (; is_closing(fixture) && n_passes < 20; n_passes++) {
        federation->now++;
        add_own(fixture, 3000, federation->now);
        next_pass(fixture);
    }
    g_assert_false(is_closing(fixture));
    g_assert_cmpint(g_tree_nnodes(federation->accounts->charges), ==, (gint)n_passes * 3000);
    close_period(fixture);
    g_assert_cmpint(g_tree_nnodes(federation->accounts->charges), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settle-passes/in-pieces", test_in_pieces);
    g_test_add_func("/settle-passes/dies-between", test_dies_between);
    g_test_add_func("/settle-passes/is-answered-at-the-end", test_is_answered_at_the_end);
    g_test_add_func("/settle-passes/two-ask-at-once", test_two_ask_at_once);
    g_test_add_func("/settle-passes/many-ask-at-once", test_many_ask_at_once);
    g_test_add_func("/settle-passes/goes-on-meanwhile", test_goes_on_meanwhile);
    g_test_add_func("/settle-passes/another-pair-comes-between", test_another_pair_comes_between);
    g_test_add_func("/settle-passes/has-one-minimum", test_has_one_minimum);
    g_test_add_func("/settle-passes/nets-in-pieces", test_nets_in_pieces);
    g_test_add_func("/settle-passes/tells-in-pieces", test_tells_in_pieces);
    g_test_add_func("/settle-passes/waits-in-pieces", test_waits_in_pieces);
    g_test_add_func("/settle-passes/gives-up-in-pieces", test_gives_up_in_pieces);
    g_test_add_func("/settle-passes/a-clock-is-set-back", test_a_clock_is_set_back);
    g_test_add_func("/settle-passes/a-rate-goes-meanwhile", test_a_rate_goes_meanwhile);
    g_test_add_func("/settle-passes/an-operator-waits-long", test_an_operator_waits_long);
    g_test_add_func("/settle-passes/an-operator-asks-again", test_an_operator_asks_again);
    g_test_add_func("/settle-passes/objects-again", test_objects_again);
    g_test_add_func("/settle-passes/agrees-then-objects", test_agrees_then_objects);
    g_test_add_func("/settle-passes/more-comes-meanwhile", test_more_comes_meanwhile);
    return g_test_run();
}

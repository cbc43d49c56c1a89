// SPDX-License-Identifier: Apache-2.0
//
// What is found about members that say in the accounts what others say differently.

#include "platform/conduct.h"
#include "platform/request.h"
#include "tests/unit/accounts-fixture.h"
#include "tests/unit/published.h"

#include <string.h>

#define N_EVENTS(name) n_events(fixture, name)

typedef struct {
    const char *name;
    guint n;
} Count;

static void count_events(gpointer data, const Publish *publish)
{
    Count *count = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    for (gsize i = 0; topic.kind == KIND_EVENT && i < frame->n_messages; i++)
        count->n += strcmp(((const WireEvent *)frame->messages[i])->name, count->name) == 0;
}

// Since the last call.
static guint n_events(FederationFixture *fixture, const char *name)
{
    Count count = {name, 0};
    outbox_flush(fixture->federation->outbox, fixture->federation->now, count_events, &count);
    return count.n;
}

static const WireConduct *conduct_of(FederationFixture *fixture, const char *member)
{
    return conduct_open(fixture->federation, member);
}

static Request *granted(FederationFixture *fixture)
{
    accounts_set_prices(fixture, "EUR");
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    return request;
}

static void test_overbills(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = granted(fixture);
    accounts_report(fixture, request, &(AccountsReport){"b", 9, 9 * ACCOUNTS_BITS, 0});
    accounts_report(fixture, request, &(AccountsReport){"b", 9, 9 * ACCOUNTS_BITS, 0});
    accounts_report(fixture, request, &(AccountsReport){"d", 2, ACCOUNTS_BITS, 0});
    // Of what it did itself it is buyer and seller: nobody is wronged.
    accounts_report(fixture, request, &(AccountsReport){"a", 9, 9 * ACCOUNTS_BITS, 2});
    federation_fixture_restart(fixture, NULL);
    g_assert_cmpuint(conduct_of(fixture, "b")->overbilled, ==, 1);
    g_assert_cmpuint(conduct_of(fixture, "b")->overbilled_keys, ==, 7);
    g_assert_cmpuint(conduct_of(fixture, "b")->overbilled_bits, ==, 8 * ACCOUNTS_BITS);
    g_assert_cmpuint(conduct_of(fixture, "d")->overbilled, ==, 0);
    g_assert_cmpuint(conduct_of(fixture, "a")->overbilled, ==, 0);
}

// Whoever says the highest number that there is does not count from 0 again.
static void test_overbills_without_end(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = granted(fixture);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, G_MAXUINT64, 0});
    g_assert_cmpuint(conduct_of(fixture, "b")->overbilled_bits, ==, G_MAXUINT64 - ACCOUNTS_BITS);
    request = accounts_ask_as(fixture, "00000000-0000-4000-8000-0000000000bb");
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, 2 * ACCOUNTS_BITS + 1, 0});
    g_assert_cmpuint(conduct_of(fixture, "b")->overbilled, ==, 2);
    g_assert_cmpuint(conduct_of(fixture, "b")->overbilled_bits, ==, G_MAXUINT64);
}

static void test_denies(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = granted(fixture);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    federation_fixture_restart(fixture, NULL);
    g_assert_cmpuint(conduct_of(fixture, "b")->undelivered, ==, 1);
    g_assert_cmpuint(conduct_of(fixture, "d")->undelivered, ==, 1);
    g_assert_cmpuint(conduct_of(fixture, "a")->denied, ==, 2);
    g_assert_cmpuint(conduct_of(fixture, "a")->denied_keys, ==, 2);
    g_assert_cmpuint(conduct_of(fixture, "a")->denied_bits, ==, 512);
}

// The first word counts; another one is told once, however often it is said, also when all is
// reported and the grant is forgotten.
static void test_says_something_else(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = granted(fixture);
    accounts_report_all(fixture, request);
    accounts_report_all(fixture, request);
    N_EVENTS("");
    WireUsage usage = WIRE_USAGE_INIT;
    const WireCharge *charge = accounts_charge_of(fixture, request, "b");
    g_autofree char *record = g_strdup(charge->record), *id = g_strdup(request->id);
    usage.record = record;
    usage.request = id;
    usage.keys = 20;
    usage.bits = 10 * ACCOUNTS_BITS;
    for (guint i = 0; i < 3; i++)
        accounts_on_usage(fixture->federation, &(Sender){"b", ROLE_AGENT, 1}, &usage);
    g_assert_cmpuint(N_EVENTS("usage.changed"), ==, 1);
    g_assert_cmpuint(charge->keys, ==, 2);
    g_assert_cmpuint(charge->charged_keys, ==, 2);
    federation_fixture_restart(fixture, NULL);
    accounts_on_usage(fixture->federation, &(Sender){"b", ROLE_AGENT, 1}, &usage);
    g_assert_cmpuint(N_EVENTS("usage.changed"), ==, 0);
    g_assert_cmpuint(conduct_of(fixture, "b")->changed, ==, 1);
    g_assert_cmpuint(conduct_of(fixture, "a")->changed, ==, 0);
    accounts_set_standing(fixture, "EUR");
    settle_close(fixture->federation);
    accounts_assert_positions(fixture, "a:-14 b:10 d:4");
}

// Of what it did for itself nobody is wronged.
static void test_says_something_else_to_itself(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = granted(fixture);
    N_EVENTS("");
    accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 2});
    accounts_report(fixture, request, &(AccountsReport){"a", 9, 9 * ACCOUNTS_BITS, 2});
    g_assert_cmpuint(conduct_of(fixture, "a")->changed, ==, 0);
    g_assert_cmpuint(N_EVENTS("usage.changed"), ==, 0);
}

// --- sessions ------------------------------------------------------------------------------------

#define SESSION "00000000-0000-4000-8000-0000000000aa"

static void order_in_session(FederationFixture *fixture, Request *request, guint64 first)
{
    WireSessionKeys keys = WIRE_SESSION_KEYS_INIT;
    keys.session = (char *)SESSION;
    keys.first = first;
    wire_free(request->session);
    request->session = message_copy(&keys.base);
    rows_on_orders(fixture->federation, request);
}

static void check(FederationFixture *fixture, guint partial, guint n_orders, guint expected)
{
    WireCharge charge = WIRE_CHARGE_INIT;
    charge.session = (char *)SESSION;
    charge.seller = (char *)"b";
    charge.partial = partial;
    rows_check(fixture->federation, &charge, n_orders);
    g_assert_cmpuint(charge.skipped, ==, expected);
}

static void test_skips(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    for (guint i = 0; i < 4; i++)
        order_in_session(fixture, request, i);
    g_assert_cmpuint(row_orders(fixture->federation, SESSION, "b"), ==, 4);
    g_assert_cmpuint(row_orders(fixture->federation, SESSION, "c"), ==, 0);
    N_EVENTS("");
    // In whichever order they come; a row may begin anew, and not all orders give a record.
    check(fixture, 1, 2, 0);
    check(fixture, 0, 1, 0);
    check(fixture, 0, 3, 0);
    g_assert_cmpuint(N_EVENTS("usage.skipped"), ==, 0);
    // What is missing is told once, though all that follow have too high a number.
    check(fixture, 3, 3, 1);
    check(fixture, 4, 4, 0);
    federation_fixture_restart(fixture, NULL);
    check(fixture, 4, 4, 0);
    check(fixture, 6, 4, 2);
    g_assert_cmpuint(conduct_of(fixture, "b")->skipped, ==, 3);
    // Whoever says the highest number that there is.
    check(fixture, G_MAXUINT32, 1, G_MAXUINT32 - 3);
    rows_drop(fixture->federation, SESSION);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->accounts->rows), ==, 0);
}

// A record that comes when its session is forgotten says nothing of what was told before.
static void test_skips_are_counted_once(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    for (guint i = 0; i < 4; i++)
        order_in_session(fixture, request, i);
    check(fixture, 2, 2, 1);
    rows_drop(fixture->federation, SESSION);
    check(fixture, 3, 3, 0);
    check(fixture, 4, 4, 0);
    g_assert_cmpuint(conduct_of(fixture, "b")->skipped, ==, 1);
}

static void test_a_skip_is_a_remark(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    order_in_session(fixture, request, 0);
    for (guint i = 0; i < request->parts->len; i++)
        ((Part *)request->parts->pdata[i])->order->session = message_copy(&request->session->base);
    accounts_grant(fixture, request);
    WireUsage usage = WIRE_USAGE_INIT;
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, "b", record);
    usage.record = record;
    usage.request = request->id;
    usage.keys = 2;
    usage.bits = ACCOUNTS_BITS;
    usage.partial = 1;
    N_EVENTS("");
    accounts_on_usage(fixture->federation, &(Sender){"b", ROLE_AGENT, 1}, &usage);
    g_assert_cmpuint(N_EVENTS("usage.skipped"), ==, 1);
    const WireCharge *charge = accounts_charge_of(fixture, request, "b");
    g_assert_cmpstr(charge->dispute, ==,
                    "b metered 2 keys of 512 bits, the platform granted 2 of 512, b skipped 1 "
                    "numbers of the session");
    g_assert_cmpuint(charge->charged_keys, ==, 2);
}

// Two keys of the session from that number on: asked for and ordered now, granted after that time.
static Request *carry(FederationFixture *fixture, guint nth, guint64 first, gint64 after_us)
{
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-00000000%04u", nth);
    Request *request = accounts_ask_as(fixture, id);
    order_in_session(fixture, request, first);
    for (guint i = 0; i < request->parts->len; i++)
        ((Part *)request->parts->pdata[i])->order->session = message_copy(&request->session->base);
    fixture->federation->now += after_us;
    accounts_grant(fixture, request);
    return request;
}

static const WireCharge *meter(FederationFixture *fixture, const Request *request, gint64 us)
{
    WireUsage usage = WIRE_USAGE_INIT;
    char record[UUID_CHARS + 1];
    record_id_derive(request->id, request->attempt, "b", record);
    usage.record = record;
    usage.request = request->id;
    usage.keys = 2;
    usage.bits = ACCOUNTS_BITS;
    usage.end_us = (guint64)fixture->federation->now;
    usage.start_us = usage.end_us - (guint64)us;
    g_assert_cmpint(accounts_report_usage(fixture, "b", &usage), ==, STATUS_OK);
    return accounts_charge_of(fixture, request, "b");
}

// The buyer says for how long it had b's part of it.
static void meter_as_buyer(FederationFixture *fixture, const Request *request, guint64 start_us,
                           guint64 end_us)
{
    WireUsageShare share = WIRE_USAGE_SHARE_INIT, *shares = &share;
    WireUsage usage = WIRE_USAGE_INIT;
    char record[UUID_CHARS + 1];
    share.provider = (char *)"b";
    share.keys = 2;
    share.bits = ACCOUNTS_BITS;
    record_id_derive(request->id, request->attempt, "a", record);
    usage.record = record;
    usage.request = request->id;
    usage.start_us = start_us;
    usage.end_us = end_us;
    usage.shares = &shares;
    usage.n_shares = 1;
    g_assert_cmpint(accounts_report_usage(fixture, "a", &usage), ==, STATUS_OK);
}

static guint64 prolonged_us(FederationFixture *fixture)
{
    return conduct_open(fixture->federation, "b")->prolonged_us;
}

#define SECOND G_TIME_SPAN_SECOND

// The first order is granted after 2 s, the second one 30 s later after 1 s: it lasts 33 s at the
// most, from the first order to its own grant. Whoever says so is not cut, nor one whose clock is a
// little fast.
static void test_an_honest_time(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *first = carry(fixture, 0, 0, 2 * SECOND);
    g_assert_cmpuint(meter(fixture, first, 2 * SECOND)->charged_us, ==, 2 * SECOND);
    fixture->federation->now += 30 * SECOND;
    const WireCharge *charge = meter(fixture, carry(fixture, 1, 2, SECOND), 33 * SECOND + 16500);
    g_assert_cmpuint(charge->charged_us, ==, 33 * SECOND + 16500);
    g_assert_cmpstr(charge->dispute, ==, "");
    g_assert_cmpuint(prolonged_us(fixture), ==, 0);
}

// What the seller says too much nobody pays, whether the buyer meters it or not, and after a
// restart.
static void test_a_time_that_is_too_long(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    carry(fixture, 0, 0, 2 * SECOND);
    fixture->federation->now += 30 * SECOND;
    g_autofree char *id = g_strdup(carry(fixture, 1, 2, SECOND)->id);
    federation_fixture_restart(fixture, NULL);
    fixture->federation->now += 60 * SECOND;
    const Request *second = g_hash_table_lookup(fixture->federation->requests, id);
    const WireCharge *charge = meter(fixture, second, 4000 * SECOND);
    g_assert_cmpuint(charge->charged_us, ==, 33 * SECOND + 33000);
    g_assert_cmpstr(
        charge->dispute, ==,
        "b metered 2 keys of 512 bits, the platform granted 2 of 512, b metered 4000000 "
        "ms, the platform saw 33000");
    g_assert_cmpuint(prolonged_us(fixture), ==, 4000 * SECOND - 33 * SECOND - 33000);
    accounts_report(fixture, second, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 2});
    g_assert_cmpuint(charge->charged_us, <=, 33 * SECOND + 33000);
}

// An order a second, each granted after a tenth; the buyer says 1 s each, the seller 2.9 s, which
// is within the tolerance for when both hear of the end. The platform saw 1.1 s.
static void test_a_time_within_the_tolerance(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    carry(fixture, 0, 0, SECOND / 10);
    fixture->federation->now += 9 * SECOND / 10;
    Request *second = carry(fixture, 1, 2, SECOND / 10);
    const WireCharge *charge = meter(fixture, second, 29 * SECOND / 10);
    guint64 now_us = (guint64)fixture->federation->now;
    meter_as_buyer(fixture, second, now_us - (guint64)SECOND, now_us);
    g_assert_true(charge->is_metered);
    g_assert_cmpuint(charge->charged_us, ==, 11 * SECOND / 10 + 1100);
    g_assert_nonnull(strstr(charge->dispute, "b metered 2900 ms, the platform saw 1100"));
    // Said once, though it was looked at twice.
    g_assert_cmpuint(prolonged_us(fixture), ==, 18 * SECOND / 10 - 1100);
}

// The platform saw 60 s, and the seller says so; the buyer says that it had 10 s.
static void test_a_time_of_which_the_buyer_had_less(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = carry(fixture, 0, 0, 60 * SECOND);
    const WireCharge *charge = meter(fixture, request, 60 * SECOND);
    guint64 now_us = (guint64)fixture->federation->now;
    meter_as_buyer(fixture, request, now_us - 10 * SECOND, now_us);
    g_assert_cmpuint(charge->charged_us, ==, 12 * SECOND);
    g_assert_nonnull(strstr(charge->dispute, "b metered 60000 ms, a got 10000"));
    federation_fixture_restart(fixture, NULL);
    g_assert_cmpuint(conduct_of(fixture, "b")->prolonged, ==, 1);
    g_assert_cmpuint(prolonged_us(fixture), ==, 48 * SECOND);
}

// More time than there is makes the bill no smaller, and no seller guilty, whoever speaks first.
static void test_a_time_without_end(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *first = carry(fixture, 0, 0, 60 * SECOND);
    const WireCharge *charge = meter(fixture, first, 60 * SECOND);
    meter_as_buyer(fixture, first, 0, G_MAXUINT64);
    g_assert_true(charge->is_metered);
    g_assert_cmpuint(charge->charged_us, ==, 60 * SECOND);
    g_assert_cmpstr(charge->dispute, ==, "");
    g_autofree char *id = g_strdup(carry(fixture, 1, 2, 60 * SECOND)->id);
    meter_as_buyer(fixture, g_hash_table_lookup(fixture->federation->requests, id), 0, G_MAXUINT64);
    federation_fixture_restart(fixture, NULL);
    const Request *second = g_hash_table_lookup(fixture->federation->requests, id);
    g_assert_cmpuint(meter(fixture, second, 60 * SECOND)->charged_us, ==, 60 * SECOND);
    g_assert_cmpuint(conduct_of(fixture, "b")->prolonged, ==, 0);
}

// While the keys in between go another way, the session is not the seller's.
static void test_a_time_of_others(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    carry(fixture, 0, 0, SECOND);
    fixture->federation->now += 30 * SECOND;
    const WireCharge *charge = meter(fixture, carry(fixture, 1, 4, SECOND), 30 * SECOND);
    g_assert_cmpuint(charge->charged_us, ==, SECOND + 1000);
    g_assert_nonnull(strstr(charge->dispute, "the platform saw 1000"));
}

// Its clock was set back: it knows nothing, and takes the seller's word.
static void test_a_time_by_a_clock_set_back(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    const WireCharge *charge = meter(fixture, carry(fixture, 0, 0, -60 * SECOND), 50 * SECOND);
    g_assert_cmpuint(charge->charged_us, ==, 50 * SECOND);
    g_assert_cmpstr(charge->dispute, ==, "");
}

// Blocks that are under way together, and one of them again.
static void test_times_of_blocks(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    gint64 began_us = fixture->federation->now;
    for (guint i = 0; i < 6; i++) {
        fixture->federation->now = began_us + i * SECOND;
        order_in_session(fixture, request, i * 2);
    }
    order_in_session(fixture, request, 2);
    g_assert_cmpuint(row_seen_us(fixture->federation, request, "b"), ==, 5 * SECOND);
    for (guint i = 6; i < 100; i++) {
        fixture->federation->now = began_us + i * SECOND;
        order_in_session(fixture, request, i * 2);
    }
    // From the order before it on.
    g_assert_cmpuint(row_seen_us(fixture->federation, request, "b"), ==, SECOND);
    g_assert_cmpuint(row_seen_us(fixture->federation, request, "c"), ==, 0);
}

// Nothing is known of the orders that it had before.
static void test_a_session_that_has_begun_before(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = accounts_ask(fixture);
    order_in_session(fixture, request, 5);
    g_assert_cmpuint(row_orders(fixture->federation, SESSION, "b"), ==, 0);
    check(fixture, 17, 0, 0);
    // Nor by what its first keys are copied with, or made with once more.
    request->attempt = 1;
    order_in_session(fixture, request, 0);
    request->attempt = 0;
    WireKeyCopy copy = WIRE_KEY_COPY_INIT;
    request->copy = message_copy(&copy.base);
    order_in_session(fixture, request, 0);
    g_assert_cmpuint(row_orders(fixture->federation, SESSION, "b"), ==, 0);
}

// --- batches -------------------------------------------------------------------------------------

static void test_objects(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    Request *request = granted(fixture);
    accounts_report_all(fixture, request);
    settle_close(fixture->federation);
    accounts_answer(fixture, "a", 1, STATUS_BAD_REQUEST, 2);
    accounts_answer(fixture, "a", 1, STATUS_BAD_REQUEST, 2);
    accounts_answer(fixture, "b", 1, STATUS_OK, 2);
    federation_fixture_restart(fixture, NULL);
    const WireConduct *conduct = conduct_of(fixture, "a");
    g_assert_cmpuint(conduct->bought, ==, 2);
    g_assert_cmpuint(conduct->answered, ==, 1);
    g_assert_cmpuint(conduct->objections, ==, 1);
    g_assert_cmpuint(conduct->n_objected, ==, 1);
    g_assert_cmpint(conduct->objected[0]->minor, ==, 10);
    g_assert_cmpstr(conduct->objected[0]->currency->code, ==, "EUR");
    g_assert_cmpuint(conduct_of(fixture, "b")->sold, ==, 1);
    g_assert_cmpuint(conduct_of(fixture, "b")->objections, ==, 0);
    // The platform says who it was, whatever they say.
    const Platform__State__Batch *batch =
        series_find_batch(series_find(fixture->federation, "b", "a"), 1);
    g_assert_cmpuint(batch->n_objections, ==, 1);
    g_assert_cmpstr(batch->objections[0]->by, ==, "a");
    accounts_assert_positions(fixture, "a:-14 b:10 d:4");
}

// More than a page holds.
#define N_LISTED 401

typedef struct {
    GPtrArray *members;
    gboolean has_more;
    guint n_pages;
} Listed;

static void read_listed(gpointer data, const Publish *publish)
{
    Listed *listed = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    if (topic.kind != KIND_ADMIN_REPLY)
        return;
    const WireAdminReply *reply = (const WireAdminReply *)frame->messages[0];
    for (gsize i = 0; i < reply->n_conducts; i++)
        g_ptr_array_add(listed->members, g_strdup(reply->conducts[i]->member));
    listed->has_more = reply->more;
    listed->n_pages++;
}

// All of them, each once, in order; the pages follow on each other.
static void test_is_listed(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func(g_free);
    WireAccountsCommand command = WIRE_ACCOUNTS_COMMAND_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    Listed listed = {.members = members};
    command.action = QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_PARTIES;
    admin.id = (char *)FEDERATION_UUID;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_ACCOUNTS;
    admin.accounts = &command;
    for (guint i = N_LISTED; i-- > 0;) {
        g_autofree char *member = g_strdup_printf("m%03u", i);
        conduct_open(fixture->federation, member);
    }
    N_EVENTS("");
    do {
        if (members->len > 0)
            command.after = members->pdata[members->len - 1];
        accounts_on_command(fixture->federation, &(Sender){"op", ROLE_OPERATOR, 1}, &admin);
        outbox_flush(fixture->federation->outbox, fixture->federation->now, read_listed, &listed);
    } while (listed.has_more && listed.n_pages < 10);
    g_assert_cmpuint(listed.n_pages, ==, 3);
    g_assert_cmpuint(members->len, ==, N_LISTED);
    for (guint i = 0; i < N_LISTED; i++) {
        g_autofree char *member = g_strdup_printf("m%03u", i);
        g_assert_cmpstr(members->pdata[i], ==, member);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conduct/overbills", test_overbills);
    g_test_add_func("/conduct/overbills-without-end", test_overbills_without_end);
    g_test_add_func("/conduct/denies", test_denies);
    g_test_add_func("/conduct/says-something-else", test_says_something_else);
    g_test_add_func("/conduct/says-something-else-to-itself", test_says_something_else_to_itself);
    g_test_add_func("/conduct/skips", test_skips);
    g_test_add_func("/conduct/skips-are-counted-once", test_skips_are_counted_once);
    g_test_add_func("/conduct/a-skip-is-a-remark", test_a_skip_is_a_remark);
    g_test_add_func("/conduct/an-honest-time", test_an_honest_time);
    g_test_add_func("/conduct/a-time-that-is-too-long", test_a_time_that_is_too_long);
    g_test_add_func("/conduct/a-time-within-the-tolerance", test_a_time_within_the_tolerance);
    g_test_add_func("/conduct/a-time-of-which-the-buyer-had-less",
                    test_a_time_of_which_the_buyer_had_less);
    g_test_add_func("/conduct/a-time-without-end", test_a_time_without_end);
    g_test_add_func("/conduct/a-time-of-others", test_a_time_of_others);
    g_test_add_func("/conduct/a-time-by-a-clock-set-back", test_a_time_by_a_clock_set_back);
    g_test_add_func("/conduct/times-of-blocks", test_times_of_blocks);
    g_test_add_func("/conduct/a-session-that-has-begun-before",
                    test_a_session_that_has_begun_before);
    g_test_add_func("/conduct/objects", test_objects);
    g_test_add_func("/conduct/is-listed", test_is_listed);
    return g_test_run();
}

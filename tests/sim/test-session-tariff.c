// SPDX-License-Identifier: Apache-2.0
//
// An agreement with prices of its own ends while a session runs under it: what was ordered before
// costs what was agreed, however late its record and its batch are; what is ordered afterwards
// costs the standing prices where standing terms take over, and is not there where none do.

#include "schemas/agreement.h"
#include "tests/sim/money.h"
#include "tests/sim/stage.h"
#include "topics/settlement.h"

#include <string.h>

#define SESSION "5e551011-0000-4000-8000-000000000001"
#define SECOND  ((gint64)G_TIME_SPAN_SECOND)

#define OPERATOR  "ops"
#define SIZE_BITS 256
#define CENTS     11 // that beta asks of alpha for a key

static const char *const ids[] = {"01234567-89ab-4cde-8f01-000000000001",
                                  "01234567-89ab-4cde-8f01-000000000002"};

// Of the first agreement, not of the second.
static WirePrice price = WIRE_PRICE_INIT, *prices[] = {&price};
static WireCurrency currency = WIRE_CURRENCY_INIT;
static WireTariff tariff = WIRE_TARIFF_INIT;
static Qkdnf__V1__Purpose relay[] = {QKDNF__V1__PURPOSE__PURPOSE_RELAY};

static Stage *stage_with(gboolean has_standing_terms)
{
    static char *operators[] = {(char *)OPERATOR, NULL};
    Network *network = network_chain(3);
    if (!has_standing_terms)
        network->federation.terms.version = 0;
    network->federation.operators = operators;
    money_set_prices(&network->federation.accounts);
    for (guint i = 0; i < network->sites->len; i++)
        ((Site *)network->sites->pdata[i])->config.operators = operators;
    return stage_new(network);
}

// --- agreements ----------------------------------------------------------------------------------

static void put_on_bus(gpointer data, const Publish *publish)
{
    broker_publish(((Stage *)data)->world->broker, publish->topic, publish->payload);
}

static void say(Stage *stage, const char *to, guint number, AgreementAction action,
                WireAgreementCommand *command)
{
    g_autoptr(Outbox) outbox = outbox_new(OPERATOR, (guint64)world_now(stage->world));
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_AGREEMENT;
    admin.agreement = command;
    command->action = action;
    command->agreement = (char *)ids[number];
    outbox_add(outbox, KIND_ADMIN, to, &admin.base);
    outbox_flush(outbox, world_now(stage->world), put_on_bus, stage);
}

static gboolean has_said(const Stage *stage, guint number, AgreementState state)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        gboolean is_word = seen->kind == KIND_AGREEMENT && strcmp(seen->from, PLATFORM) == 0;
        for (gsize j = 0; is_word && j < seen->frame->n_messages; j++) {
            const WireAgreement *said = (const WireAgreement *)seen->frame->messages[j];
            if (strcmp(said->id, ids[number]) == 0 && said->state == state)
                return TRUE;
        }
    }
    return FALSE;
}

static void await_state(Stage *stage, guint number, AgreementState state)
{
    for (guint i = 0; i < 300; i++) {
        if (has_said(stage, number, state))
            return;
        world_run(stage->world, SECOND / 10);
    }
    g_error("agreement %u never became %s", number, agreement_state_name(state));
}

static void agree(Stage *stage, guint number, const char *seller, WireTariff *asks)
{
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    WireAgreementCommand command = WIRE_AGREEMENT_COMMAND_INIT;
    terms.purposes = relay;
    terms.n_purposes = 1;
    terms.tariff = asks;
    command.seller = (char *)seller;
    command.terms = &terms;
    say(stage, "alpha", number, AGREEMENT_ACTION(PROPOSE), &command);
    await_state(stage, number, AGREEMENT(PROPOSED));
    command = (WireAgreementCommand)WIRE_AGREEMENT_COMMAND_INIT;
    say(stage, seller, number, AGREEMENT_ACTION(ACCEPT), &command);
    await_state(stage, number, AGREEMENT(AVAILABLE));
}

static void agree_on_price(Stage *stage)
{
    price.micro_per_key = CENTS * 1000000;
    currency.code = (char *)"EUR";
    currency.decimals = 2;
    tariff.currency = &currency;
    tariff.prices = prices;
    tariff.n_prices = 1;
    agree(stage, 0, "beta", &tariff);
    agree(stage, 1, "gamma", NULL);
}

// --- the session ---------------------------------------------------------------------------------

static void open_session(Stage *stage)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    WireSession wire = WIRE_SESSION_INIT;
    Application *from = world_find_application(stage->world, "sae-a");
    qos.rate_bps = 2560;
    qos.size_bits = SIZE_BITS;
    qos.buffer = 16;
    open.session = (char *)SESSION;
    open.initiator = (char *)"sae-a";
    open.n_targets = 1;
    open.targets = (char *[]){(char *)"sae-g"};
    open.qos = &qos;
    wire.id = (char *)"open";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    wire.open = &open;
    for (guint i = 0; i < 30 && !application_session_state(from, wire.id); i++) {
        application_say(from, KIND_SESSION, &wire.base);
        world_run(stage->world, SECOND);
    }
    g_assert_cmpint(application_session_state(from, wire.id)->status, ==, STATUS_OK);
}

static gboolean is_answered(gpointer data)
{
    return ((const Fetch *)data)->is_answered;
}

// How many of so many keys there were.
static guint fetch(Stage *stage, guint number)
{
    KeyQuery query = {.caller = {.sae = "sae-a"},
                      .targets = (const char *const[]){"sae-g", NULL},
                      .number = 1,
                      .size_bits = SIZE_BITS,
                      .n_paths = 1,
                      .session = SESSION};
    guint n_got = 0;
    for (guint i = 0; i < number; i++) {
        const Fetch *one = world_get_keys(stage->world, "alpha", &query);
        g_assert_true(world_run_until(stage->world, is_answered, (gpointer)one, 60 * SECOND));
        n_got += one->verdict == KEY_VERDICT_OK;
    }
    return n_got;
}

// --- the account ---------------------------------------------------------------------------------

static void note_order(GHashTable *orders, const WireOrder *order)
{
    char id[UUID_CHARS + 1];
    record_id_derive(order->request, order->attempt, "beta", id);
    g_hash_table_replace(orders, g_strdup(id), order->agreement);
}

// By the ID of the record, the agreement under which beta was ordered to do it.
static GHashTable *list_orders(const Stage *stage)
{
    GHashTable *orders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        gboolean is_order = seen->kind == KIND_ORDER && strcmp(seen->to, "beta") == 0;
        for (gsize j = 0; is_order && j < seen->frame->n_messages; j++)
            note_order(orders, (const WireOrder *)seen->frame->messages[j]);
    }
    return orders;
}

typedef struct {
    guint n_agreed, n_standing;
    GHashTable *seen; // records
} Bill;

static void check_item(Bill *bill, GHashTable *orders, const WireStatement *statement,
                       const WireStatementItem *item)
{
    const char *ordered = g_hash_table_lookup(orders, item->record);
    g_assert_nonnull(ordered);
    gboolean is_agreed = strcmp(ordered, ids[0]) == 0;
    g_assert_cmpstr(item->agreement, ==, is_agreed ? ids[0] : "");
    g_assert_cmpstr(statement->currency->code, ==, is_agreed ? "EUR" : "NOK");
    if (is_agreed)
        g_assert_cmpint(item->amount, ==, (gint64)item->keys * CENTS);
    if (!g_hash_table_add(bill->seen, item->record))
        return;
    bill->n_agreed += is_agreed;
    bill->n_standing += !is_agreed;
}

static void check_batch(Bill *bill, GHashTable *orders, const WireStatement *statement)
{
    for (gsize i = 0; strcmp(statement->seller, "beta") == 0 && i < statement->n_items; i++)
        check_item(bill, orders, statement, statement->items[i]);
}

static Bill check_bill(const Stage *stage)
{
    Bill bill = {.seen = g_hash_table_new(g_str_hash, g_str_equal)};
    g_autoptr(GHashTable) orders = list_orders(stage);
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_STATEMENT && j < seen->frame->n_messages; j++)
            check_batch(&bill, orders, (const WireStatement *)seen->frame->messages[j]);
    }
    g_hash_table_unref(bill.seen);
    return bill;
}

static void restart(Stage *stage, const char *id)
{
    Node *node = world_find_node(stage->world, id);
    node_kill(node);
    node_start(node, NULL);
}

// --- tests ---------------------------------------------------------------------------------------

static void test_ends_in_a_session(gconstpointer has_standing_terms)
{
    g_autoptr(Stage) stage = stage_with(has_standing_terms != NULL);
    agree_on_price(stage);
    open_session(stage);
    g_assert_cmpuint(fetch(stage, 40), ==, 40);
    WireAgreementCommand command = WIRE_AGREEMENT_COMMAND_INIT;
    say(stage, "beta", 0, AGREEMENT_ACTION(END), &command);
    guint n_got = fetch(stage, 40);
    await_state(stage, 0, AGREEMENT(ENDED));
    restart(stage, PLATFORM);
    n_got += fetch(stage, 40);
    world_run(stage->world, 60 * SECOND);
    Bill bill = check_bill(stage);
    g_assert_cmpuint(bill.n_agreed, >, 0);
    if (has_standing_terms) {
        g_assert_cmpuint(n_got, ==, 80);
        g_assert_cmpuint(bill.n_standing, >, 0);
    } else {
        // What is in the buffer is delivered.
        g_assert_cmpuint(n_got, <, 80);
        g_assert_cmpuint(bill.n_standing, ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/session-tariff/falls-to-standing-terms", "", test_ends_in_a_session);
    g_test_add_data_func("/session-tariff/ends-with-it", NULL, test_ends_in_a_session);
    return g_test_run();
}

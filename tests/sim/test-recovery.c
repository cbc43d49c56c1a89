// SPDX-License-Identifier: Apache-2.0
//
// Every process dies in every pass of a request, before its commit, after it, and while it sends;
// and comes back over what was on its disk.

#include "tests/sim/stage.h"

#include <string.h>

// No process has more passes than this to do with one request.
#define PASSES_MAX 12

typedef struct {
    const char *victim;
    CrashPoint crash;
    guint pass;
    gint64 restart_us;
} Case;

static void assert_one_answer(const Ask *ask)
{
    const WireReply *first = ask->replies->pdata[0];
    g_autoptr(GBytes) bytes = message_pack(&first->base);
    for (guint i = 1; i < ask->replies->len; i++) {
        g_autoptr(GBytes) other = message_pack(ask->replies->pdata[i]);
        g_assert_true(g_bytes_equal(bytes, other));
    }
}

static void run_case(const Case *what)
{
    g_autoptr(Stage) stage = stage_chain(3);
    Node *victim = world_find_node(stage->world, what->victim);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 2, 256);
    node_kill_at(victim, what->crash, what->pass);
    victim->restart_us = what->restart_us;
    const WireReply *reply = stage_await(stage, ask);
    if (reply->status != STATUS_OK)
        g_error("%s dies at %d of pass %u for %" G_GINT64_FORMAT " us: %s, %s", what->victim,
                what->crash, what->pass, what->restart_us, status_name(reply->status), reply->text);
    world_run(stage->world, 5 * G_TIME_SPAN_SECOND);
    application_repeat(world_find_application(stage->world, "sae-a"), ask);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    assert_one_answer(ask);
    node_kill_at(victim, CRASH_NONE, 0); // who dies while it is asked for keys has no answer
    stage_assert_delivered(stage, ask);
    const Ask *next = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    stage_await_grant(stage, next);
    stage_assert_delivered(stage, next);
}

static void test_dies_anywhere(gconstpointer data)
{
    static const gint64 restarts_us[] = {1000, 50000, 700000};
    for (guint pass = 1; pass <= PASSES_MAX; pass++) {
        for (int crash = CRASH_BEFORE_COMMIT; crash < N_CRASHES; crash++) {
            for (gsize i = 0; i < G_N_ELEMENTS(restarts_us); i++)
                run_case(&(Case){data, (CrashPoint)crash, pass, restarts_us[i]});
        }
    }
}

// Everyone at once, in the middle of it.
static void test_power_cut(void)
{
    for (gint64 after_us = 0; after_us < 6 * WORLD_HOP_US; after_us += WORLD_HOP_US / 2) {
        g_autoptr(Stage) stage = stage_chain(3);
        const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 2, 256);
        world_run(stage->world, after_us);
        for (guint i = 0; i < stage->world->nodes->len; i++) {
            Node *node = stage->world->nodes->pdata[i];
            node->restart_us = 1 + 10000 * i;
            node_kill(node);
        }
        broker_forget(stage->world->broker);
        stage_await_grant(stage, ask);
        world_run(stage->world, G_TIME_SPAN_SECOND);
        stage_assert_delivered(stage, ask);
    }
}

static void publish(gpointer data, const Publish *one)
{
    broker_publish(data, one->topic, one->payload);
}

// A platform that gives an order again when the agent has long forgotten that it was done.
static void test_order_again(void)
{
    g_autoptr(Stage) stage = stage_chain(1);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-a2", 2, 256);
    stage_await_grant(stage, ask);
    WireOrder *order = message_copy(stage_find(stage, KIND_ORDER)->frame->messages[0]);
    world_run(stage->world, 5 * G_TIME_SPAN_MINUTE);
    stage_forget(stage);
    g_autoptr(Outbox) platform = outbox_new(PLATFORM, 1);
    outbox_add(platform, KIND_ORDER, "alpha", &order->base);
    outbox_flush(platform, world_now(stage->world), publish, stage->world->broker);
    wire_free(order);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    const WireOutcome *outcome =
        (const WireOutcome *)stage_find(stage, KIND_OUTCOME)->frame->messages[0];
    g_assert_cmpint(outcome->status, ==, STATUS_BAD_REQUEST);
    stage_assert_delivered(stage, ask);
}

// What was fetched stays fetched, and what was not stays there.
static void test_keys_survive(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    const Ask *fetched = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_grant(stage, fetched);
    stage_assert_delivered(stage, fetched);
    const Ask *kept = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_grant(stage, kept);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    for (guint i = 0; i < stage->world->nodes->len; i++) {
        Node *node = stage->world->nodes->pdata[i];
        node->restart_us = 1000;
        node_kill(node);
    }
    world_run(stage->world, G_TIME_SPAN_SECOND);
    stage_assert_delivered(stage, kept);
    const char *const ids[] = {ask_reply(fetched)->key_ids[0], NULL};
    g_assert_cmpint(stage_fetch_by_id(stage, "sae-b", "sae-a", ids)->verdict, ==,
                    KEY_VERDICT_BAD_REQUEST);
}

// The platform remembers a version of what was registered, the agent does not.
static void test_registers_without_memory(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage_drill(stage, "beta", TRUE, DRIVER_SCOPE_LINK, "access/gateway");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    stage_drill(stage, "beta", FALSE, DRIVER_SCOPE_LINK, "access/gateway");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    Node *beta = world_find_node(stage->world, "beta");
    node_kill(beta);
    store_disk_free(beta->disk);
    beta->disk = store_disk_new();
    network_add_application(stage->world->network, "beta", "sae-new");
    g_assert_true(node_start(beta, NULL));
    world_run(stage->world, 5 * G_TIME_SPAN_SECOND);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-new", 1, 256));
    stage_forget(stage);
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stage_count(stage, KIND_RESOURCE), ==, 0);
}

// What alpha's users ask for while the platform cannot be heard, so long that alpha has come to ask
// seldom.
typedef struct {
    const Fetch *keys;
    const Fetch *status;
} Waiting;

static Waiting ask_in_vain(Stage *stage)
{
    static const char *const target[] = {"sae-b", NULL};
    KeyQuery query = {.caller = {.sae = "sae-a"}, .targets = target, .number = 1, .size_bits = 256};
    Waiting waiting = {world_get_keys(stage->world, "alpha", &query),
                       world_key_status(stage->world, "alpha", "sae-a", "sae-b2")};
    world_run(stage->world, 2100 * G_TIME_SPAN_MILLISECOND);
    g_assert_false(waiting.keys->is_answered);
    g_assert_false(waiting.status->is_answered);
    return waiting;
}

// Long before it would have asked again by itself.
static void assert_answered_soon(Stage *stage, const Waiting *waiting)
{
    world_run(stage->world, 50 * G_TIME_SPAN_MILLISECOND);
    g_assert_true(waiting->status->is_answered);
    g_assert_cmpint(waiting->status->verdict, ==, KEY_VERDICT_OK);
    world_run(stage->world, 500 * G_TIME_SPAN_MILLISECOND);
    g_assert_true(waiting->keys->is_answered);
    g_assert_cmpint(waiting->keys->verdict, ==, KEY_VERDICT_OK);
}

static void test_asks_a_new_platform_at_once(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    Node *platform = world_find_node(stage->world, PLATFORM);
    node_kill(platform);
    Waiting waiting = ask_in_vain(stage);
    g_assert_true(node_start(platform, NULL));
    assert_answered_soon(stage, &waiting);
}

static void test_asks_at_once_when_back(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    Node *alpha = world_find_node(stage->world, "alpha");
    node_disconnect(alpha);
    Waiting waiting = ask_in_vain(stage);
    node_connect(alpha);
    assert_answered_soon(stage, &waiting);
}

// What an agent has answered must not be lost without a word.
static void test_damaged_order(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    Node *beta = world_find_node(stage->world, "beta");
    node_kill(beta);
    g_autoptr(Store) store = store_new_memory(beta->disk);
    g_autoptr(GBytes) damaged = g_bytes_new_static("\x0f", 1);
    store_put_text(store, "order", "01234567-89ab-4cde-8f01-23456789abcd/0", damaged);
    g_assert_true(store_commit(store, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_false(node_start(beta, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_assert_nonnull(strstr(error->message, "01234567-89ab-4cde-8f01-23456789abcd/0"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/recovery/platform", "platform", test_dies_anywhere);
    g_test_add_data_func("/recovery/initiator", "alpha", test_dies_anywhere);
    g_test_add_data_func("/recovery/transit", "beta", test_dies_anywhere);
    g_test_add_data_func("/recovery/target", "gamma", test_dies_anywhere);
    g_test_add_func("/recovery/power-cut", test_power_cut);
    g_test_add_func("/recovery/order-again", test_order_again);
    g_test_add_func("/recovery/keys-survive", test_keys_survive);
    g_test_add_func("/recovery/registers-without-memory", test_registers_without_memory);
    g_test_add_func("/recovery/asks-a-new-platform-at-once", test_asks_a_new_platform_at_once);
    g_test_add_func("/recovery/asks-at-once-when-back", test_asks_at_once_when_back);
    g_test_add_func("/recovery/damaged-order", test_damaged_order);
    return g_test_run();
}

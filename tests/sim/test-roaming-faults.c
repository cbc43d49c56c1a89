// SPDX-License-Identifier: Apache-2.0
//
// Users move while messages are lost, and while every process dies in every pass of it.

#include "tests/sim/roaming-stage.h"

#include <string.h>

// No process has more passes than this to do with one handover.
#define PASSES_MAX         10
#define SESSION_PASSES_MAX 24

static guint n_lost;
static KindId lost_kind;

static gboolean loses_first(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == lost_kind && n_lost > 0 && n_lost-- > 0;
}

// Keys are under way to where the application leaves, at the moment when it has come.
static void run_losses_of_session(KindId kind, guint n)
{
    g_autoptr(Stage) stage = stage_roaming();
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    consume_some(&consumer, 7);
    lost_kind = kind;
    n_lost = n;
    stage->loses = loses_first;
    // With this one the buffer is to be filled up again.
    consume(&consumer);
    consumer.initiator_at = "gamma";
    consume_some(&consumer, 60);
    await_phase(stage, PHASE(RELEASED));
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

static void test_losses_of_session(void)
{
    static const KindId kinds[] = {KIND_ORDER, KIND_OUTCOME,   KIND_RELAY, KIND_RELEASE,
                                   KIND_LEG,   KIND_LEG_STATE, KIND_VISIT, KIND_VISIT_STATE};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (guint n = 1; n <= 4; n++)
            run_losses_of_session(kinds[i], n);
    }
}

// However far it came, it comes to an end, and the user is served at one place.
static void assert_it_ends(Stage *stage, const char *what)
{
    WireHandover wire = make_move("gamma");
    const WireHandoverState *state = NULL;
    for (guint i = 0; i < 60; i++) {
        // It calls at the new KME once it is told to, and asks again until it is over.
        state = find_state(stage, MOVE_ID);
        if (state && (state->phase == PHASE(PREPARED) || state->phase == PHASE(SWITCHED)))
            world_key_status(stage->world, "gamma", "sae-a", "sae-b");
        if (state && state->phase >= PHASE(RELEASED))
            break;
        world_run(stage->world, 500 * G_TIME_SPAN_MILLISECOND);
        ask_as(stage, "sae-a", &wire);
        world_run(stage->world, 10 * WORLD_HOP_US);
    }
    if (!state || state->phase < PHASE(RELEASED))
        g_error("%s: the handover does not end", what);
    world_run(stage->world, 40 * G_TIME_SPAN_SECOND);
    const char *at = state->phase == PHASE(RELEASED) ? "gamma" : "alpha";
    g_assert_cmpstr(find_state(stage, MOVE_ID)->provider, ==, at);
    assert_same_at(stage, call(stage, at, "sae-a", "sae-b"), "beta", "sae-b");
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), at, "sae-a");
}

static void test_losses(void)
{
    static const KindId kinds[] = {KIND_HANDOVER, KIND_HANDOVER_STATE, KIND_VISIT,
                                   KIND_VISIT_STATE};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (guint n = 1; n <= 5; n++) {
            g_autoptr(Stage) stage = stage_roaming();
            g_autofree char *what =
                g_strdup_printf("%u of %s are lost", n, kind_get(kinds[i])->name);
            lost_kind = kinds[i];
            n_lost = n;
            stage->loses = loses_first;
            WireHandover wire = make_move("gamma");
            ask_as(stage, "sae-a", &wire);
            assert_it_ends(stage, what);
        }
    }
}

static void run_crash(const char *victim, CrashPoint crash, guint pass, gint64 restart_us)
{
    g_autoptr(Stage) stage = stage_roaming();
    g_autofree char *what = g_strdup_printf("%s dies at %d of pass %u for %" G_GINT64_FORMAT " us",
                                            victim, crash, pass, restart_us);
    Node *node = world_find_node(stage->world, victim);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    node_kill_at(node, crash, pass);
    node->restart_us = restart_us;
    world_run(stage->world, 3 * WORLD_HOP_US);
    // An impatient one.
    world_key_status(stage->world, "gamma", "sae-a", "sae-b");
    world_run(stage->world, 20 * WORLD_HOP_US);
    assert_it_ends(stage, what);
}

// The same with a session: wherever the user is served in the end, its keys go on there unbroken.
static void run_crash_of_session(const char *victim, CrashPoint crash, guint pass,
                                 gint64 restart_us)
{
    g_autoptr(Stage) stage = stage_roaming();
    g_autofree char *what = g_strdup_printf("%s dies at %d of pass %u for %" G_GINT64_FORMAT " us",
                                            victim, crash, pass, restart_us);
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 3);
    Node *node = world_find_node(stage->world, victim);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    node_kill_at(node, crash, pass);
    node->restart_us = restart_us;
    assert_it_ends(stage, what);
    consumer.n_keys++;                 // which that has taken, too
    node_kill_at(node, CRASH_NONE, 0); // who dies while it is asked for keys has no answer
    if (find_state(stage, MOVE_ID)->phase == PHASE(RELEASED))
        consumer.initiator_at = "gamma";
    consume_some(&consumer, 40);
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

static void run_all_crashes(const char *victim, guint n_passes,
                            void (*run)(const char *, CrashPoint, guint, gint64))
{
    static const gint64 restarts_us[] = {1000, 700000};
    for (guint pass = 1; pass <= n_passes; pass++) {
        for (int crash = CRASH_BEFORE_COMMIT; crash < N_CRASHES; crash++) {
            for (gsize i = 0; i < G_N_ELEMENTS(restarts_us); i++)
                run(victim, (CrashPoint)crash, pass, restarts_us[i]);
        }
    }
}

static void test_dies_anywhere(gconstpointer victim)
{
    run_all_crashes(victim, PASSES_MAX, run_crash);
}

static void test_dies_with_a_session(gconstpointer victim)
{
    run_all_crashes(victim, SESSION_PASSES_MAX, run_crash_of_session);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/roaming-faults/losses", test_losses);
    g_test_add_func("/roaming-faults/losses-of-a-session", test_losses_of_session);
    g_test_add_data_func("/roaming-faults/platform-dies-anywhere", PLATFORM, test_dies_anywhere);
    g_test_add_data_func("/roaming-faults/old-agent-dies-anywhere", "alpha", test_dies_anywhere);
    g_test_add_data_func("/roaming-faults/new-agent-dies-anywhere", "gamma", test_dies_anywhere);
    g_test_add_data_func("/roaming-faults/platform-dies-with-a-session", PLATFORM,
                         test_dies_with_a_session);
    g_test_add_data_func("/roaming-faults/old-agent-dies-with-a-session", "alpha",
                         test_dies_with_a_session);
    g_test_add_data_func("/roaming-faults/new-agent-dies-with-a-session", "gamma",
                         test_dies_with_a_session);
    return g_test_run();
}

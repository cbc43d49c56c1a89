// SPDX-License-Identifier: Apache-2.0
//
// Sessions move along with their users, at either end.

#include "tests/sim/roaming-stage.h"

#include <string.h>

// The best provider of a region is the one nearest to whom it has a session with.
static void test_a_session_to_a_region(void)
{
    Network *network = network_roaming();
    network_find_site(network, "alpha")->config.region = (char *)"south";
    network_find_site(network, "gamma")->config.region = (char *)"south";
    network_add_site(network, "delta");
    network_add_application(network, "delta", "sae-d");
    network_add_border(network, "gamma", "delta", 1000000, 1024);
    g_autoptr(Stage) stage = stage_new(network);
    start_session_with(stage, "sae-d");
    WireHandover wire = make_move("");
    wire.region = (char *)"south";
    ask_as(stage, "sae-a", &wire);
    g_assert_cmpstr(await_phase(stage, PHASE(PREPARED))->provider, ==, "gamma");
}

static void move_to(Consumer *consumer, const char *sae, const char *id, const char *to)
{
    Stage *stage = consumer->stage;
    WireHandover wire = make_move(to);
    wire.id = (char *)id;
    ask_as(stage, sae, &wire);
    await_phase_of(stage, id, PHASE(PREPARED));
    g_assert_true(has_seen_copies(stage, to));
    // The old one serves on, and what is made meanwhile is copied, too.
    consume_some(consumer, 12);
    if (strcmp(sae, "sae-a") == 0)
        consumer->initiator_at = to;
    else
        consumer->target_at = to;
    consume_some(consumer, 4);
    const WireHandoverState *state = await_phase_of(stage, id, PHASE(RELEASED));
    g_assert_cmpuint(state->n_sessions, ==, 1);
    stage_forget(stage);
    consume_some(consumer, 40);
    g_assert_false(has_seen_copies(stage, to));
}

static void test_a_session_moves(gconstpointer who)
{
    g_autoptr(Stage) stage = stage_roaming();
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 10);
    static const char *const route[] = {"gamma", "alpha", "beta", "gamma"};
    for (guint i = 0; i < G_N_ELEMENTS(route); i++) {
        g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", i);
        const char *at = strcmp(who, "sae-a") == 0 ? consumer.initiator_at : consumer.target_at;
        if (strcmp(at, route[i]) != 0)
            move_to(&consumer, who, id, route[i]);
        assert_unbroken(&consumer);
    }
    g_hash_table_unref(consumer.ids);
}

// Both ends come to the same KME, the target with keys that the initiator has taken already: of
// these the initiator's copies have nothing, and must not hide the target's.
static void test_both_ends_move(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    const Fetch *mine[3];
    for (guint i = 0; i < G_N_ELEMENTS(mine); i++)
        mine[i] = take_next(&consumer);
    WireHandover wire = make_move("gamma"), other = make_move("gamma");
    other.id = (char *)OTHER_ID;
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    ask_as(stage, "sae-b", &other);
    await_phase_of(stage, OTHER_ID, PHASE(PREPARED));
    consumer.initiator_at = consumer.target_at = "gamma";
    for (guint i = 0; i < G_N_ELEMENTS(mine); i++)
        assert_same_at(stage, mine[i], "gamma", "sae-b");
    consumer.n_keys = G_N_ELEMENTS(mine);
    consume_some(&consumer, 40);
    await_phase(stage, PHASE(RELEASED));
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

static void test_a_session_does_not_move(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 10);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    consume_some(&consumer, 20);
    await_phase(stage, PHASE(FALLEN_BACK));
    consume_some(&consumer, 40);
    // And then it does.
    move_to(&consumer, "sae-a", OTHER_ID, "gamma");
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

// Closed while it moves: nothing is left of it anywhere, and the handover goes on without it.
static void test_a_session_is_closed(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    start_session(stage);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)SESSION;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)OTHER_ID;
    session.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    session.close = &close;
    say(stage, "sae-a", KIND_SESSION, &session.base);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    await_phase(stage, PHASE(RELEASED));
    const WireLegState *state = find_leg_state(stage, "gamma");
    g_assert_cmpint(state->phase, ==, QKDNF__V1__LEG_PHASE__LEG_PHASE_END);
    g_assert_cmpuint(state->n_stored, ==, 0);
}

// The way to the other end fails in the middle of it.
static void test_a_reroute_meanwhile(void)
{
    Network *network = network_roaming();
    network_add_border(network, "alpha", "gamma", 1000000, 1024);
    g_autoptr(Stage) stage = stage_new(network);
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 5);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    stage_drill(stage, "alpha", TRUE, DRIVER_SCOPE_BORDER, "alpha-beta");
    await_phase(stage, PHASE(PREPARED));
    consume_some(&consumer, 12);
    stage_drill(stage, "alpha", FALSE, DRIVER_SCOPE_BORDER, "alpha-beta");
    stage_drill(stage, "gamma", TRUE, DRIVER_SCOPE_BORDER, "beta-gamma");
    consumer.initiator_at = "gamma";
    consume_some(&consumer, 40);
    await_phase(stage, PHASE(RELEASED));
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

// The visited provider does not want to serve it any more, or leaves: its session goes on at home.
static void test_the_visited_goes(void)
{
    Network *network = network_roaming();
    RoamingPolicy *policy = policy_of(network, "gamma");
    g_autoptr(Stage) stage = stage_new(network);
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 5);
    move_to(&consumer, "sae-a", MOVE_ID, "gamma");
    policy->serves = NULL;
    Node *gamma = world_find_node(stage->world, "gamma");
    node_kill(gamma);
    g_assert_true(node_start(gamma, NULL));
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    consumer.initiator_at = "alpha";
    consume_some(&consumer, 40);
    g_hash_table_unref(consumer.ids);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/session-move/a-session-moves-with-its-initiator", "sae-a",
                         test_a_session_moves);
    g_test_add_data_func("/session-move/a-session-moves-with-its-target", "sae-b",
                         test_a_session_moves);
    g_test_add_func("/session-move/both-ends-move", test_both_ends_move);
    g_test_add_func("/session-move/a-session-does-not-move", test_a_session_does_not_move);
    g_test_add_func("/session-move/a-session-to-a-region", test_a_session_to_a_region);
    g_test_add_func("/session-move/a-session-is-closed", test_a_session_is_closed);
    g_test_add_func("/session-move/a-reroute-meanwhile", test_a_reroute_meanwhile);
    g_test_add_func("/session-move/the-visited-goes", test_the_visited_goes);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0
//
// Users who are handed over, by themselves and by an operator.

#include "tests/sim/roaming-stage.h"

#include <string.h>

static void test_handover(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    const Fetch *first = call(stage, "beta", "sae-b", "sae-a");
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(PREPARED));
    g_assert_cmpstr(state->provider, ==, "gamma");
    g_assert_cmpstr(state->kme_url, ==, "https://gamma.example");
    // The old one still serves.
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpint(find_state(stage, MOVE_ID)->phase, ==, PHASE(PREPARED));
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    state = await_phase(stage, PHASE(RELEASED));
    g_assert_cmpint(state->status, ==, STATUS_OK);
    g_assert_cmpstr(state->provider, ==, "gamma");
    g_assert_cmpuint(state->duration_us, >, G_TIME_SPAN_SECOND);
    // What was here for it is not lost.
    assert_same_at(stage, first, "alpha", "sae-a");
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
}

// Also a target that only fetches is noticed when it comes.
static void test_handover_of_a_target(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    static const char *const unknown[] = {"00000000-0000-4000-8000-000000000000", NULL};
    const Fetch *fetch = stage_await_fetch(
        stage, world_get_keys_by_id(stage->world, "gamma", "sae-a", "sae-b", unknown));
    g_assert_cmpint(fetch->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    await_phase(stage, PHASE(RELEASED));
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
}

static void test_handover_by_operator(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma");
    wire.sae = (char *)"sae-a";
    ask_as(stage, OPERATOR, &wire);
    await_phase(stage, PHASE(RELEASED));
    stage_forget(stage);
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 0);
}

static void test_handover_to_a_region(void)
{
    Network *network = network_roaming();
    network_find_site(network, "gamma")->config.region = (char *)"south";
    network_find_site(network, "beta")->config.region = (char *)"south";
    g_autoptr(Stage) stage = stage_new(network);
    WireHandover wire = make_move("");
    wire.region = (char *)"south";
    ask_as(stage, "sae-a", &wire);
    // Both could; the nearer is better.
    g_assert_cmpstr(await_phase(stage, PHASE(PREPARED))->provider, ==, "beta");
    g_assert_cmpint(call(stage, "beta", "sae-a", "sae-g")->verdict, ==, KEY_VERDICT_OK);
    await_phase(stage, PHASE(RELEASED));
}

static void test_back_and_forth(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    for (guint i = 0; i < 6; i++) {
        static const char *const agents[] = {"gamma", "beta", "alpha"};
        const char *to = agents[i % 3];
        g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", i);
        WireHandover wire = make_move(to);
        wire.id = id;
        ask_as(stage, "sae-a", &wire);
        await_phase_of(stage, id, PHASE(PREPARED));
        assert_same_at(stage, call(stage, to, "sae-a", "sae-b2"), "beta", "sae-b2");
        await_phase_of(stage, id, PHASE(RELEASED));
        assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), to, "sae-a");
    }
}

static void test_another_node(void)
{
    Network *network = network_roaming();
    Site *alpha = network_find_site(network, "alpha");
    SimNode *node = g_new0(SimNode, 1);
    *node = (SimNode){(char *)"annex", TRUE, FALSE};
    g_ptr_array_add(alpha->qkdn.nodes, node);
    SimLink *link = g_memdup2(alpha->qkdn.links->pdata[0], sizeof(SimLink));
    link->a = (char *)"annex";
    g_ptr_array_add(alpha->qkdn.links, link);
    g_autoptr(Stage) stage = stage_new(network);
    WireHandover wire = make_move("alpha");
    wire.node = (char *)"annex";
    ask_as(stage, "sae-a", &wire);
    g_assert_cmpstr(await_phase(stage, PHASE(RELEASED))->node, ==, "annex");
    stage_forget(stage);
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    const WireOrder *order = NULL;
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind == KIND_ORDER && strcmp(seen->to, "alpha") == 0)
            order = (const WireOrder *)seen->frame->messages[0];
    }
    g_assert_cmpstr(order->branches[0]->from_node, ==, "annex");
}

static void test_it_does_not_come(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(FALLEN_BACK));
    g_assert_cmpint(state->status, ==, STATUS_EXPIRED);
    g_assert_cmpstr(state->provider, ==, "alpha");
    assert_event(stage, "handover.fallen-back", "sae-a");
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    // Repeated, it has the same answer, and nothing else.
    stage_forget(stage);
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(FALLEN_BACK));
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stage_count(stage, KIND_VISIT), ==, 0);
}

// The provider is there when it is asked for, and dies.
static void test_the_visited_dies(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    node_kill_at(world_find_node(stage->world, "gamma"), CRASH_BEFORE_COMMIT, 1);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(FALLEN_BACK));
    g_assert_cmpstr(state->text, ==, "it could not be prepared in time");
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
}

static void assert_refused(Stage *stage, const char *sender, const WireHandover *wire,
                           Status status, const char *text)
{
    stage_forget(stage);
    ask_as(stage, sender, wire);
    const WireHandoverState *state = await_phase_of(stage, wire->id, PHASE(REFUSED));
    g_assert_cmpint(state->status, ==, status);
    g_assert_cmpstr(state->text, ==, text);
}

static void test_refusals(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("omega");
    assert_refused(stage, "sae-a", &wire, STATUS_UNKNOWN_MEMBER, "there is no provider 'omega'");
    wire.provider = (char *)"";
    assert_refused(stage, "sae-a", &wire, STATUS_BAD_REQUEST,
                   "expected either a provider or a region");
    wire.region = (char *)"nowhere";
    assert_refused(stage, "sae-a", &wire, STATUS_NO_ROUTE,
                   "no provider in region 'nowhere' may serve it");
    wire = make_move("gamma");
    wire.node = (char *)"gateway";
    assert_refused(stage, "sae-a", &wire, STATUS_UNKNOWN_MEMBER,
                   "provider 'gamma' has no access node 'gateway'");
    wire = make_move("gamma");
    wire.sae = (char *)"sae-b";
    assert_refused(stage, "sae-a", &wire, STATUS_NOT_ALLOWED, "'sae-a' may not move 'sae-b'");
    wire.sae = (char *)"sae-x";
    assert_refused(stage, OPERATOR, &wire, STATUS_UNKNOWN_SAE,
                   "no application 'sae-x' is registered");
    wire = make_move("gamma");
    wire.timeout_ms = 0;
    assert_refused(stage, "sae-a", &wire, STATUS_BAD_REQUEST,
                   "timeout is 0 ms; expected 1 to 600000");
    wire = make_move("gamma");
    wire.id = (char *)"one";
    assert_refused(stage, "sae-a", &wire, STATUS_BAD_REQUEST, "id is no UUID in lower case");
    g_assert_cmpint(call(stage, "alpha", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
}

static void test_two_at_once(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma"), other = make_move("beta");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    other.id = (char *)OTHER_ID;
    assert_refused(stage, "sae-a", &other, STATUS_BUSY, "'sae-a' is under way to 'gamma' already");
    // Nor does it get in anywhere else meanwhile.
    g_assert_cmpint(call(stage, "beta", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAVAILABLE);
    // Somebody else's handover is nobody's business.
    wire.sae = (char *)"sae-a";
    assert_refused(stage, OPERATOR, &wire, STATUS_NOT_ALLOWED, "this ID is another's");
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    await_phase(stage, PHASE(RELEASED));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/handover/handover", test_handover);
    g_test_add_func("/handover/handover-of-a-target", test_handover_of_a_target);
    g_test_add_func("/handover/handover-by-operator", test_handover_by_operator);
    g_test_add_func("/handover/handover-to-a-region", test_handover_to_a_region);
    g_test_add_func("/handover/back-and-forth", test_back_and_forth);
    g_test_add_func("/handover/another-node", test_another_node);
    g_test_add_func("/handover/it-does-not-come", test_it_does_not_come);
    g_test_add_func("/handover/the-visited-dies", test_the_visited_dies);
    g_test_add_func("/handover/refusals", test_refusals);
    g_test_add_func("/handover/two-at-once", test_two_at_once);
    return g_test_run();
}

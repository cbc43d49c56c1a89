// SPDX-License-Identifier: Apache-2.0
//
// Users away from home: who may be served where, and who just comes.

#include "tests/sim/roaming-stage.h"

#include <string.h>

static const guint8 certificate[CERTIFICATE_SHA256_BYTES] = {0xab, 0xcd};
#define CERTIFICATE_HEX "abcd000000000000000000000000000000000000000000000000000000000000"

static void test_it_just_comes(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    assert_event(stage, "visitor.admitted", "sae-a");
    assert_event(stage, "handover.switched", "sae-a");
    // From now on it need not wait for the platform, and is found there by others.
    stage_forget(stage);
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 0);
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
    assert_same_at(stage, call(stage, "gamma", "sae-g", "sae-a"), "gamma", "sae-a");
    const Fetch *status =
        stage_await_fetch(stage, world_key_status(stage->world, "beta", "sae-b", "sae-a"));
    g_assert_cmpstr(status->target_kme, ==, "kme-gamma");
}

// It is back, and was not asked where it is going.
static void test_it_comes_home(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    // A straggler does not move it back.
    g_assert_cmpint(call(stage, "alpha", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAVAILABLE);
    world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    stage_forget(stage);
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "alpha", "sae-a");
}

// An agent knows its visitors again before they have called.
static void test_a_visitor_is_remembered(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    Node *gamma = world_find_node(stage->world, "gamma");
    node_kill(gamma);
    g_assert_true(node_start(gamma, NULL));
    world_run(stage->world, 3 * G_TIME_SPAN_SECOND);
    stage_forget(stage);
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
    g_assert_cmpuint(stage_count(stage, KIND_VISIT), ==, 0);
}

static void test_a_stranger(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    g_assert_cmpint(call(stage, "gamma", "nobody", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    assert_event(stage, "visitor.refused", "nobody");
    stage_forget(stage);
    g_assert_cmpint(call(stage, "gamma", "nobody", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 0);
    world_run(stage->world, 11 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(call(stage, "gamma", "nobody", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 1);
}

// A crowd at the door is asked about so fast and no faster; what is known goes on.
static void test_a_crowd(void)
{
    static const char *const targets[] = {"sae-b", NULL};
    g_autoptr(Stage) stage = stage_roaming();
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *sae = g_strdup_printf("nobody-%u", i);
        KeyQuery query = {.caller = {.sae = sae},
                          .targets = targets,
                          .number = 1,
                          .size_bits = 256,
                          .n_paths = 1};
        world_get_keys(stage->world, "gamma", &query);
    }
    g_assert_cmpint(call(stage, "gamma", "sae-g", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    guint n_asked = 0;
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        n_asked += seen->kind == KIND_VISIT_STATE ? (guint)seen->frame->n_messages : 0;
    }
    g_assert_cmpuint(n_asked, ==, 32);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
}

// From door to door, as fast as it can: what is remembered of that is bounded.
static void test_restless(void)
{
    static const char *const doors[] = {"gamma", "beta", "alpha"};
    g_autoptr(Stage) stage = stage_roaming();
    guint n_moved = 0;
    for (guint i = 0; i < 60; i++)
        n_moved += call(stage, doors[i % 3], "sae-a", "sae-b")->verdict == KEY_VERDICT_OK ? 1 : 0;
    g_assert_cmpuint(n_moved, >=, 32);
    g_assert_cmpuint(n_moved, <=, 32 + 60 / 3 - 32 / 3);
    world_run(stage->world, 4 * G_TIME_SPAN_MINUTE);
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
}

static void test_home_forbids(void)
{
    static char *beta_only[] = {(char *)"beta", NULL};
    Network *network = network_roaming();
    policy_of(network, "alpha")->may_serve_ours = beta_only;
    g_autoptr(Stage) stage = stage_new(network);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpint(call(stage, "beta", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
}

static void test_visited_forbids(void)
{
    Network *network = network_roaming();
    policy_of(network, "gamma")->serves = NULL;
    g_autoptr(Stage) stage = stage_new(network);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(REFUSED));
    g_assert_cmpint(state->status, ==, STATUS_NOT_ALLOWED);
    g_assert_cmpstr(state->text, ==, "provider 'gamma' does not serve users of 'alpha'");
    assert_event(stage, "handover.refused", "sae-a");
}

// The home provider states the certificate: at home, and wherever its user is.
static void test_the_certificate(void)
{
    Network *network = network_roaming();
    AgentApplication *application =
        network_find_site(network, "alpha")->config.applications->pdata[0];
    application->certificate_sha256 = (char *)CERTIFICATE_HEX;
    g_autoptr(Stage) stage = stage_new(network);
    static const guint8 other[CERTIFICATE_SHA256_BYTES] = {0xab, 0xce};
    static const char *const agents[] = {"alpha", "gamma"};
    for (guint i = 0; i < G_N_ELEMENTS(agents); i++) {
        KeyCaller caller = {"sae-a", other};
        g_assert_cmpint(call_with(stage, agents[i], &caller, "sae-b")->verdict, ==,
                        KEY_VERDICT_UNAUTHORIZED);
        caller.certificate = NULL;
        g_assert_cmpint(call_with(stage, agents[i], &caller, "sae-b")->verdict, ==,
                        KEY_VERDICT_UNAUTHORIZED);
        caller.certificate = certificate;
        world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
        g_assert_cmpint(call_with(stage, agents[i], &caller, "sae-b")->verdict, ==, KEY_VERDICT_OK);
    }
}

static void test_the_policy_ends(void)
{
    Network *network = network_roaming();
    RoamingPolicy *policy = policy_of(network, "gamma");
    g_autoptr(Stage) stage = stage_new(network);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    policy->serves = NULL;
    Node *gamma = world_find_node(stage->world, "gamma");
    node_kill(gamma);
    g_assert_true(node_start(gamma, NULL));
    world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(call(stage, "alpha", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, !=, KEY_VERDICT_OK);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/roaming/it-just-comes", test_it_just_comes);
    g_test_add_func("/roaming/it-comes-home", test_it_comes_home);
    g_test_add_func("/roaming/a-visitor-is-remembered", test_a_visitor_is_remembered);
    g_test_add_func("/roaming/a-stranger", test_a_stranger);
    g_test_add_func("/roaming/a-crowd", test_a_crowd);
    g_test_add_func("/roaming/restless", test_restless);
    g_test_add_func("/roaming/home-forbids", test_home_forbids);
    g_test_add_func("/roaming/visited-forbids", test_visited_forbids);
    g_test_add_func("/roaming/the-certificate", test_the_certificate);
    g_test_add_func("/roaming/the-policy-ends", test_the_policy_ends);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0
//
// Agents with sessions, and a platform that is played by hand: serving and ending, restarts in
// between, and what comes twice, late or for nobody.

#include "tests/sim/leg-stage.h"

// --- serving -------------------------------------------------------------------------------------

static void test_in_order(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    // What comes first is not the first.
    fill(legs, 4, 4);
    const Fetch *first = get(legs, 2);
    g_assert_false(first->is_answered);
    fill(legs, 0, 4);
    assert_got(first, 0, 0, 0, 2);
    const Fetch *theirs = get_id(legs, 0, 0);
    assert_got(theirs, 0, 0, 0, 1);
    assert_same_key(first, theirs);
    assert_refused(get_id(legs, 0, 0), KEY_VERDICT_BAD_REQUEST);
    assert_got(get(legs, 2), 0, 0, 2, 2);
    assert_got(get_at(legs, "alpha", 4, SESSION), 4, 0, 0, 4);
    assert_got(get_id(legs, 4, 3), 4, 0, 3, 1);
}

static void test_over_restarts(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    restart(legs, "alpha");
    fill(legs, 0, 3);
    for (guint i = 0; i < 3; i++) {
        restart(legs, "alpha");
        assert_got(get(legs, 1), 0, 0, i, 1);
        restart(legs, "beta");
        assert_got(get_id(legs, 0, i), 0, 0, i, 1);
        restart(legs, "beta");
        assert_refused(get_id(legs, 0, i), KEY_VERDICT_BAD_REQUEST);
    }
    fill(legs, 3, 1);
    assert_got(get(legs, 1), 3, 0, 0, 1);
}

// The same numbers again, under another attempt; what was voided is as if it never was.
static void test_voided_and_tried_again(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    order(legs, &(Split){.request = 7, .first = 0, .number = 2});
    const Fetch *early = get(legs, 1);
    g_assert_false(early->is_answered);
    order(legs, &(Split){.request = 7, .attempt = 1, .first = 0, .number = 2});
    release(legs, "alpha", 7, 1, TRUE);
    release(legs, "beta", 7, 1, TRUE);
    assert_got(early, 7, 1, 0, 1);
    assert_got(get_id_at(legs, "beta", 7, 1, 0), 7, 1, 0, 1);
    // Not even when its void is late.
    g_assert_false(get_id_at(legs, "beta", 7, 0, 1)->is_answered);
    const WireLegState *state = tell_phase(legs, "beta", "sae-b", 2, PHASE(FREEZE));
    assert_left(state, 1, 2);
    tell_phase(legs, "beta", "sae-b", 3, PHASE(SERVE));
    release(legs, "alpha", 7, 0, FALSE);
    release(legs, "beta", 7, 0, FALSE);
    assert_got(get(legs, 1), 7, 1, 1, 1);
    assert_got(get_id_at(legs, "beta", 7, 1, 1), 7, 1, 1, 1);
    g_assert_false(get(legs, 1)->is_answered);
}

static void test_not_by_other_ways(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 4);
    const char *targets[] = {"sae-b", NULL};
    g_autofree char *id = request_id(0);
    KeyQuery query = {{.sae = "sae-a"}, targets, 4, 256, 1, NULL, id, NULL};
    const Fetch *fetch = world_get_keys(legs->stage->world, "alpha", &query);
    world_run(legs->stage->world, 5 * MS);
    assert_refused(fetch, KEY_VERDICT_BAD_REQUEST);
    // Another size, more than is kept ready, other paths: a request to the platform.
    stage_forget(legs->stage);
    query = (KeyQuery){{.sae = "sae-a"}, targets, 1, 128, 1, NULL, NULL, NULL};
    world_get_keys(legs->stage->world, "alpha", &query);
    query = (KeyQuery){{.sae = "sae-a"}, targets, 14, 256, 1, NULL, NULL, NULL};
    world_get_keys(legs->stage->world, "alpha", &query);
    query = (KeyQuery){{.sae = "sae-a"}, targets, 1, 256, 2, NULL, NULL, NULL};
    world_get_keys(legs->stage->world, "alpha", &query);
    world_run(legs->stage->world, 5 * MS);
    g_assert_cmpuint(stage_find(legs->stage, KIND_REQUEST)->frame->n_messages, ==, 3);
    // A session that is not there, or not theirs.
    assert_refused(get_at(legs, "alpha", 1, SESSION2), KEY_VERDICT_BAD_REQUEST);
    assert_refused(get_at(legs, "alpha", 14, SESSION), KEY_VERDICT_BAD_REQUEST);
    assert_got(get(legs, 4), 0, 0, 0, 4);
}

static void test_status_counts_both(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 3);
    fill(legs, 8, 3);
    // The platform is not there to say who serves the other: this agent is told by hand.
    const Fetch *fetch = world_key_status(legs->stage->world, "alpha", "sae-a", "sae-b");
    world_run(legs->stage->world, 5 * MS);
    WireServices services = WIRE_SERVICES_INIT;
    WireService service = WIRE_SERVICE_INIT, *found[] = {&service};
    service.sae = services.id = (char *)"sae-b";
    service.kme_id = (char *)"kme-beta";
    services.n_services = 1;
    services.services = found;
    tell(legs, KIND_SERVICES, "alpha", &services.base);
    g_assert_true(fetch->is_answered);
    g_assert_cmpuint(fetch->n_stored, ==, 3);
}

// --- what the platform is told -------------------------------------------------------------------

static void test_reports(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 8);
    stage_forget(legs->stage);
    get(legs, 3);
    g_assert_null(heard(legs, "alpha", "sae-a"));
    get(legs, 1);
    const WireLegState *state = heard(legs, "alpha", "sae-a");
    g_assert_nonnull(state);
    g_assert_cmpuint(state->delivered, ==, 4);
    g_assert_cmpuint(state->n_stored, ==, 4);
    stage_forget(legs->stage);
    world_run(legs->stage->world, 2 * SECOND);
    g_assert_nonnull(heard(legs, "alpha", "sae-a"));
    g_assert_nonnull(heard(legs, "beta", "sae-b"));
}

// Whoever waits is told of at once, and again less and less often.
static void test_empty(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    stage_forget(legs->stage);
    const Fetch *fetch = get(legs, 1);
    g_assert_nonnull(heard(legs, "alpha", "sae-a"));
    world_run(legs->stage->world, 9 * SECOND);
    guint n = stage_count(legs->stage, KIND_LEG_STATE);
    g_assert_cmpuint(n, >=, 10);
    g_assert_cmpuint(n, <=, 16);
    g_assert_false(fetch->is_answered);
    world_run(legs->stage->world, 2 * SECOND);
    assert_refused(fetch, KEY_VERDICT_UNAVAILABLE);
    g_assert_true(g_str_has_prefix(fetch->message, "INSUFFICIENT_KEY"));
}

static void test_told_twice_or_late(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    tell_phase(legs, "alpha", "sae-a", 5, PHASE(SERVE));
    tell_phase(legs, "alpha", "sae-a", 5, PHASE(SERVE));
    WireLeg old = leg_of("sae-a", 4, PHASE(END));
    const WireLegState *state = tell_leg(legs, "alpha", &old);
    g_assert_cmpuint(state->version, ==, 5);
    g_assert_cmpint(state->phase, ==, PHASE(SERVE));
    fill(legs, 0, 1);
    assert_got(get(legs, 1), 0, 0, 0, 1);
}

static void test_nonsense(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    WireLeg told[7];
    for (guint i = 0; i < G_N_ELEMENTS(told); i++)
        told[i] = leg_of("sae-a", 1, PHASE(SERVE));
    told[0].session = (char *)"5e55";
    told[1].phase = PHASE(UNSPECIFIED);
    told[2].initiator = (char *)"sae-b2";
    told[3].size_bits = 7;
    told[4].n_targets = 0;
    told[5].buffer = 1000000;
    told[6].sae = told[6].initiator = (char *)"sae-b2";
    for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
        const WireLegState *state = tell_leg(legs, "alpha", &told[i]);
        g_assert_cmpint(state->status, !=, STATUS_OK);
        g_assert_cmpuint(state->version, ==, 1);
        g_assert_cmpstr(state->text, !=, "");
    }
    tell_phase(legs, "alpha", "sae-a", 1, PHASE(SERVE));
    WireLeg other = leg_of("sae-a", 2, PHASE(SERVE));
    other.size_bits = 512;
    g_assert_cmpint(tell_leg(legs, "alpha", &other)->status, ==, STATUS_BAD_REQUEST);
    fill(legs, 0, 1);
    assert_got(get(legs, 1), 0, 0, 0, 1);
}

// --- the end -------------------------------------------------------------------------------------

static void test_ends(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 4);
    assert_got(get(legs, 2), 0, 0, 0, 2);
    const WireLegState *state = tell_phase(legs, "alpha", "sae-a", 2, PHASE(DRAIN));
    g_assert_cmpuint(state->n_stored, ==, 0);
    g_assert_cmpuint(state->delivered, ==, 2);
    tell_left(legs, "beta", "sae-b", 2, PHASE(DRAIN), 0, 2, 0);
    restart(legs, "beta");
    assert_got(get_id(legs, 0, 1), 0, 0, 1, 1);
    assert_refused(get_id(legs, 0, 2), KEY_VERDICT_BAD_REQUEST);
    assert_refused(get_at(legs, "alpha", 1, SESSION), KEY_VERDICT_BAD_REQUEST);
    state = tell_phase(legs, "beta", "sae-b", 3, PHASE(END));
    g_assert_cmpuint(state->n_stored, ==, 0);
    assert_refused(get_id(legs, 0, 0), KEY_VERDICT_BAD_REQUEST);
    // What comes late does not bring it back; nor do keys.
    restart(legs, "beta");
    WireLeg late = leg_of("sae-b", 1, PHASE(SERVE));
    g_assert_cmpint(tell_leg(legs, "beta", &late)->phase, ==, PHASE(END));
    fill(legs, 4, 2);
    assert_refused(get_id(legs, 4, 0), KEY_VERDICT_BAD_REQUEST);
}

static void test_end_of_nothing(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    tell_phase(legs, "alpha", "sae-nobody", 9, PHASE(END));
    restart(legs, "alpha");
    tell_phase(legs, "alpha", "sae-nobody", 9, PHASE(END));
    world_run(legs->stage->world, 181 * SECOND);
    tell_phase(legs, "alpha", "sae-nobody", 9, PHASE(END));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/leg/in-order", test_in_order);
    g_test_add_func("/leg/over-restarts", test_over_restarts);
    g_test_add_func("/leg/voided-and-tried-again", test_voided_and_tried_again);
    g_test_add_func("/leg/not-by-other-ways", test_not_by_other_ways);
    g_test_add_func("/leg/status-counts-both", test_status_counts_both);
    g_test_add_func("/leg/reports", test_reports);
    g_test_add_func("/leg/empty", test_empty);
    g_test_add_func("/leg/told-twice-or-late", test_told_twice_or_late);
    g_test_add_func("/leg/nonsense", test_nonsense);
    g_test_add_func("/leg/ends", test_ends);
    g_test_add_func("/leg/end-of-nothing", test_end_of_nothing);
    return g_test_run();
}

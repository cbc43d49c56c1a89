// SPDX-License-Identifier: Apache-2.0
//
// Ends of sessions that move from one agent to another and back, and targets that do not fetch.

#include "tests/sim/leg-stage.h"

#include <string.h>

typedef void (*MoveFn)(LegStage *legs);

// As it is, and with both agents killed after everything that they are told.
static void run_move(gconstpointer data)
{
    MoveFn fn = *(const MoveFn *)data;
    for (guint restarts = 0; restarts < 2; restarts++) {
        g_autoptr(LegStage) legs = leg_stage_new(NULL);
        legs->restarts = restarts;
        fn(legs);
    }
}

static void grant_copy(LegStage *legs, guint request, guint attempt)
{
    release(legs, "alpha", request, attempt, TRUE);
    release(legs, "beta", request, attempt, TRUE);
}

// --- there, and back -----------------------------------------------------------------------------

// Both ends are at beta then, where the target's has the same keys.
static void move_initiator(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 8);
    assert_got(get(legs, 3), 0, 0, 0, 3);
    tell_phase(legs, "beta", "sae-a", 2, PHASE(PREPARE));
    copy(legs, 100, 0, 0, 8, "sae-a", FALSE);
    grant_copy(legs, 100, 0);
    // The old end serves on.
    assert_got(get(legs, 1), 0, 0, 3, 1);
    const Fetch *theirs = get_id(legs, 0, 4);
    assert_left(tell_phase(legs, "alpha", "sae-a", 3, PHASE(FREEZE)), 4, 8);
    g_assert_false(get(legs, 1)->is_answered);
    const WireLegState *state = tell_left(legs, "beta", "sae-a", 4, PHASE(SERVE), 4, 8, 8);
    g_assert_cmpuint(state->delivered, ==, 4);
    g_assert_cmpuint(state->n_stored, ==, 4);
    tell_phase(legs, "alpha", "sae-a", 5, PHASE(END));
    const Fetch *mine = get_at(legs, "beta", 1, NULL);
    assert_got(mine, 0, 0, 4, 1);
    assert_same_key(mine, theirs);
    assert_refused(get_at(legs, "alpha", 1, SESSION), KEY_VERDICT_BAD_REQUEST);
    for (guint i = 5; i < 8; i++)
        assert_same_key(get_at(legs, "beta", 1, NULL), get_id(legs, 0, i));
    g_assert_false(get_at(legs, "beta", 1, NULL)->is_answered);
}

// The other end is at alpha, and had the keys from the start.
static void move_target(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 4);
    assert_got(get_id(legs, 0, 1), 0, 0, 1, 1);
    tell_phase(legs, "alpha", "sae-b", 2, PHASE(PREPARE));
    copy(legs, 100, 0, 0, 4, "sae-b", TRUE);
    grant_copy(legs, 100, 0);
    assert_got(get_id(legs, 0, 3), 0, 0, 3, 1);
    WireLeg serve = leg_of("sae-b", 4, PHASE(SERVE));
    const WireLegState *state = tell_phase(legs, "beta", "sae-b", 3, PHASE(FREEZE));
    g_assert_cmpuint(state->n_left, ==, 2);
    WireSequenceRange left[2] = {*state->left[0], *state->left[1]};
    serve.left = (WireSequenceRange *[]){&left[0], &left[1]};
    serve.n_left = 2;
    serve.resume = 4;
    tell_leg(legs, "alpha", &serve);
    tell_phase(legs, "beta", "sae-b", 5, PHASE(END));
    // Once at this end, wherever it is.
    assert_refused(get_id_at(legs, "alpha", 0, 0, 1), KEY_VERDICT_BAD_REQUEST);
    assert_refused(get_id_at(legs, "alpha", 0, 0, 3), KEY_VERDICT_BAD_REQUEST);
    for (guint i = 0; i < 4; i++) {
        const Fetch *mine = get(legs, 1);
        assert_got(mine, 0, 0, i, 1);
        if (i % 2 == 0)
            assert_same_key(mine, get_id_at(legs, "alpha", 0, 0, i));
    }
    assert_refused(get_id_at(legs, "alpha", 0, 0, 0), KEY_VERDICT_BAD_REQUEST);
}

static void move_back(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 8);
    assert_got(get_id(legs, 0, 0), 0, 0, 0, 1);
    tell_phase(legs, "alpha", "sae-b", 2, PHASE(PREPARE));
    copy(legs, 100, 0, 0, 8, "sae-b", TRUE);
    grant_copy(legs, 100, 0);
    tell_phase(legs, "beta", "sae-b", 3, PHASE(FREEZE));
    tell_left(legs, "alpha", "sae-b", 4, PHASE(SERVE), 1, 8, 8);
    assert_got(get_id_at(legs, "alpha", 0, 0, 1), 0, 0, 1, 1);
    // It turns round before the end at beta has heard that it is over there.
    tell_phase(legs, "beta", "sae-b", 6, PHASE(PREPARE));
    copy(legs, 101, 0, 0, 8, "sae-b", FALSE);
    grant_copy(legs, 101, 0);
    assert_got(get_id_at(legs, "alpha", 0, 0, 2), 0, 0, 2, 1);
    assert_left(tell_phase(legs, "alpha", "sae-b", 7, PHASE(FREEZE)), 3, 8);
    tell_left(legs, "beta", "sae-b", 8, PHASE(SERVE), 3, 8, 8);
    tell_phase(legs, "alpha", "sae-b", 9, PHASE(END));
    for (guint i = 0; i < 8; i++) {
        const Fetch *mine = get(legs, 1), *theirs = get_id(legs, 0, i);
        assert_got(mine, 0, 0, i, 1);
        if (i < 3)
            assert_refused(theirs, KEY_VERDICT_BAD_REQUEST);
        else
            assert_same_key(mine, theirs);
    }
}

// There, back and there again, and everything wiped in between.
static void move_to_and_fro(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 8);
    guint64 version = 1;
    for (guint i = 0; i < 6; i++) {
        const char *from = i % 2 == 0 ? "alpha" : "beta", *to = i % 2 == 0 ? "beta" : "alpha";
        assert_got(get_at(legs, from, 1, NULL), 0, 0, i, 1);
        tell_phase(legs, to, "sae-a", ++version, PHASE(PREPARE));
        copy(legs, 100 + i, 0, 0, 8, "sae-a", i % 2 != 0);
        grant_copy(legs, 100 + i, 0);
        assert_left(tell_phase(legs, from, "sae-a", ++version, PHASE(FREEZE)), i + 1, 8);
        tell_left(legs, to, "sae-a", ++version, PHASE(SERVE), i + 1, 8, 8);
        tell_phase(legs, from, "sae-a", ++version, PHASE(END));
    }
    const Fetch *rest = get(legs, 2);
    assert_got(rest, 0, 0, 6, 2);
    assert_same_key(rest, get_id(legs, 0, 6));
}

static void fall_back(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 4);
    tell_phase(legs, "beta", "sae-a", 2, PHASE(PREPARE));
    copy(legs, 100, 0, 0, 4, "sae-a", FALSE);
    assert_got(get(legs, 1), 0, 0, 0, 1);
    tell_phase(legs, "alpha", "sae-a", 3, PHASE(FREEZE));
    const Fetch *mine = get(legs, 1);
    g_assert_false(mine->is_answered);
    tell_phase(legs, "alpha", "sae-a", 4, PHASE(SERVE));
    assert_got(mine, 0, 0, 1, 1);
    tell_phase(legs, "beta", "sae-a", 5, PHASE(END));
    release(legs, "alpha", 100, 0, FALSE);
    release(legs, "beta", 100, 0, FALSE);
    assert_got(get(legs, 2), 0, 0, 2, 2);
    assert_got(get_id(legs, 0, 2), 0, 0, 2, 1);
}

// --- copies --------------------------------------------------------------------------------------

static void copy_twice(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 4);
    tell_phase(legs, "alpha", "sae-b", 2, PHASE(PREPARE));
    copy(legs, 100, 0, 0, 4, "sae-b", TRUE);
    copy(legs, 100, 1, 0, 4, "sae-b", TRUE);
    grant_copy(legs, 100, 1);
    release(legs, "beta", 100, 0, FALSE);
    release(legs, "alpha", 100, 0, FALSE);
    tell_phase(legs, "beta", "sae-b", 3, PHASE(FREEZE));
    g_assert_cmpuint(tell_left(legs, "alpha", "sae-b", 4, PHASE(SERVE), 0, 4, 4)->n_stored, ==, 4);
    assert_same_key(get(legs, 1), get_id_at(legs, "alpha", 0, 0, 0));
}

// The platform's word and the copies go different ways.
static void copy_late(LegStage *legs)
{
    open_session(legs);
    fill(legs, 0, 4);
    tell_phase(legs, "beta", "sae-b", 3, PHASE(FREEZE));
    copy(legs, 100, 0, 0, 4, "sae-b", TRUE);
    tell_left(legs, "alpha", "sae-b", 4, PHASE(SERVE), 0, 2, 4);
    const Fetch *theirs = get_id_at(legs, "alpha", 0, 0, 1);
    g_assert_false(theirs->is_answered);
    grant_copy(legs, 100, 0);
    assert_got(theirs, 0, 0, 1, 1);
    assert_refused(get_id_at(legs, "alpha", 0, 0, 2), KEY_VERDICT_BAD_REQUEST);
}

// Its own release is still under way when a key is copied.
static void copy_before_release(LegStage *legs)
{
    open_session(legs);
    order(legs, &(Split){.request = 0, .first = 0, .number = 2});
    release(legs, "alpha", 0, 0, TRUE);
    tell_phase(legs, "alpha", "sae-b", 2, PHASE(PREPARE));
    copy(legs, 100, 0, 0, 2, "sae-b", TRUE);
    grant_copy(legs, 100, 0);
    assert_left(tell_phase(legs, "beta", "sae-b", 3, PHASE(FREEZE)), 0, 2);
    tell_left(legs, "alpha", "sae-b", 4, PHASE(SERVE), 0, 2, 2);
    release(legs, "beta", 0, 0, TRUE);
    assert_same_key(get(legs, 1), get_id_at(legs, "alpha", 0, 0, 0));
}

static Status order_outcome(LegStage *legs, const Split *split)
{
    stage_forget(legs->stage);
    order(legs, split);
    const Seen *seen = stage_find(legs->stage, KIND_OUTCOME);
    return (Status)((const WireOutcome *)seen->frame->messages[0])->status;
}

static void test_copies_that_make_no_sense(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 2);
    g_autofree char *id = request_id(0);
    char *targets[] = {(char *)"sae-b"};
    WireKeyCopy good = WIRE_KEY_COPY_INIT;
    good.request = id;
    good.initiator = (char *)"sae-a";
    good.targets = targets;
    good.n_targets = 1;
    WireKeyCopy bad[] = {good, good, good, good};
    bad[0].request = (char *)"0123";
    bad[1].attempt = 5000;
    bad[2].n_targets = 0;
    bad[3].initiator = bad[3].targets[0] = (char *)"sae-b";
    Split split = {.request = 100, .number = 2, .mover = "sae-a"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        split.copy = &bad[i];
        g_assert_cmpint(order_outcome(legs, &split), ==, STATUS_BAD_REQUEST);
    }
}

// --- calls ---------------------------------------------------------------------------------------

static void test_calls_before_it_is_served(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 4);
    g_assert_false(tell_phase(legs, "alpha", "sae-b", 2, PHASE(PREPARE))->is_wanted);
    // Not even the copies are here.
    const Fetch *theirs = get_id_at(legs, "alpha", 0, 0, 1);
    g_assert_false(theirs->is_answered);
    g_assert_true(heard(legs, "alpha", "sae-b")->is_wanted);
    stage_forget(legs->stage);
    world_run(legs->stage->world, 2 * SECOND);
    g_assert_true(heard(legs, "alpha", "sae-b")->is_wanted);
    copy(legs, 100, 0, 0, 4, "sae-b", TRUE);
    grant_copy(legs, 100, 0);
    g_assert_false(theirs->is_answered);
    tell_phase(legs, "beta", "sae-b", 3, PHASE(FREEZE));
    tell_left(legs, "alpha", "sae-b", 4, PHASE(SERVE), 0, 4, 4);
    assert_got(theirs, 0, 0, 1, 1);
    stage_forget(legs->stage);
    world_run(legs->stage->world, 5 * SECOND);
    g_assert_false(heard(legs, "alpha", "sae-b")->is_wanted);
}

static void test_calls_where_it_was_served(void)
{
    g_autoptr(LegStage) legs = leg_stage_new(NULL);
    open_session(legs);
    fill(legs, 0, 4);
    tell_phase(legs, "alpha", "sae-a", 2, PHASE(FREEZE));
    tell_phase(legs, "beta", "sae-b", 2, PHASE(FREEZE));
    const Fetch *mine = get(legs, 1), *theirs = get_id(legs, 0, 0);
    const Fetch *unknown = get_id(legs, 77, 0);
    world_run(legs->stage->world, 9 * SECOND);
    g_assert_false(mine->is_answered || theirs->is_answered || unknown->is_answered);
    world_run(legs->stage->world, 2 * SECOND);
    const Fetch *all[] = {mine, theirs, unknown};
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        assert_refused(all[i], KEY_VERDICT_UNAVAILABLE);
        g_assert_nonnull(strstr(all[i]->message, "served elsewhere"));
    }
    mine = get(legs, 1);
    tell_phase(legs, "alpha", "sae-a", 3, PHASE(END));
    assert_refused(mine, KEY_VERDICT_UNAVAILABLE);
}

// --- bounds --------------------------------------------------------------------------------------

static guint n_overruns(const LegStage *legs)
{
    guint n = 0;
    for (guint i = 0; i < legs->stage->seen->len; i++) {
        const Seen *seen = legs->stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_EVENT && j < seen->frame->n_messages; j++) {
            const WireEvent *event = (const WireEvent *)seen->frame->messages[j];
            n += strcmp(event->name, "session.overrun") == 0;
        }
    }
    return n;
}

static void test_target_does_not_fetch(void)
{
    Network *network = leg_network();
    network_find_site(network, "beta")->config.limits.max_keys_stored = 16;
    g_autoptr(LegStage) legs = leg_stage_new(network);
    open_session(legs);
    for (guint i = 0; i < 10; i++) {
        fill(legs, 4 * i, 4);
        assert_got(get(legs, 4), 4 * i, 0, 0, 4);
    }
    g_assert_cmpuint(n_overruns(legs), ==, 1);
    assert_refused(get_id(legs, 20, 3), KEY_VERDICT_BAD_REQUEST);
    assert_got(get_id(legs, 24, 0), 24, 0, 0, 1);
    fill(legs, 40, 4);
    g_assert_cmpuint(n_overruns(legs), ==, 2);
    assert_left(tell_phase(legs, "beta", "sae-b", 2, PHASE(FREEZE)), 28, 44);
}

static void test_initiator_does_not_fetch(void)
{
    Network *network = leg_network();
    network_find_site(network, "alpha")->config.limits.max_keys_stored = 16;
    g_autoptr(LegStage) legs = leg_stage_new(network);
    open_session(legs);
    fill(legs, 0, 16);
    g_assert_cmpint(order_outcome(legs, &(Split){.request = 16, .first = 16, .number = 1}), ==,
                    STATUS_BUSY);
    assert_got(get(legs, 8), 0, 0, 0, 8);
    fill(legs, 16, 8);
    assert_got(get(legs, 8), 0, 0, 8, 8);
    assert_got(get(legs, 8), 16, 0, 0, 8);
}

// A slow session keeps what it has; what is nobody's goes.
static void test_nothing_expires_while_it_is_served(void)
{
    Network *network = leg_network();
    network_find_site(network, "alpha")->config.key_lifetime_s = 5;
    network_find_site(network, "beta")->config.key_lifetime_s = 5;
    g_autoptr(LegStage) legs = leg_stage_new(network);
    fill(legs, 0, 2);
    world_run(legs->stage->world, 6 * SECOND);
    open_session(legs);
    g_assert_cmpuint(heard(legs, "beta", "sae-b")->n_stored, ==, 0);
    order(legs, &(Split){.request = 100, .first = 0, .number = 2});
    grant(legs, 100);
    world_run(legs->stage->world, 6 * SECOND);
    restart(legs, "alpha");
    assert_got(get(legs, 1), 100, 0, 0, 1);
    assert_got(get_id(legs, 100, 0), 100, 0, 0, 1);
    tell_left(legs, "beta", "sae-b", 2, PHASE(DRAIN), 0, 2, 0);
    world_run(legs->stage->world, 3601 * SECOND);
    assert_refused(get_id(legs, 100, 1), KEY_VERDICT_BAD_REQUEST);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        MoveFn fn;
    } moves[] = {
        {"/leg-move/initiator", move_initiator},
        {"/leg-move/target", move_target},
        {"/leg-move/back", move_back},
        {"/leg-move/to-and-fro", move_to_and_fro},
        {"/leg-move/fall-back", fall_back},
        {"/leg-move/copy-twice", copy_twice},
        {"/leg-move/copy-late", copy_late},
        {"/leg-move/copy-before-release", copy_before_release},
    };
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(moves); i++)
        g_test_add_data_func(moves[i].name, &moves[i].fn, run_move);
    g_test_add_func("/leg-move/copies-that-make-no-sense", test_copies_that_make_no_sense);
    g_test_add_func("/leg-move/calls-before-it-is-served", test_calls_before_it_is_served);
    g_test_add_func("/leg-move/calls-where-it-was-served", test_calls_where_it_was_served);
    g_test_add_func("/leg-move/target-does-not-fetch", test_target_does_not_fetch);
    g_test_add_func("/leg-move/initiator-does-not-fetch", test_initiator_does_not_fetch);
    g_test_add_func("/leg-move/nothing-expires-while-it-is-served",
                    test_nothing_expires_while_it_is_served);
    return g_test_run();
}

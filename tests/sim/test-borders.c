// SPDX-License-Identifier: Apache-2.0
//
// Border ledgers while the bus and the drivers misbehave: both ends go on to hold the same key
// under the same numbers, and what they hold can be used.

#include "tests/sim/stage.h"

#include <string.h>

// Uses up more than was in stock, in many requests, all of which must be granted once there is key.
static void assert_works(Stage *stage)
{
    guint n_tries = 0;
    for (guint i = 0; i < 30 && n_tries < 60; n_tries++) {
        const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 8, 1024);
        if (stage_await(stage, ask)->status == STATUS_OK) {
            stage_assert_delivered(stage, ask);
            i++;
        } else {
            stage_await_status(stage, ask, STATUS_INSUFFICIENT_KEY);
            world_run(stage->world, 2 * G_TIME_SPAN_SECOND);
        }
        world_run(stage->world, 200 * G_TIME_SPAN_MILLISECOND);
    }
    g_assert_cmpuint(n_tries, <, 60);
}

static gboolean is_ledger(KindId kind)
{
    return kind == KIND_FILL || kind == KIND_FILLED;
}

static gboolean loses_filled(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == KIND_FILLED;
}

static gboolean loses_half(Stage *stage, const BrokerLeg *leg)
{
    return is_ledger(leg->kind) && dice_chance(stage->data, 50);
}

static void test_lost(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    Dice dice = dice_make(1);
    stage->data = &dice;
    stage->loses = loses_half;
    assert_works(stage);
}

static void test_filled_is_always_lost(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->loses = loses_filled;
    for (guint i = 0; i < 30; i++)
        stage_await(stage, stage_ask(stage, "sae-a", "sae-b", 16, 1024));
    stage->loses = NULL;
    world_run(stage->world, 5 * G_TIME_SPAN_SECOND);
    assert_works(stage);
}

// --- drivers -------------------------------------------------------------------------------------

static FaultyFate unknown_now_and_then(Stage *stage, const char *agent, FaultyCall call,
                                       const char *subject, const char *block_id)
{
    return call == FAULTY_CLAIM && ++stage->n_tampered % 5 == 0 ? FAULTY_UNKNOWN : FAULTY_NOTHING;
}

static void test_unknown_blocks(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->driver_fate = unknown_now_and_then;
    assert_works(stage);
    g_assert_cmpuint(stage_count(stage, KIND_FILL), >, 0);
}

static FaultyFate any_failure(Stage *stage, const char *agent, FaultyCall call, const char *subject,
                              const char *block_id)
{
    return call == FAULTY_RELAY ? FAULTY_NOTHING : (FaultyFate)(++stage->n_tampered % FAULTY_LIE);
}

static void test_drivers_fail(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->driver_fate = any_failure;
    assert_works(stage);
}

// Blocks that differ at the two ends are noticed before anyone has a key, and used up.
static FaultyFate lies_once(Stage *stage, const char *agent, FaultyCall call, const char *subject,
                            const char *block_id)
{
    return call == FAULTY_CLAIM && stage->n_tampered++ % 40 == 0 ? FAULTY_LIE : FAULTY_NOTHING;
}

static void test_driver_lies(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->driver_fate = lies_once;
    guint n_granted = 0;
    for (guint i = 0; i < 60; i++) {
        const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 8, 1024);
        const WireReply *reply = stage_await(stage, ask);
        if (reply->status == STATUS_OK) {
            stage_assert_delivered(stage, ask);
            n_granted++;
        } else {
            g_assert_cmpint(reply->status, ==, STATUS_TAG_MISMATCH);
        }
        world_run(stage->world, 200 * G_TIME_SPAN_MILLISECOND);
    }
    g_assert_cmpuint(n_granted, <, 60);
    g_assert_cmpuint(n_granted, >, 40);
}

// --- memory --------------------------------------------------------------------------------------

static void lose_store(Stage *stage, const char *agent)
{
    Node *node = world_find_node(stage->world, agent);
    g_autoptr(GError) error = NULL;
    node->restart_us = 0;
    node_kill(node);
    store_disk_free(node->disk);
    node->disk = store_disk_new();
    node_start(node, &error);
    g_assert_no_error(error);
    world_run(stage->world, 5 * G_TIME_SPAN_SECOND);
}

static void test_store_is_lost(gconstpointer data)
{
    g_autoptr(Stage) stage = stage_chain(2);
    assert_works(stage);
    lose_store(stage, data);
    assert_works(stage);
    lose_store(stage, data);
    assert_works(stage);
}

static gboolean loses_filled_of_victim(Stage *stage, const BrokerLeg *leg)
{
    return stage->victim && leg->kind == KIND_FILLED && strcmp(leg->from, stage->victim) == 0;
}

// However late the other end answers: a filler without memory never takes what that end holds of
// old for what it has numbered itself meanwhile.
static void test_filler_has_no_memory(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->victim = "beta";
    stage->loses = loses_filled_of_victim;
    lose_store(stage, "alpha");
    stage->loses = NULL;
    world_run(stage->world, 5 * G_TIME_SPAN_SECOND);
    assert_works(stage);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/borders/lost", test_lost);
    g_test_add_func("/borders/filled-is-always-lost", test_filled_is_always_lost);
    g_test_add_func("/borders/unknown-blocks", test_unknown_blocks);
    g_test_add_func("/borders/drivers-fail", test_drivers_fail);
    g_test_add_func("/borders/driver-lies", test_driver_lies);
    g_test_add_data_func("/borders/filler-loses-store", "alpha", test_store_is_lost);
    g_test_add_func("/borders/filler-has-no-memory", test_filler_has_no_memory);
    g_test_add_data_func("/borders/other-loses-store", "beta", test_store_is_lost);
    g_test_add_data_func("/borders/platform-loses-store", PLATFORM, test_store_is_lost);
    return g_test_run();
}

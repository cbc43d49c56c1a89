// SPDX-License-Identifier: Apache-2.0
//
// What users ask of their key management entity, with the federation behind it.

#include "tests/sim/stage.h"

#include <string.h>

static KeyQuery make_query(const char *const *targets)
{
    return (KeyQuery){.caller = {.sae = "sae-a"},
                      .targets = targets,
                      .number = 2,
                      .size_bits = 256,
                      .n_paths = 1};
}

static const char *const to_g[] = {"sae-g", NULL};

static const Fetch *get_keys(Stage *stage, const KeyQuery *query)
{
    return stage_await_fetch(
        stage, world_get_keys(stage->world, stage_home(stage, query->caller.sae), query));
}

static const char *id_of(const Fetch *fetch, guint index)
{
    return ((const DeliveredKey *)fetch->keys->pdata[index])->id;
}

static gboolean same_key(const Fetch *a, guint i, const Fetch *b, guint j)
{
    const DeliveredKey *x = a->keys->pdata[i], *y = b->keys->pdata[j];
    return strcmp(x->id, y->id) == 0 && secret_equal(x->key, y->key);
}

static void test_on_demand(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    KeyQuery query = make_query(to_g);
    const Fetch *mine = get_keys(stage, &query);
    g_assert_cmpint(mine->verdict, ==, KEY_VERDICT_OK);
    g_assert_cmpuint(mine->keys->len, ==, 2);
    const Fetch *theirs = stage_fetch_by_id(
        stage, "sae-g", "sae-a", (const char *const[]){id_of(mine, 1), id_of(mine, 0), NULL});
    g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_OK);
    g_assert_true(same_key(mine, 0, theirs, 1));
    g_assert_true(same_key(mine, 1, theirs, 0));
    g_assert_cmpint(
        stage_fetch_by_id(stage, "sae-g", "sae-a", (const char *const[]){id_of(mine, 0), NULL})
            ->verdict,
        ==, KEY_VERDICT_BAD_REQUEST);
}

static void test_from_the_store(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 2, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    const Fetch *status =
        stage_await_fetch(stage, world_key_status(stage->world, "alpha", "sae-a", "sae-g"));
    g_assert_cmpint(status->verdict, ==, KEY_VERDICT_OK);
    g_assert_cmpuint(status->n_stored, ==, 2);
    g_assert_cmpstr(status->target_kme, ==, "kme-gamma");
    stage_forget(stage);
    KeyQuery query = make_query(to_g);
    const Fetch *mine = get_keys(stage, &query);
    g_assert_cmpstr(id_of(mine, 0), ==, reply->key_ids[0]);
    g_assert_cmpuint(stage_count(stage, KIND_REQUEST), ==, 0);
}

static void test_by_id_is_all_or_nothing(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    KeyQuery query = make_query(to_g);
    const Fetch *mine = get_keys(stage, &query);
    const char *unknown = "00000000-0000-4000-8000-000000000000";
    const Fetch *none = stage_fetch_by_id(stage, "sae-g", "sae-a",
                                          (const char *const[]){id_of(mine, 0), unknown, NULL});
    g_assert_cmpint(none->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    g_assert_cmpstr(none->message, ==, "one or more keys specified are not found on KME");
    g_assert_cmpuint(none->keys->len, ==, 0);
    const Fetch *both = stage_fetch_by_id(
        stage, "sae-g", "sae-a", (const char *const[]){id_of(mine, 0), id_of(mine, 1), NULL});
    g_assert_cmpint(both->verdict, ==, KEY_VERDICT_OK);
}

static void test_not_entitled(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    KeyQuery query = make_query(to_g);
    const Fetch *mine = get_keys(stage, &query);
    const char *const ids[] = {id_of(mine, 0), NULL};
    g_assert_cmpint(stage_fetch_by_id(stage, "sae-g2", "sae-a", ids)->verdict, ==,
                    KEY_VERDICT_UNAUTHORIZED);
    // Not a user of this provider at all.
    g_assert_cmpint(
        stage_await_fetch(stage, world_get_keys_by_id(stage->world, "gamma", "sae-b", "sae-a", ids))
            ->verdict,
        ==, KEY_VERDICT_UNAUTHORIZED);
    query.caller.sae = "sae-b";
    g_assert_cmpint(
        stage_await_fetch(stage, world_get_keys(stage->world, "alpha", &query))->verdict, ==,
        KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpint(stage_fetch_by_id(stage, "sae-g", "sae-a", ids)->verdict, ==, KEY_VERDICT_OK);
}

static gboolean loses_releases(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == KIND_RELEASE && strcmp(leg->to, "gamma") == 0;
}

// The initiator may have told the target before the target's agent knows that it may deliver.
static void test_target_waits_for_release(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    stage->loses = loses_releases;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    const Fetch *theirs = world_get_keys_by_id(stage->world, "gamma", "sae-g", "sae-a",
                                               (const char *const[]){reply->key_ids[0], NULL});
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_false(theirs->is_answered);
    stage->loses = NULL;
    stage_await_fetch(stage, theirs);
    g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_OK);
}

static void test_several_targets(void)
{
    static const char *const targets[] = {"sae-g", "sae-b", "sae-a2", NULL};
    g_autoptr(Stage) stage = stage_chain(3);
    KeyQuery query = make_query(targets);
    const Fetch *mine = get_keys(stage, &query);
    g_assert_cmpint(mine->verdict, ==, KEY_VERDICT_OK);
    for (gsize i = 0; targets[i]; i++) {
        const Fetch *theirs = stage_fetch_by_id(stage, targets[i], "sae-a",
                                                (const char *const[]){id_of(mine, 0), NULL});
        g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_OK);
        g_assert_true(same_key(mine, 0, theirs, 0));
    }
}

static void test_refusals(void)
{
    static const char *const unknown[] = {"sae-x", NULL};
    g_autoptr(Stage) stage = stage_chain(3);
    KeyQuery query = make_query(unknown);
    const Fetch *refused = get_keys(stage, &query);
    g_assert_cmpint(refused->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    query = make_query(to_g);
    query.n_paths = 2;
    refused = get_keys(stage, &query);
    g_assert_cmpint(refused->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    g_assert_cmpstr(refused->message, ==,
                    "not all extension_mandatory request options could be met");
    const Fetch *status =
        stage_await_fetch(stage, world_key_status(stage->world, "alpha", "sae-a", "sae-x"));
    g_assert_cmpint(status->verdict, ==, KEY_VERDICT_BAD_REQUEST);
}

static gboolean loses_all_requests(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == KIND_REQUEST;
}

static void test_platform_is_silent(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->loses = loses_all_requests;
    KeyQuery query = make_query((const char *const[]){"sae-b", NULL});
    const Fetch *late = get_keys(stage, &query);
    g_assert_cmpint(late->verdict, ==, KEY_VERDICT_UNAVAILABLE);
    g_assert_cmpint(world_now(stage->world) - late->called_at_us, <=, 10 * G_TIME_SPAN_SECOND);
    stage->loses = NULL;
    g_assert_cmpint(get_keys(stage, &query)->verdict, ==, KEY_VERDICT_OK);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/entity/on-demand", test_on_demand);
    g_test_add_func("/entity/from-the-store", test_from_the_store);
    g_test_add_func("/entity/by-id-is-all-or-nothing", test_by_id_is_all_or_nothing);
    g_test_add_func("/entity/not-entitled", test_not_entitled);
    g_test_add_func("/entity/target-waits-for-release", test_target_waits_for_release);
    g_test_add_func("/entity/several-targets", test_several_targets);
    g_test_add_func("/entity/refusals", test_refusals);
    g_test_add_func("/entity/platform-is-silent", test_platform_is_silent);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0
//
// Where something on the way fails, lies or is short of key: another way, or a clear refusal.

#include "agents/federation/core.h"
#include "tests/sim/stage.h"

#include <string.h>

static void assert_path(const WireReply *reply, const char *transit)
{
    g_assert_cmpuint(reply->n_paths, ==, 1);
    g_assert_cmpuint(reply->paths[0]->n_providers, ==, 3);
    g_assert_cmpstr(reply->paths[0]->providers[1], ==, transit);
}

static const char *other_transit(const char *transit)
{
    return strcmp(transit, "beta") == 0 ? "gamma" : "beta";
}

// The transit provider that is taken while nothing is wrong.
static const char *usual_transit(Stage *stage)
{
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    return stage_await_grant(stage, ask)->paths[0]->providers[1];
}

static void test_border_down(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    const char *usual = usual_transit(stage);
    g_autofree char *link = g_strconcat("alpha-", usual, NULL);
    stage_drill(stage, "alpha", TRUE, DRIVER_SCOPE_BORDER, link);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    assert_path(stage_await_grant(stage, ask), other_transit(usual));
    stage_assert_delivered(stage, ask);
    stage_drill(stage, "alpha", FALSE, DRIVER_SCOPE_BORDER, link);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    assert_path(stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-d", 1, 256)), usual);
}

static void test_only_border_down(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage_drill(stage, "beta", TRUE, DRIVER_SCOPE_BORDER, "alpha-beta");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    stage_await_status(stage, stage_ask(stage, "sae-a", "sae-b", 1, 256), STATUS_NO_ROUTE);
}

// The transit provider's own network does not carry the key, and nobody knew before.
static void test_interior_fails(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    const char *usual = usual_transit(stage);
    stage_drill(stage, usual, TRUE, DRIVER_SCOPE_NODE, "gateway");
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    assert_path(stage_await_grant(stage, ask), other_transit(usual));
    stage_assert_delivered(stage, ask);
}

static gboolean flip_bit_of_victim(Stage *stage, const Topic *topic, WireRelay *relay)
{
    if (stage->victim && strcmp(topic->from, stage->victim) != 0)
        return FALSE;
    // Equal changes of two values would cancel each other out.
    relay->value.data[relay->place] ^= 4;
    return TRUE;
}

static void test_tampered_transit(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    const char *usual = usual_transit(stage);
    stage->victim = usual;
    stage->tamper = flip_bit_of_victim;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(stage->n_tampered, >=, 1);
    g_assert_cmpuint(reply->attempts, ==, 2);
    assert_path(reply, other_transit(usual));
    stage_assert_delivered(stage, ask);
    // Of the first attempt there is nothing anywhere.
    char id[UUID_CHARS + 1];
    key_id_derive(ask->id, 0, 0, id);
    g_assert_cmpint(
        stage_fetch_by_id(stage, "sae-d", "sae-a", (const char *const[]){id, NULL})->verdict, ==,
        KEY_VERDICT_BAD_REQUEST);
}

static gboolean cut_value_of_victim(Stage *stage, const Topic *topic, WireRelay *relay)
{
    if (strcmp(topic->from, stage->victim) != 0)
        return FALSE;
    relay->value.len--;
    return TRUE;
}

// It does not take the attempt's time to see that.
static void test_value_cut_short(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->victim = usual_transit(stage);
    stage->tamper = cut_value_of_victim;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    assert_path(stage_await_grant(stage, ask), other_transit(stage->victim));
    g_assert_cmpint(world_now(stage->world) - ask->asked_at_us, <, G_TIME_SPAN_SECOND);
    stage_assert_delivered(stage, ask);
}

static void test_tampered_everywhere(gconstpointer data)
{
    g_autoptr(Stage) stage = stage_chain(GPOINTER_TO_UINT(data));
    const char *target = GPOINTER_TO_UINT(data) == 2 ? "sae-b" : "sae-g";
    stage->tamper = flip_bit_of_victim;
    const Ask *ask = stage_ask(stage, "sae-a", target, 1, 256);
    stage_await_status(stage, ask, STATUS_TAG_MISMATCH);
    stage_assert_nothing_delivered(stage, ask);
}

static gboolean flip_bit_of_tag(Stage *stage, const Topic *topic, WireRelay *relay)
{
    if (relay->tag.len == 0)
        return FALSE;
    relay->tag.data[0] ^= 1;
    return TRUE;
}

static gboolean flip_bit_of_authenticator(Stage *stage, const Topic *topic, WireRelay *relay)
{
    relay->value.data[relay->value.len - 1] ^= 0x80;
    return TRUE;
}

static void test_tampered_tag(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    stage->tamper = flip_bit_of_tag;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_status(stage, ask, STATUS_TAG_MISMATCH);
    stage_assert_nothing_delivered(stage, ask);
    stage->tamper = flip_bit_of_authenticator;
    ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_status(stage, ask, STATUS_TAG_MISMATCH);
    stage_assert_nothing_delivered(stage, ask);
}

// --- silence -------------------------------------------------------------------------------------

static gboolean loses_outcomes_of_victim(Stage *stage, const BrokerLeg *leg)
{
    return strcmp(leg->from, stage->victim) == 0 &&
           (leg->kind == KIND_OUTCOME || leg->kind == KIND_RELAY);
}

static void test_silent_transit(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->victim = usual_transit(stage);
    stage->loses = loses_outcomes_of_victim;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(reply->attempts, ==, 2);
    assert_path(reply, other_transit(stage->victim));
    stage_assert_delivered(stage, ask);
    // What it says later changes nothing.
    stage->loses = NULL;
    world_run(stage->world, G_TIME_SPAN_MINUTE);
    g_assert_cmpuint(ask->replies->len, ==, 1);
}

static gboolean loses_values_of_victim(Stage *stage, const BrokerLeg *leg)
{
    return strcmp(leg->from, stage->victim) == 0 && leg->kind == KIND_RELAY;
}

// It says that it did its part, and only the target knows that it did not.
static void test_transit_that_keeps_its_value(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->victim = usual_transit(stage);
    stage->loses = loses_values_of_victim;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(reply->attempts, ==, 2);
    assert_path(reply, other_transit(stage->victim));
    stage_assert_delivered(stage, ask);
}

static void test_dead_transit(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    const char *usual = usual_transit(stage);
    Node *victim = world_find_node(stage->world, usual);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    world_run(stage->world, WORLD_HOP_US + 1); // the orders are on their way
    node_kill(victim);
    const WireReply *reply = stage_await_grant(stage, ask);
    assert_path(reply, other_transit(usual));
    // Its will says so at once: nobody waits for the attempt's time to pass.
    g_assert_cmpint(world_now(stage->world) - ask->asked_at_us, <, G_TIME_SPAN_SECOND);
    stage_assert_delivered(stage, ask);
}

static gboolean loses_first_of_each(Stage *stage, const BrokerLeg *leg)
{
    GHashTable *seen = stage->data;
    return leg->kind != KIND_STOCK &&
           g_hash_table_add(seen, g_strdup_printf("%s %s %d", leg->from, leg->to, leg->kind));
}

static void test_first_of_each_is_lost(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(Stage) stage = stage_chain(4);
    stage->data = seen;
    stage->loses = loses_first_of_each;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 3, 512);
    stage_await_grant(stage, ask);
    stage_assert_delivered(stage, ask);
}

// --- too little key ------------------------------------------------------------------------------

// 100 slots of 32 bytes at 25600 bit/s: 100 slots more a second.
static Network *network_poor(void)
{
    Network *network = network_chain(2);
    SimBorder *ends[] = {site_find_border(network_find_site(network, "alpha"), "beta"),
                         site_find_border(network_find_site(network, "beta"), "alpha")};
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        ends[i]->rate_bps = 25600;
        ends[i]->initial_bytes = 0;
    }
    return network;
}

static void test_counter_offer(gconstpointer data)
{
    guint number = GPOINTER_TO_UINT(data);
    g_autoptr(Stage) stage = stage_new(network_poor());
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", number, 1024);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(reply->available_number, <, number);
    g_assert_cmpuint(reply->available_in_ms, >, 0);
    // What could be had at once can be had at once, and the rest after the time that was said.
    const Ask *now = stage_ask(stage, "sae-a", "sae-b", reply->available_number, 1024);
    stage_await_grant(stage, now);
    stage_assert_delivered(stage, now);
    ask = stage_ask(stage, "sae-a", "sae-b", number, 1024);
    reply = stage_await_status(stage, ask, STATUS_INSUFFICIENT_KEY);
    world_run(stage->world, (gint64)reply->available_in_ms * G_TIME_SPAN_MILLISECOND);
    ask = stage_ask(stage, "sae-a", "sae-b", number, 1024);
    stage_await_grant(stage, ask);
    stage_assert_delivered(stage, ask);
}

// Nothing is filled between the water marks of itself, but what is asked for must come.
static void test_counter_offer_above_low_water(void)
{
    g_autoptr(Stage) stage = stage_new(network_poor());
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-b", 10, 1024));
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 127, 1024);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(reply->available_in_ms, >, 0);
    world_run(stage->world, (gint64)reply->available_in_ms * G_TIME_SPAN_MILLISECOND);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-b", 127, 1024));
}

// More than the ledgers ever hold: there is no time at which it could be had.
static void test_never_enough(void)
{
    Network *network = network_poor();
    for (guint i = 0; i < network->sites->len; i++)
        ((Site *)network->sites->pdata[i])->config.ledger.high_slots = 64;
    g_autoptr(Stage) stage = stage_new(network);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 100, 1024);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(reply->available_number, >, 0);
    g_assert_cmpuint(reply->available_in_ms, ==, 0);
}

static FaultyFate relays_late(Stage *stage, const char *agent, FaultyCall call, const char *subject,
                              const char *block_id)
{
    return call == FAULTY_RELAY ? FAULTY_LATE : FAULTY_NOTHING;
}

static guint n_relaying(const Agent *agent)
{
    GHashTableIter each;
    gpointer call;
    guint n = 0;
    g_hash_table_iter_init(&each, agent->driver_calls);
    while (g_hash_table_iter_next(&each, NULL, &call))
        n += ((const DriverCall *)call)->type == CALL_RELAY;
    return n;
}

// Nor does what nobody waits for any more spend the interior's key.
static void test_voided_order_stops_relays(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    stage->driver_fate = relays_late;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    world_run(stage->world, 2 * WORLD_HOP_US + 1);
    Agent *beta = world_find_node(stage->world, "beta")->core;
    g_assert_cmpuint(n_relaying(beta), ==, 1);
    WireRelease release = WIRE_RELEASE_INIT;
    release.request = (char *)ask->id;
    release.disposition = QKDNF__V1__DISPOSITION__DISPOSITION_VOID;
    order_on_release(beta, &(Sender){PLATFORM, ROLE_PLATFORM, 1}, &release);
    g_assert_cmpuint(n_relaying(beta), ==, 0);
    stage->driver_fate = NULL;
    stage_await(stage, ask);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reroute/border-down", test_border_down);
    g_test_add_func("/reroute/only-border-down", test_only_border_down);
    g_test_add_func("/reroute/interior-fails", test_interior_fails);
    g_test_add_func("/reroute/tampered-transit", test_tampered_transit);
    g_test_add_func("/reroute/value-cut-short", test_value_cut_short);
    g_test_add_data_func("/reroute/tampered-2", GUINT_TO_POINTER(2), test_tampered_everywhere);
    g_test_add_data_func("/reroute/tampered-3", GUINT_TO_POINTER(3), test_tampered_everywhere);
    g_test_add_func("/reroute/tampered-tag", test_tampered_tag);
    g_test_add_func("/reroute/silent-transit", test_silent_transit);
    g_test_add_func("/reroute/transit-that-keeps-its-value", test_transit_that_keeps_its_value);
    g_test_add_func("/reroute/dead-transit", test_dead_transit);
    g_test_add_func("/reroute/first-of-each-is-lost", test_first_of_each_is_lost);
    g_test_add_data_func("/reroute/counter-offer-100", GUINT_TO_POINTER(100), test_counter_offer);
    g_test_add_data_func("/reroute/counter-offer-120", GUINT_TO_POINTER(120), test_counter_offer);
    g_test_add_func("/reroute/counter-offer-above-low-water", test_counter_offer_above_low_water);
    g_test_add_func("/reroute/never-enough", test_never_enough);
    g_test_add_func("/reroute/voided-order-stops-relays", test_voided_order_stops_relays);
    return g_test_run();
}

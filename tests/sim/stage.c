// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/stage.h"

#include <string.h>

#define RATE_BPS      1000000
#define INITIAL_SLOTS 1024
#define SETTLE_US     (3 * G_TIME_SPAN_SECOND)
#define PATIENCE_US   (70 * G_TIME_SPAN_SECOND)

// --- record --------------------------------------------------------------------------------------

static void seen_free(gpointer data)
{
    Seen *seen = data;
    g_free(seen->from);
    g_free(seen->to);
    frame_free(seen->frame);
    g_free(seen);
}

static Frame *parse(const Topic *topic, GBytes *payload)
{
    Refusal refusal = REFUSAL_NONE;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    Frame *frame = frame_parse(topic, bytes, n_bytes, &refusal);
    g_assert_nonnull(frame);
    return frame;
}

static void on_publish(gpointer owner, const char *text, GBytes *payload)
{
    Stage *stage = owner;
    Topic topic;
    g_assert_true(topic_parse(text, &topic));
    // Nothing is retained there any more.
    if (g_bytes_get_size(payload) == 0)
        return;
    Seen *seen = g_new(Seen, 1);
    *seen = (Seen){topic.kind, g_strdup(topic.from), g_strdup(topic.to), world_now(stage->world),
                   parse(&topic, payload)};
    g_ptr_array_add(stage->seen, seen);
}

static GBytes *pack_again(const Topic *topic, const Frame *frame)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (gsize i = 0; i < frame->n_messages; i++)
        g_ptr_array_add(messages, message_pack(frame->messages[i]));
    FrameHead head = {topic->kind,
                      topic->from,
                      topic->to,
                      frame->header->incarnation,
                      frame->header->sequence,
                      (gint64)frame->header->sent_at_us};
    return frame_pack(&head, (GBytes *const *)messages->pdata, messages->len);
}

static GBytes *on_tamper(gpointer owner, const char *text, GBytes *payload)
{
    Stage *stage = owner;
    Topic topic;
    if (!stage->tamper || !topic_parse(text, &topic) || topic.kind != KIND_RELAY)
        return NULL;
    g_autoptr(Frame) frame = parse(&topic, payload);
    gboolean is_changed = FALSE;
    for (gsize i = 0; i < frame->n_messages; i++)
        is_changed |= stage->tamper(stage, &topic, (WireRelay *)frame->messages[i]);
    stage->n_tampered += is_changed;
    return is_changed ? pack_again(&topic, frame) : NULL;
}

static void on_fate(gpointer owner, const BrokerLeg *leg, GArray *delays)
{
    Stage *stage = owner;
    gint64 hop_us = WORLD_HOP_US;
    if (!stage->loses || !stage->loses(stage, leg))
        g_array_append_val(delays, hop_us);
}

static FaultyFate on_driver_call(gpointer owner, const char *agent, FaultyCall call,
                                 const char *subject, const char *block_id)
{
    Stage *stage = owner;
    return stage->driver_fate ? stage->driver_fate(stage, agent, call, subject, block_id)
                              : FAULTY_NOTHING;
}

static Driver *wrap_driver(gpointer owner, Node *node, Driver *driver)
{
    static const FaultyOps ops = {.fate = on_driver_call};
    return driver_faulty_new(driver, node->id, &ops, owner);
}

void stage_forget(Stage *stage)
{
    g_ptr_array_set_size(stage->seen, 0);
}

guint stage_count(const Stage *stage, KindId kind)
{
    guint n = 0;
    for (guint i = 0; i < stage->seen->len; i++)
        n += ((const Seen *)stage->seen->pdata[i])->kind == kind;
    return n;
}

const Seen *stage_find(const Stage *stage, KindId kind)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind == kind)
            return seen;
    }
    return NULL;
}

// --- life ----------------------------------------------------------------------------------------

Stage *stage_new(Network *network)
{
    static const WorldHooks hooks = {.broker = {on_publish, on_tamper, on_fate},
                                     .wrap_driver = wrap_driver};
    Stage *stage = g_new0(Stage, 1);
    stage->seen = g_ptr_array_new_with_free_func(seen_free);
    stage->world = world_new(network, 1, &hooks, stage);
    world_start(stage->world);
    world_run(stage->world, SETTLE_US);
    stage_forget(stage);
    return stage;
}

void stage_free(Stage *stage)
{
    if (!stage)
        return;
    world_free(stage->world);
    g_ptr_array_unref(stage->seen);
    g_free(stage);
}

static const char *const names[] = {"alpha", "beta", "gamma", "delta"};

static void add_sites(Network *network, guint n_sites)
{
    for (guint i = 0; i < n_sites; i++) {
        char first[] = {'s', 'a', 'e', '-', names[i][0], '\0'};
        char second[] = {'s', 'a', 'e', '-', names[i][0], '2', '\0'};
        network_add_site(network, names[i]);
        network_add_application(network, names[i], first);
        network_add_application(network, names[i], second);
    }
}

Network *network_chain(guint n_sites)
{
    Network *network = network_new();
    add_sites(network, n_sites);
    for (guint i = 1; i < n_sites; i++)
        network_add_border(network, names[i - 1], names[i], RATE_BPS, INITIAL_SLOTS);
    return network;
}

Network *network_diamond(void)
{
    Network *network = network_new();
    add_sites(network, 4);
    network_add_border(network, "alpha", "beta", RATE_BPS, INITIAL_SLOTS);
    network_add_border(network, "alpha", "gamma", RATE_BPS, INITIAL_SLOTS);
    network_add_border(network, "beta", "delta", RATE_BPS, INITIAL_SLOTS);
    network_add_border(network, "gamma", "delta", RATE_BPS, INITIAL_SLOTS);
    return network;
}

Stage *stage_chain(guint n_sites)
{
    return stage_new(network_chain(n_sites));
}

Stage *stage_diamond(void)
{
    return stage_new(network_diamond());
}

// --- requests ------------------------------------------------------------------------------------

Ask *stage_ask_for(Stage *stage, const WireRequest *request)
{
    WireRequest timed = *request;
    if (timed.timeout_ms == 0)
        timed.timeout_ms = 10000;
    return application_ask(world_find_application(stage->world, request->initiator), &timed);
}

Ask *stage_ask(Stage *stage, const char *from, const char *to, guint number, guint size_bits)
{
    WireRequest request = WIRE_REQUEST_INIT;
    request.initiator = (char *)from;
    request.n_targets = 1;
    request.targets = (char **)&to;
    request.number = number;
    request.size_bits = size_bits;
    return stage_ask_for(stage, &request);
}

static gboolean is_replied(gpointer ask)
{
    return ask_reply(ask) != NULL;
}

const WireReply *stage_await(Stage *stage, const Ask *ask)
{
    g_assert_true(world_run_until(stage->world, is_replied, (gpointer)ask, PATIENCE_US));
    return ask_reply(ask);
}

const WireReply *stage_await_status(Stage *stage, const Ask *ask, Status status)
{
    const WireReply *reply = stage_await(stage, ask);
    if (reply->status != status)
        g_error("%s: %s; expected %s", status_name(reply->status), reply->text,
                status_name(status));
    return reply;
}

const WireReply *stage_await_grant(Stage *stage, const Ask *ask)
{
    return stage_await_status(stage, ask, STATUS_OK);
}

// --- keys ----------------------------------------------------------------------------------------

const char *stage_home(const Stage *stage, const char *sae)
{
    const GPtrArray *sites = stage->world->network->sites;
    for (guint i = 0; i < sites->len; i++) {
        const AgentConfig *config = &((const Site *)sites->pdata[i])->config;
        for (guint j = 0; j < config->applications->len; j++) {
            if (strcmp(((AgentApplication *)config->applications->pdata[j])->sae, sae) == 0)
                return config->id;
        }
    }
    g_assert_not_reached();
}

static gboolean is_answered(gpointer fetch)
{
    return ((const Fetch *)fetch)->is_answered;
}

const Fetch *stage_await_fetch(Stage *stage, const Fetch *fetch)
{
    g_assert_true(world_run_until(stage->world, is_answered, (gpointer)fetch, PATIENCE_US));
    return fetch;
}

const Fetch *stage_fetch_by_id(Stage *stage, const char *sae, const char *initiator,
                               const char *const *key_ids)
{
    return stage_await_fetch(
        stage, world_get_keys_by_id(stage->world, stage_home(stage, sae), sae, initiator, key_ids));
}

static const Fetch *fetch_request(Stage *stage, const Ask *ask)
{
    const WireRequest *wire = ask->wire;
    g_autoptr(GStrvBuilder) targets = g_strv_builder_new();
    for (gsize i = 0; i < wire->n_targets; i++)
        g_strv_builder_add(targets, wire->targets[i]);
    g_auto(GStrv) list = g_strv_builder_end(targets);
    KeyQuery query = {.caller = {.sae = wire->initiator},
                      .targets = (const char *const *)list,
                      .number = wire->number,
                      .size_bits = wire->size_bits,
                      .n_paths = 1,
                      .request = ask->id};
    return stage_await_fetch(
        stage, world_get_keys(stage->world, stage_home(stage, wire->initiator), &query));
}

static void assert_same_keys(const GPtrArray *keys, const GPtrArray *others)
{
    g_assert_cmpuint(keys->len, ==, others->len);
    for (guint i = 0; i < keys->len; i++) {
        const DeliveredKey *key = keys->pdata[i], *other = others->pdata[i];
        g_assert_cmpstr(key->id, ==, other->id);
        g_assert_true(secret_equal(key->key, other->key));
    }
}

static void assert_as_granted(const WireReply *reply, const Ask *ask, const GPtrArray *keys)
{
    g_assert_cmpuint(keys->len, ==, reply->n_key_ids);
    g_assert_cmpuint(keys->len, ==, ask->wire->number);
    for (guint i = 0; i < keys->len; i++) {
        const DeliveredKey *key = keys->pdata[i];
        char derived[UUID_CHARS + 1];
        key_id_derive(ask->id, reply->attempts - 1, i, derived);
        g_assert_cmpstr(key->id, ==, derived);
        g_assert_cmpstr(key->id, ==, reply->key_ids[i]);
        g_assert_cmpuint(key->key->n_bytes, ==, ask->wire->size_bits / 8);
    }
}

void stage_assert_delivered(Stage *stage, const Ask *ask)
{
    const WireReply *reply = ask_reply(ask);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (gsize i = 0; i < reply->n_key_ids; i++)
        g_strv_builder_add(builder, reply->key_ids[i]);
    g_auto(GStrv) ids = g_strv_builder_end(builder);
    const char *const *key_ids = (const char *const *)ids;
    const Fetch *mine = fetch_request(stage, ask);
    g_assert_cmpint(mine->verdict, ==, KEY_VERDICT_OK);
    assert_as_granted(reply, ask, mine->keys);
    for (gsize i = 0; i < ask->wire->n_targets; i++) {
        const char *target = ask->wire->targets[i];
        const Fetch *theirs = stage_fetch_by_id(stage, target, ask->wire->initiator, key_ids);
        g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_OK);
        assert_same_keys(mine->keys, theirs->keys);
        const Fetch *again = stage_fetch_by_id(stage, target, ask->wire->initiator, key_ids);
        g_assert_cmpint(again->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    }
    g_assert_cmpint(fetch_request(stage, ask)->verdict, ==, KEY_VERDICT_BAD_REQUEST);
}

void stage_assert_nothing_delivered(Stage *stage, const Ask *ask)
{
    world_run(stage->world, SETTLE_US);
    g_assert_cmpint(fetch_request(stage, ask)->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    for (guint attempt = 0; attempt < 16; attempt++) {
        char id[UUID_CHARS + 1];
        key_id_derive(ask->id, attempt, 0, id);
        for (gsize i = 0; i < ask->wire->n_targets; i++) {
            const Fetch *theirs =
                stage_fetch_by_id(stage, ask->wire->targets[i], ask->wire->initiator,
                                  (const char *const[]){id, NULL});
            g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_BAD_REQUEST);
        }
    }
}

void stage_drill(Stage *stage, const char *agent, gboolean inject, DriverScope scope,
                 const char *subject)
{
    Node *node = world_find_node(stage->world, agent);
    Driver *driver = world_driver(node);
    g_autofree char *text = NULL;
    Status status = driver->ops->drill(driver, inject, scope, subject, &text);
    g_assert_cmpint(status, ==, STATUS_OK);
    node_wake(node);
}

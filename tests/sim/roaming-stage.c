// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/roaming-stage.h"

#include <string.h>

#define PATIENCE_US (70 * G_TIME_SPAN_SECOND)

static char *all[] = {(char *)ID_ALL, NULL};
static char *operators[] = {(char *)OPERATOR, NULL};

Network *network_roaming(void)
{
    Network *network = network_chain(3);
    network->federation.operators = operators;
    for (guint i = 0; i < network->sites->len; i++) {
        RoamingPolicy *policy = &((Site *)network->sites->pdata[i])->config.policy.roaming;
        policy->may_serve_ours = policy->serves = all;
    }
    return network;
}

RoamingPolicy *policy_of(Network *network, const char *site)
{
    return &network_find_site(network, site)->config.policy.roaming;
}

Stage *stage_roaming(void)
{
    return stage_new(network_roaming());
}

// --- what users do -------------------------------------------------------------------------------

const Fetch *call_with(Stage *stage, const char *agent, const KeyCaller *caller, const char *to)
{
    const char *const targets[] = {to, NULL};
    KeyQuery query = {
        .caller = *caller, .targets = targets, .number = 1, .size_bits = 256, .n_paths = 1};
    return stage_await_fetch(stage, world_get_keys(stage->world, agent, &query));
}

const Fetch *call(Stage *stage, const char *agent, const char *sae, const char *to)
{
    return call_with(stage, agent, &(KeyCaller){.sae = sae}, to);
}

void assert_same_at(Stage *stage, const Fetch *mine, const char *agent, const char *target)
{
    if (mine->verdict != KEY_VERDICT_OK)
        g_error("%s gets no key: %s", mine->caller, mine->message ? mine->message : "401");
    const DeliveredKey *key = mine->keys->pdata[0];
    const char *const ids[] = {key->id, NULL};
    const Fetch *theirs = stage_await_fetch(
        stage, world_get_keys_by_id(stage->world, agent, target, mine->caller, ids));
    g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_OK);
    const DeliveredKey *other = theirs->keys->pdata[0];
    g_assert_true(secret_equal(key->key, other->key));
}

static void publish(gpointer broker, const Publish *one)
{
    broker_publish(broker, one->topic, one->payload);
}

void say(Stage *stage, const char *sender, KindId kind, const ProtobufCMessage *message)
{
    g_autoptr(Outbox) outbox = outbox_new(sender, 1);
    outbox_add(outbox, kind, PLATFORM, message);
    outbox_flush(outbox, world_now(stage->world), publish, stage->world->broker);
}

void ask_as(Stage *stage, const char *sender, const WireHandover *wire)
{
    say(stage, sender, KIND_HANDOVER, &wire->base);
}

WireHandover make_move(const char *provider)
{
    WireHandover wire = WIRE_HANDOVER_INIT;
    wire.id = (char *)MOVE_ID;
    wire.provider = (char *)provider;
    wire.timeout_ms = 10000;
    return wire;
}

const WireHandoverState *find_state(const Stage *stage, const char *id)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        for (gsize j = seen->frame->n_messages; seen->kind == KIND_HANDOVER_STATE && j > 0; j--) {
            const WireHandoverState *state =
                (const WireHandoverState *)seen->frame->messages[j - 1];
            if (strcmp(state->id, id) == 0)
                return state;
        }
    }
    return NULL;
}

typedef struct {
    const Stage *stage;
    const char *id;
    Qkdnf__V1__HandoverPhase phase;
} Awaited;

static gboolean is_in_phase(gpointer data)
{
    const Awaited *awaited = data;
    const WireHandoverState *state = find_state(awaited->stage, awaited->id);
    return state && state->phase == awaited->phase;
}

const WireHandoverState *await_phase_of(Stage *stage, const char *id,
                                        Qkdnf__V1__HandoverPhase phase)
{
    Awaited awaited = {stage, id, phase};
    if (!world_run_until(stage->world, is_in_phase, &awaited, PATIENCE_US)) {
        const WireHandoverState *state = find_state(stage, id);
        g_error("handover is in phase %d (%s); expected %d", state ? (int)state->phase : -1,
                state ? state->text : "", phase);
    }
    return find_state(stage, id);
}

const WireHandoverState *await_phase(Stage *stage, Qkdnf__V1__HandoverPhase phase)
{
    return await_phase_of(stage, MOVE_ID, phase);
}

void assert_event(const Stage *stage, const char *name, const char *subject)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_EVENT && j < seen->frame->n_messages; j++) {
            const WireEvent *event = (const WireEvent *)seen->frame->messages[j];
            if (strcmp(event->name, name) == 0 && strcmp(event->subject, subject) == 0)
                return;
        }
    }
    g_error("no event %s of %s", name, subject);
}

// --- with sessions -------------------------------------------------------------------------------

void start_session_with(Stage *stage, const char *target)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = 4096;
    qos.size_bits = 256;
    qos.buffer = 32;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)SESSION;
    open.initiator = (char *)"sae-a";
    open.n_targets = 1;
    open.targets = (char *[]){(char *)target};
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)OTHER_ID;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    say(stage, "sae-a", KIND_SESSION, &session.base);
    world_run(stage->world, 3 * G_TIME_SPAN_SECOND);
}

void start_session(Stage *stage)
{
    start_session_with(stage, "sae-b");
}

Consumer consumer_new(Stage *stage)
{
    return (Consumer){stage, "alpha", "beta",
                      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL), 0};
}

const Fetch *take_next(const Consumer *consumer)
{
    const char *const targets[] = {"sae-b", NULL};
    KeyQuery query = {.caller = {.sae = "sae-a"},
                      .targets = targets,
                      .number = 1,
                      .size_bits = 256,
                      .n_paths = 1,
                      .session = SESSION};
    return stage_await_fetch(
        consumer->stage, world_get_keys(consumer->stage->world, consumer->initiator_at, &query));
}

void consume(Consumer *consumer)
{
    const Fetch *mine = take_next(consumer);
    assert_same_at(consumer->stage, mine, consumer->target_at, "sae-b");
    const DeliveredKey *key = mine->keys->pdata[0];
    g_assert_true(g_hash_table_add(consumer->ids, g_strdup(key->id)));
    consumer->n_keys++;
}

void consume_some(Consumer *consumer, guint n)
{
    for (guint i = 0; i < n; i++) {
        consume(consumer);
        world_run(consumer->stage->world, 50 * G_TIME_SPAN_MILLISECOND);
    }
}

const WireLegState *find_leg_state(const Stage *stage, const char *agent)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        for (gsize j = seen->frame->n_messages; seen->kind == KIND_LEG_STATE && j > 0; j--) {
            const WireLegState *state = (const WireLegState *)seen->frame->messages[j - 1];
            if (strcmp(state->sae, "sae-a") == 0 && strcmp(seen->from, agent) == 0)
                return state;
        }
    }
    return NULL;
}

void assert_unbroken(const Consumer *consumer)
{
    world_run(consumer->stage->world, 10 * G_TIME_SPAN_SECOND);
    const WireLegState *state = find_leg_state(consumer->stage, consumer->initiator_at);
    g_assert_nonnull(state);
    g_assert_cmpuint(state->delivered, ==, consumer->n_keys);
}

gboolean has_seen_copies(const Stage *stage, const char *agent)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_ORDER && j < seen->frame->n_messages; j++) {
            if (((const WireOrder *)seen->frame->messages[j])->copy && strcmp(seen->to, agent) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

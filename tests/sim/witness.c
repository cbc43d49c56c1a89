// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/witness-core.h"

#include "tests/sim/money.h"

#include <stdarg.h>
#include <string.h>

static GHashTable *table_new(GDestroyNotify free_value)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_value);
}

static void free_secret(gpointer secret)
{
    secret_free(secret);
}

static void unref_bytes(gpointer bytes)
{
    g_bytes_unref(bytes);
}

// The publish in which something was asked last.
typedef struct {
    char *topic;
    GBytes *payload;
} Asked;

static void asked_free(gpointer data)
{
    Asked *asked = data;
    g_free(asked->topic);
    g_bytes_unref(asked->payload);
    g_free(asked);
}

Witness *witness_new(void)
{
    Witness *witness = g_new0(Witness, 1);
    witness->windows = windows_new();
    witness->payloads = g_ptr_array_new_with_free_func(unref_bytes);
    witness->said = g_hash_table_new_full(NULL, NULL, NULL, witness_said_free);
    witness->listeners = table_new(witness_listener_free);
    witness->blocks = table_new(free_secret);
    witness->places = table_new(witness_place_free);
    witness->slot_uses = table_new(g_free);
    witness->block_uses = table_new(g_free);
    witness->orders = table_new(wire_free);
    witness->values = table_new(unref_bytes);
    witness->shares = table_new(free_secret);
    witness->keys = table_new(free_secret);
    witness->audiences = table_new(witness_audience_free);
    witness->granted = table_new(NULL);
    witness->grants = table_new(g_free);
    witness->delivered = table_new(NULL);
    witness->numbered = table_new(witness_numbered_free);
    witness->ends = table_new(witness_end_free);
    witness->handovers = table_new(NULL);
    witness->moves_asked = table_new(NULL);
    witness->metered = table_new(witness_metered_free);
    witness->settled = table_new(NULL);
    witness->batches = table_new(unref_bytes);
    witness->numbers = table_new(g_free);
    witness->positions = money_positions_new();
    witness->members = table_new(NULL);
    witness->owed = table_new(NULL);
    witness->done = table_new(NULL);
    witness->asked = table_new(asked_free);
    witness->ordered = table_new(NULL);
    witness->replies = table_new(unref_bytes);
    return witness;
}

void witness_free(Witness *witness)
{
    if (!witness)
        return;
    GHashTable *tables[] = {
        witness->blocks,    witness->places,  witness->slot_uses, witness->block_uses,
        witness->orders,    witness->values,  witness->shares,    witness->keys,
        witness->audiences, witness->granted, witness->grants,    witness->delivered,
        witness->done,      witness->asked,   witness->ordered,   witness->replies,
        witness->numbered,  witness->ends,    witness->handovers, witness->moves_asked,
        witness->metered,   witness->members, witness->owed,      witness->settled,
        witness->batches,   witness->numbers, witness->positions};
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
        g_hash_table_unref(tables[i]);
    g_hash_table_unref(witness->said);
    g_hash_table_unref(witness->listeners);
    g_ptr_array_unref(witness->payloads);
    windows_free(witness->windows);
    g_free(witness->failure);
    g_free(witness);
}

const char *witness_failure(const Witness *witness)
{
    return witness->failure;
}

void witness_fail(Witness *witness, const char *format, ...)
{
    if (witness->failure)
        return;
    va_list arguments;
    va_start(arguments, format);
    witness->failure = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

guint64 witness_n_granted(const Witness *witness)
{
    return g_hash_table_size(witness->grants);
}

guint64 witness_n_delivered(const Witness *witness)
{
    return g_hash_table_size(witness->delivered);
}

// --- drivers
// --------------------------------------------------------------------------------------

static char *block_name(const char *agent, const char *block_id)
{
    return g_strdup_printf("%s %s", agent, block_id);
}

void witness_on_block(Witness *witness, const char *agent, const DriverBlock *block)
{
    windows_add(witness->windows, block->key->data, block->key->n_bytes);
    g_hash_table_replace(witness->blocks, block_name(agent, block->id),
                         secret_new_copy(block->key->data, block->key->n_bytes));
}

gboolean witness_knows_block(const Witness *witness, const char *agent, const char *block_id)
{
    g_autofree char *name = block_name(agent, block_id);
    return g_hash_table_contains(witness->blocks, name);
}

// --- the bus
// --------------------------------------------------------------------------------------

// An accepted request has one answer, however often it is given.
static void on_reply(Witness *witness, const WireReply *reply)
{
    if (!g_hash_table_contains(witness->ordered, reply->id))
        return;
    g_autoptr(GBytes) bytes = message_pack(&reply->base);
    GBytes *known = g_hash_table_lookup(witness->replies, reply->id);
    if (!known)
        g_hash_table_insert(witness->replies, g_strdup(reply->id), g_steal_pointer(&bytes));
    else if (!g_bytes_equal(known, bytes))
        witness_fail(witness, "request %s is answered in two ways", reply->id);
}

// What was done stays done, unless the platform has voided it.
static void on_outcome(Witness *witness, const char *agent, const WireOutcome *outcome)
{
    if (outcome->stage != QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER)
        return;
    g_autofree char *name = g_strdup_printf("%s %s/%u", agent, outcome->request, outcome->attempt);
    if (outcome->status == STATUS_OK)
        g_hash_table_add(witness->done, g_steal_pointer(&name));
    else if (outcome->status != STATUS_VOIDED && g_hash_table_contains(witness->done, name))
        witness_fail(witness, "order %s was done, and now is %s", name,
                     status_name(outcome->status));
}

static void on_message(Witness *witness, const Topic *topic, const ProtobufCMessage *message)
{
    if (topic->kind == KIND_FILL)
        witness_on_fill(witness, (const WireFill *)message);
    else if (topic->kind == KIND_RELAY)
        witness_on_relay(witness, topic->from, (const WireRelay *)message);
    else if (topic->kind == KIND_RELEASE)
        witness_on_release(witness, (const WireRelease *)message);
    else if (topic->kind == KIND_OUTCOME)
        on_outcome(witness, topic->from, (const WireOutcome *)message);
    else if (topic->kind == KIND_REPLY)
        on_reply(witness, (const WireReply *)message);
    else if (topic->kind == KIND_HANDOVER)
        witness_on_handover(witness, (const WireHandover *)message);
    else if (topic->kind == KIND_HANDOVER_STATE)
        witness_on_handover_state(witness, (const WireHandoverState *)message);
    else if (topic->kind == KIND_USAGE)
        witness_on_usage(witness, topic->from, (const WireUsage *)message);
    else if (topic->kind == KIND_USAGE_STATE)
        witness_on_usage_state(witness, topic->to, (const WireUsageState *)message);
    else if (topic->kind == KIND_EVENT)
        witness_on_event(witness, (const WireEvent *)message);
    else if (topic->kind == KIND_STATEMENT)
        witness_on_statement(witness, (const WireStatement *)message);
    else if (topic->kind == KIND_MEMBER)
        witness_on_member(witness, topic->to, (const WireMember *)message);
    if (topic->kind != KIND_ORDER)
        return;
    const WireOrder *order = (const WireOrder *)message;
    // What fills up a session is nobody's request, and has no answer.
    if (!order->session)
        g_hash_table_add(witness->ordered, g_strdup(order->request));
    witness_on_order(witness, topic->to, order);
    witness_expect_record(witness, topic->to, order);
}

static void on_request(Witness *witness, const WireRequest *request, const char *topic,
                       GBytes *payload)
{
    Asked *asked = g_new(Asked, 1);
    *asked = (Asked){g_strdup(topic), g_bytes_ref(payload)};
    g_hash_table_replace(witness->asked, g_strdup(request->id), asked);
}

static void check_shows_nothing(Witness *witness, GBytes *payload)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    if (windows_are_in(witness->windows, bytes, n_bytes))
        witness_fail(witness, "a publish shows %d bytes of a key or slot", WINDOW_BYTES);
}

void witness_on_publish(Witness *witness, const char *text, GBytes *payload)
{
    Topic topic;
    Refusal refusal = REFUSAL_NONE;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    // Nothing is retained there any more.
    if (n_bytes == 0)
        return;
    g_autoptr(Frame) frame =
        topic_parse(text, &topic) ? frame_parse(&topic, bytes, n_bytes, &refusal) : NULL;
    if (!frame) {
        witness_fail(witness, "published on %s: what nobody can read", text);
        return;
    }
    for (gsize i = 0; i < frame->n_messages; i++) {
        on_message(witness, &topic, frame->messages[i]);
        if (topic.kind == KIND_REQUEST)
            on_request(witness, (const WireRequest *)frame->messages[i], text, payload);
    }
    g_ptr_array_add(witness->payloads, g_bytes_ref(payload));
    witness_on_frame(witness, text, payload, frame->header);
    check_shows_nothing(witness, payload);
}

// --- the end
// --------------------------------------------------------------------------------------

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

// In the order of the alphabet; to be freed, not what it points at.
static GList *list_unanswered(Witness *witness)
{
    GList *requests = g_hash_table_get_keys(witness->ordered), *unanswered = NULL;
    for (GList *item = requests; item; item = item->next) {
        if (!g_hash_table_contains(witness->replies, item->data))
            unanswered = g_list_prepend(unanswered, item->data);
    }
    g_list_free(requests);
    return g_list_sort(unanswered, compare_texts);
}

void witness_for_each_unanswered(Witness *witness, WitnessAskedFn fn, gpointer data)
{
    g_autoptr(GList) requests = list_unanswered(witness);
    for (GList *item = requests; item; item = item->next) {
        const Asked *asked = g_hash_table_lookup(witness->asked, item->data);
        g_autofree char *topic = g_strdup(asked->topic);
        g_autoptr(GBytes) payload = g_bytes_ref(asked->payload);
        fn(data, topic, payload);
    }
}

void witness_conclude(Witness *witness)
{
    g_autoptr(GList) requests = list_unanswered(witness);
    if (requests)
        witness_fail(witness, "request %s was accepted and never answered",
                     (const char *)requests->data);
    witness_check_handovers(witness);
    witness_check_accounts(witness);
    for (guint i = 0; i < witness->payloads->len; i++)
        check_shows_nothing(witness, witness->payloads->pdata[i]);
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/attacker.h"

#include "agents/federation/agent.h"
#include "agents/federation/relay.h"
#include "topics/base/id.h"

#include <string.h>

#define WINDOW_BYTES sizeof(guint64)

// Which key a slot's number was given to.
typedef struct {
    char *block_id;
    guint index; // of the slot in the block
} Place;

// What belongs to one request, in all its attempts.
typedef struct {
    GPtrArray *orders; // WireOrder
    GPtrArray *values; // GBytes
} Trace;

struct Attacker {
    GHashTable *blocks; // "agent block" → Secret
    GHashTable *places; // "link slot" → Place
    GTree *traces;      // request → Trace
    GHashTable *makers; // "provider key": it was ordered to take part
};

// --- memory --------------------------------------------------------------------------------------

static void place_free(gpointer data)
{
    g_free(((Place *)data)->block_id);
    g_free(data);
}

static void trace_free(gpointer data)
{
    Trace *trace = data;
    g_ptr_array_unref(trace->orders);
    g_ptr_array_unref(trace->values);
    g_free(trace);
}

static void free_secret(gpointer secret)
{
    secret_free(secret);
}

Attacker *attacker_new(void)
{
    Attacker *attacker = g_new(Attacker, 1);
    *attacker = (Attacker){
        .blocks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_secret),
        .places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, place_free),
        .traces = g_tree_new_full(id_compare, NULL, g_free, trace_free),
        .makers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    return attacker;
}

void attacker_free(Attacker *attacker)
{
    if (!attacker)
        return;
    g_hash_table_unref(attacker->blocks);
    g_hash_table_unref(attacker->places);
    g_tree_unref(attacker->traces);
    g_hash_table_unref(attacker->makers);
    g_free(attacker);
}

// --- what is seen --------------------------------------------------------------------------------

static Trace *trace_of(Attacker *attacker, const char *request)
{
    Trace *trace = g_tree_lookup(attacker->traces, request);
    if (trace)
        return trace;
    trace = g_new(Trace, 1);
    *trace = (Trace){g_ptr_array_new_with_free_func((GDestroyNotify)wire_free),
                     g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)};
    g_tree_insert(attacker->traces, g_strdup(request), trace);
    return trace;
}

static char *slot_name(const char *link, guint64 slot)
{
    return g_strdup_printf("%s %" G_GUINT64_FORMAT, link, slot);
}

static void on_fill(Attacker *attacker, const WireFill *fill)
{
    guint64 slot = fill->first;
    for (gsize i = 0; i < fill->n_blocks; i++) {
        for (guint j = 0; j < fill->blocks[i]->n_slots; j++) {
            Place *place = g_new(Place, 1);
            *place = (Place){g_strdup(fill->blocks[i]->id), j};
            g_hash_table_replace(attacker->places, slot_name(fill->link, slot++), place);
        }
    }
}

static void on_order(Attacker *attacker, const char *agent, const WireOrder *order)
{
    g_ptr_array_add(trace_of(attacker, order->request)->orders, message_copy(&order->base));
    for (guint i = 0; i < order->number; i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(order->request, order->attempt, i, id);
        g_hash_table_add(attacker->makers, g_strdup_printf("%s %s", agent, id));
    }
}

static void on_relay(Attacker *attacker, const WireRelay *relay)
{
    g_ptr_array_add(trace_of(attacker, relay->request)->values,
                    g_bytes_new(relay->value.data, relay->value.len));
}

void attacker_on_publish(Attacker *attacker, const char *text, GBytes *payload)
{
    Topic topic;
    Refusal refusal;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    g_assert_true(topic_parse(text, &topic));
    g_autoptr(Frame) frame = n_bytes > 0 ? frame_parse(&topic, bytes, n_bytes, &refusal) : NULL;
    for (gsize i = 0; frame && i < frame->n_messages; i++) {
        gconstpointer message = frame->messages[i];
        if (topic.kind == KIND_FILL)
            on_fill(attacker, message);
        else if (topic.kind == KIND_ORDER)
            on_order(attacker, topic.to, message);
        else if (topic.kind == KIND_RELAY)
            on_relay(attacker, message);
    }
}

void attacker_on_block(Attacker *attacker, const char *agent, const DriverBlock *block)
{
    g_hash_table_replace(attacker->blocks, g_strdup_printf("%s %s", agent, block->id),
                         secret_new_copy(block->key->data, block->key->n_bytes));
}

gboolean attacker_has_order(const Attacker *attacker, const char *provider, const char *key_id)
{
    g_autofree char *name = g_strdup_printf("%s %s", provider, key_id);
    return g_hash_table_contains(attacker->makers, name);
}

// --- all combinations by XOR at once: linear algebra over GF(2) ----------------------------------

// No two of the vectors have the same highest bit.
typedef struct {
    guint64 vectors[64];
    guint n_vectors;
} Span;

// 0 for what is in the span: each vector either clears its highest bit or makes the number larger.
static guint64 reduce(const Span *span, guint64 x)
{
    for (guint i = 0; i < span->n_vectors; i++)
        x = MIN(x, x ^ span->vectors[i]);
    return x;
}

static void span_add(Span *span, guint64 x)
{
    x = reduce(span, x);
    if (x != 0)
        span->vectors[span->n_vectors++] = x;
}

static guint64 window_at(const guint8 *bytes, gsize offset)
{
    guint64 window;
    memcpy(&window, bytes + offset, sizeof window);
    return window;
}

// Of eight bytes of each of these, from the same offset on. FALSE: none is as long.
static gboolean span_at(const GPtrArray *strings, gsize offset, Span *ret_span)
{
    gboolean is_any = FALSE;
    ret_span->n_vectors = 0;
    for (guint i = 0; i < strings->len; i++) {
        gsize n_bytes = 0;
        const guint8 *bytes = g_bytes_get_data(strings->pdata[i], &n_bytes);
        if (offset + WINDOW_BYTES > n_bytes)
            continue;
        span_add(ret_span, window_at(bytes, offset));
        is_any = TRUE;
    }
    return is_any;
}

static gboolean shows(const Span *span, const Secret *key)
{
    for (gsize i = 0; i + WINDOW_BYTES <= key->n_bytes; i++) {
        if (reduce(span, window_at(key->data, i)) == 0)
            return TRUE;
    }
    return FALSE;
}

// --- the attack ----------------------------------------------------------------------------------

// The bytes of a range as this provider was given them; NULL when it has not all of them.
static GBytes *slots_of(const Attacker *attacker, const char *provider, const WireSlotRange *range)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (guint i = 0; i < range->n_slots; i++) {
        g_autofree char *slot = slot_name(range->link, range->first + i);
        const Place *place = g_hash_table_lookup(attacker->places, slot);
        g_autofree char *name = place ? g_strdup_printf("%s %s", provider, place->block_id) : NULL;
        const Secret *block = place ? g_hash_table_lookup(attacker->blocks, name) : NULL;
        if (!block)
            return NULL;
        g_byte_array_append(bytes, block->data + (gsize)place->index * SLOT_BYTES, SLOT_BYTES);
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

static void add_slots(const Attacker *attacker, const char *provider, const WireSlotRange *range,
                      GPtrArray *strings)
{
    GBytes *slots = range ? slots_of(attacker, provider, range) : NULL;
    if (slots)
        g_ptr_array_add(strings, slots);
}

// All that has to do with one request and is known to these providers.
static GPtrArray *known_strings(const Attacker *attacker, const Trace *trace,
                                const char *const *providers)
{
    GPtrArray *strings = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (guint i = 0; i < trace->values->len; i++)
        g_ptr_array_add(strings, g_bytes_ref(trace->values->pdata[i]));
    for (; *providers; providers++) {
        for (guint i = 0; i < trace->orders->len; i++) {
            const WireOrder *order = trace->orders->pdata[i];
            for (gsize j = 0; j < order->n_branches; j++) {
                add_slots(attacker, *providers, order->branches[j]->ingress, strings);
                add_slots(attacker, *providers, order->branches[j]->egress, strings);
            }
        }
    }
    return strings;
}

typedef struct {
    const Attacker *attacker;
    const char *const *providers;
    const GPtrArray *keys;
    GHashTable *learnt; // set of key IDs
} Attack;

static gboolean attack_request(gpointer key, gpointer value, gpointer data)
{
    const Attack *attack = data;
    g_autoptr(GPtrArray) strings = known_strings(attack->attacker, value, attack->providers);
    Span span;
    for (gsize offset = 0; span_at(strings, offset, &span); offset++) {
        for (guint i = 0; i < attack->keys->len; i++) {
            const DeliveredKey *delivered = attack->keys->pdata[i];
            if (shows(&span, delivered->key))
                g_hash_table_add(attack->learnt, (gpointer)delivered->id);
        }
    }
    return FALSE;
}

guint attacker_count_learnt(const Attacker *attacker, const char *const *providers,
                            const GPtrArray *keys)
{
    g_autoptr(GHashTable) learnt = g_hash_table_new(g_str_hash, g_str_equal);
    Attack attack = {attacker, providers, keys, learnt};
    g_tree_foreach(attacker->traces, attack_request, &attack);
    return g_hash_table_size(learnt);
}

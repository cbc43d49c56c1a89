// SPDX-License-Identifier: Apache-2.0
//
// Relay values that came before their order, which says who may send them: all parts of a split go
// out at once, so a neighbour may be done before this agent has heard of it. Kept for a while, in
// bounds for each sender and in all; what is dropped is sent again.

#include "agents/federation/order.h"

#define KEEP_US (30 * G_TIME_SPAN_SECOND)

// Anybody can send these. What one value costs besides its bytes is counted as well: small ones
// must not be free, and so the bytes bound how many there are, too.
#define EARLY_MAX_BYTES        (16 * 1024 * 1024)
#define EARLY_MAX_SENDER_BYTES (2 * 1024 * 1024)
#define EARLY_COST_BYTES       512
#define EARLY_MAX_VALUES       64 // of one order

struct OrderEarly {
    GHashTable *values;  // order ID → GPtrArray of Early
    GHashTable *senders; // member → how many bytes of it are kept
    gsize n_bytes;
};

typedef struct {
    char *from;
    WireRelay *relay;
    gsize n_bytes;
} Early;

static void early_free(gpointer data)
{
    Early *early = data;
    g_free(early->from);
    wire_free(early->relay);
    g_free(early);
}

OrderEarly *order_early_new(void)
{
    OrderEarly *early = g_new0(OrderEarly, 1);
    early->values =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    early->senders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return early;
}

void order_early_free(OrderEarly *early)
{
    if (!early)
        return;
    g_hash_table_unref(early->values);
    g_hash_table_unref(early->senders);
    g_free(early);
}

gsize order_early_bytes(const OrderEarly *early)
{
    return early->n_bytes;
}

static gsize sender_bytes(const OrderEarly *early, const char *from)
{
    return GPOINTER_TO_SIZE(g_hash_table_lookup(early->senders, from));
}

static void set_sender_bytes(OrderEarly *early, const char *from, gsize n_bytes)
{
    if (n_bytes > 0)
        g_hash_table_replace(early->senders, g_strdup(from), GSIZE_TO_POINTER(n_bytes));
    else
        g_hash_table_remove(early->senders, from);
}

static gboolean has_room(const OrderEarly *early, const char *from, gsize n_bytes)
{
    return early->n_bytes + n_bytes <= EARLY_MAX_BYTES &&
           sender_bytes(early, from) + n_bytes <= EARLY_MAX_SENDER_BYTES;
}

static void add(OrderEarly *early, GPtrArray *values, const char *from, const WireRelay *relay,
                gsize n_bytes)
{
    Early *value = g_new(Early, 1);
    *value = (Early){g_strdup(from), message_copy(&relay->base), n_bytes};
    g_ptr_array_add(values, value);
    early->n_bytes += n_bytes;
    set_sender_bytes(early, from, sender_bytes(early, from) + n_bytes);
}

void order_keep_early(Agent *agent, const char *id, const char *from, const WireRelay *relay)
{
    OrderEarly *early = agent->early;
    gsize n_bytes = protobuf_c_message_get_packed_size(&relay->base) + EARLY_COST_BYTES;
    if (!has_room(early, from, n_bytes))
        return;
    GPtrArray *values = g_hash_table_lookup(early->values, id);
    if (!values) {
        values = g_ptr_array_new_with_free_func(early_free);
        g_hash_table_insert(early->values, g_strdup(id), values);
        timers_arm(agent->timers, TIMER_RELAYS, id, agent->now + KEEP_US);
    }
    if (values->len < EARLY_MAX_VALUES)
        add(early, values, from, relay, n_bytes);
}

void order_forget_early(Agent *agent, const char *id)
{
    OrderEarly *early = agent->early;
    const GPtrArray *values = g_hash_table_lookup(early->values, id);
    for (guint i = 0; values && i < values->len; i++) {
        const Early *value = values->pdata[i];
        early->n_bytes -= value->n_bytes;
        set_sender_bytes(early, value->from, sender_bytes(early, value->from) - value->n_bytes);
    }
    g_hash_table_remove(early->values, id);
    timers_disarm(agent->timers, TIMER_RELAYS, id);
}

void order_take_early(Agent *agent, Order *order)
{
    const GPtrArray *values = g_hash_table_lookup(agent->early->values, order->id);
    for (guint i = 0; values && i < values->len; i++) {
        const Early *early = values->pdata[i];
        if (order_expects(order, early->relay, early->from))
            g_ptr_array_add(order->values, message_copy(&early->relay->base));
    }
    order_forget_early(agent, order->id);
}

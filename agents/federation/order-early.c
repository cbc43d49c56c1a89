// SPDX-License-Identifier: Apache-2.0
//
// Relay values that came before their order, which says who may send them: all parts of a split go
// out at once, so a neighbour may be done before this agent has heard of it. Kept for a while, in
// bounds; what is dropped is sent again.

#include "agents/federation/order.h"

// Relay values that came before their order: how much of them, and for how long.
#define EARLY_MAX_BYTES  (16 * 1024 * 1024)
#define EARLY_KEEP_US    (30 * G_TIME_SPAN_SECOND)
#define EARLY_MAX_VALUES 64

static void early_free(gpointer data)
{
    g_ptr_array_unref(data);
}

GHashTable *order_early_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, early_free);
}

// A value that came before its order: kept for a while, with the name of who sent it, since only
// the order says who may.
typedef struct {
    char *from;
    WireRelay *relay;
} Early;

static void early_value_free(gpointer data)
{
    Early *early = data;
    g_free(early->from);
    wire_free(early->relay);
    g_free(early);
}

void order_keep_early(Agent *agent, const char *id, const char *from, const WireRelay *relay)
{
    if (agent->n_early_bytes + relay->value.len > EARLY_MAX_BYTES)
        return;
    GPtrArray *values = g_hash_table_lookup(agent->early, id);
    if (!values) {
        values = g_ptr_array_new_with_free_func(early_value_free);
        g_hash_table_insert(agent->early, g_strdup(id), values);
        timers_arm(agent->timers, TIMER_RELAYS, id, agent->now + EARLY_KEEP_US);
    }
    if (values->len >= EARLY_MAX_VALUES)
        return;
    Early *early = g_new(Early, 1);
    early->from = g_strdup(from);
    early->relay = message_copy(&relay->base);
    agent->n_early_bytes += relay->value.len;
    g_ptr_array_add(values, early);
}

void order_forget_early(Agent *agent, const char *id)
{
    const GPtrArray *values = g_hash_table_lookup(agent->early, id);
    for (guint i = 0; values && i < values->len; i++)
        agent->n_early_bytes -= ((Early *)values->pdata[i])->relay->value.len;
    g_hash_table_remove(agent->early, id);
    timers_disarm(agent->timers, TIMER_RELAYS, id);
}

void order_take_early(Agent *agent, Order *order)
{
    const GPtrArray *values = g_hash_table_lookup(agent->early, order->id);
    for (guint i = 0; values && i < values->len; i++) {
        const Early *early = values->pdata[i];
        if (order_expects(order, early->relay, early->from))
            g_ptr_array_add(order->values, message_copy(&early->relay->base));
    }
    order_forget_early(agent, order->id);
}

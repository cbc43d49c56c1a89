// SPDX-License-Identifier: Apache-2.0
//
// Orders as they are kept, in memory and in the store: what is needed to give the same answer
// again.

#include "agents/federation/order.h"
#include "topics/record.h"
#include "agents/federation/state.pb-c.h"

static void sent_free(gpointer data)
{
    OrderSent *sent = data;
    g_free(sent->to);
    wire_free(sent->relay);
    g_free(sent);
}

void order_free(gpointer data)
{
    Order *order = data;
    g_free(order->id);
    g_free(order->text);
    g_array_unref(order->calls);
    g_ptr_array_unref(order->sent);
    g_ptr_array_unref(order->values);
    wire_free(order->order);
    g_free(order);
}

Order *order_new(Agent *agent, const char *id, OrderState state)
{
    Order *order = g_new0(Order, 1);
    order->id = g_strdup(id);
    order->state = state;
    order->calls = g_array_new(FALSE, FALSE, sizeof(guint64));
    order->sent = g_ptr_array_new_with_free_func(sent_free);
    order->values = g_ptr_array_new_with_free_func(wire_free);
    g_hash_table_insert(agent->orders, order->id, order);
    return order;
}

void order_save(Agent *agent, const Order *order, gint64 forget_at_us)
{
    g_autofree Agent__State__Sent *sent = g_new(Agent__State__Sent, order->sent->len + 1);
    g_autofree Agent__State__Sent **pointers = g_new(Agent__State__Sent *, order->sent->len + 1);
    for (guint i = 0; i < order->sent->len; i++) {
        const OrderSent *one = order->sent->pdata[i];
        sent[i] = (Agent__State__Sent)AGENT__STATE__SENT__INIT;
        sent[i].to = one->to;
        sent[i].relay = one->relay;
        pointers[i] = &sent[i];
    }
    Agent__State__Order state = AGENT__STATE__ORDER__INIT;
    state.status = order->status;
    state.text = order->text ? order->text : (char *)"";
    state.forget_at_us = (guint64)forget_at_us;
    state.n_sent = order->sent->len;
    state.sent = pointers;
    state.is_used = order->is_used;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "order", order->id, value);
}

// Of relay values of one order.
#define LARGE_BYTES 4096

gboolean order_is_large(const Order *order)
{
    gsize n_bytes = 0;
    for (guint i = 0; i < order->sent->len; i++)
        n_bytes += ((const OrderSent *)order->sent->pdata[i])->relay->value.len;
    return n_bytes > LARGE_BYTES;
}

void order_let_go(Agent *agent, Order *order)
{
    if (order->sent->len == 0)
        return;
    g_ptr_array_set_size(order->sent, 0);
    order_save(agent, order, order->forget_at_us);
}

static void load_state(Agent *agent, const char *id, const Agent__State__Order *state)
{
    Order *order = order_new(agent, id, ORDER_DONE);
    order->status = (Status)state->status;
    order->text = g_strdup(state->text);
    order->is_used = state->is_used;
    if (order->status == STATUS_VOIDED)
        order->state = ORDER_VOIDED;
    // Some of its slots were spent, but what it had at hand in memory is gone.
    if (order->status == 0)
        order->status = STATUS_INTERNAL;
    for (gsize i = 0; i < state->n_sent; i++) {
        OrderSent *sent = g_new(OrderSent, 1);
        sent->to = g_strdup(state->sent[i]->to);
        sent->relay = message_copy(&state->sent[i]->relay->base);
        g_ptr_array_add(order->sent, sent);
    }
    order->forget_at_us = (gint64)state->forget_at_us;
    timers_arm_loosely(agent->timers, TIMER_ORDER, id, order->forget_at_us);
}

static gboolean is_whole(const Agent__State__Order *state)
{
    for (gsize i = 0; state && i < state->n_sent; i++) {
        if (!state->sent[i]->relay)
            return FALSE;
    }
    return state != NULL;
}

// An order that was forgotten could be done again, with other slots spent for it than were said.
static void load_order(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *id = record_name(key);
    Agent__State__Order *state = record_unpack(&agent__state__order__descriptor, value);
    if (is_whole(state))
        load_state(agent, id, state);
    else
        record_fail(loading, "order", id, "is damaged");
    wire_free(state);
}

gboolean order_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "order", load_order, agent, error);
}

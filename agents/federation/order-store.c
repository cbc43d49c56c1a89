// SPDX-License-Identifier: Apache-2.0
//
// Orders in the store: what is needed to give the same answer again.

#include "agents/federation/order.h"
#include "topics/record.h"
#include "agents/federation/state.pb-c.h"

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
    timers_arm_loosely(agent->timers, TIMER_ORDER, id, (gint64)state->forget_at_us);
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

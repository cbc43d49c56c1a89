// SPDX-License-Identifier: Apache-2.0
//
// Where the keys of an order come from and go to in the key store.

#include "agents/federation/leg.h"
#include "agents/federation/order.h"
#include "agents/federation/relay.h"

#include <string.h>

// The agent that a user leaves keeps what it had, and nothing of the order that copies it.
gboolean order_brings_keys(const Agent *agent, const WireOrder *wire)
{
    return wire->copy ? order_is_target(wire) : order_is_home(agent, wire) || order_is_target(wire);
}

static KeyAudience order_audience(const WireOrder *wire)
{
    if (wire->copy)
        return (KeyAudience){wire->copy->initiator, wire->copy->targets, wire->copy->n_targets};
    return (KeyAudience){wire->initiator, wire->targets, wire->n_targets};
}

// To be freed, not what it points at.
static GPtrArray *list_holders(const Agent *agent, const WireOrder *wire)
{
    GPtrArray *holders = g_ptr_array_new();
    if (!wire->copy && order_is_home(agent, wire))
        g_ptr_array_add(holders, wire->initiator);
    for (guint target = 0; target < wire->n_targets; target++) {
        if (order_has_role(wire, BRANCH(TARGET), target) ||
            order_has_role(wire, BRANCH(LOCAL), target))
            g_ptr_array_add(holders, wire->targets[target]);
    }
    g_ptr_array_add(holders, NULL);
    return holders;
}

// How many keys stand at the fullest of the ends that the order fills up. A target's end makes room
// by itself, so that it does not hold up the session.
static guint n_stored_at_ends(const Agent *agent, const WireOrder *wire)
{
    guint n_most = 0;
    g_autoptr(GPtrArray) holders = list_holders(agent, wire);
    for (guint i = 0; i + 1 < holders->len; i++) {
        const Leg *leg = leg_find(agent, wire->session->session, holders->pdata[i]);
        g_autofree char *end = keystore_end_name(wire->session->session, holders->pdata[i]);
        if (!leg || leg_is_initiator(leg))
            n_most = MAX(n_most, keystore_end_n_stored(agent->keys, end));
    }
    return n_most;
}

// Copies are counted with the pair until they are granted.
gboolean order_has_room(const Agent *agent, const WireOrder *wire)
{
    if (!order_brings_keys(agent, wire))
        return TRUE;
    KeyAudience audience = order_audience(wire);
    guint n_stored = wire->session && !wire->copy ? n_stored_at_ends(agent, wire)
                                                  : keystore_n_stored(agent->keys, &audience);
    return n_stored + wire->number <= agent->config->limits.max_keys_stored;
}

// A key whose grant is still on its way here counts: the platform names none that it did not grant.
void order_copy_keys(const Agent *agent, const WireOrder *wire, Secret *keys)
{
    const WireKeyCopy *copy = wire->copy;
    gsize n_key_bytes = wire->size_bits / 8;
    gboolean is_initiator = strcmp(wire->initiator, copy->initiator) == 0;
    guint8 *marks = relay_marks(wire, keys);
    for (guint i = 0; i < wire->number; i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(copy->request, copy->attempt, i, id);
        const Secret *key = keystore_peek(agent->keys, id, wire->initiator, is_initiator);
        gboolean is_there = key && key->n_bytes == n_key_bytes;
        relay_mark(marks, i, is_there);
        if (is_there)
            memcpy(keys->data + i * n_key_bytes, key->data, n_key_bytes);
    }
}

void order_store_keys(Agent *agent, const WireOrder *wire, const Secret *keys)
{
    g_autoptr(GPtrArray) holders = list_holders(agent, wire);
    gint64 lifetime_us = (gint64)agent->config->key_lifetime_s * G_USEC_PER_SEC;
    KeyBatch batch = {
        .request = wire->request,
        .attempt = wire->attempt,
        .audience = order_audience(wire),
        .holders = (const char *const *)holders->pdata,
        .number = wire->number,
        .n_key_bytes = wire->size_bits / 8,
        .keys = keys->data,
        .marks = relay_marks(wire, keys),
        .expires_at_us = agent->now + lifetime_us,
    };
    if (wire->session) {
        batch.session = wire->session->session;
        batch.first = wire->session->first;
    }
    if (wire->copy) {
        batch.copied_request = wire->copy->request;
        batch.copied_attempt = wire->copy->attempt;
    }
    keystore_add(agent->keys, &batch);
    timers_arm(agent->timers, TIMER_KEYS, "", keystore_expire(agent->keys, agent->now));
    for (guint i = 0; wire->session && i + 1 < holders->len; i++)
        leg_on_stored(agent, wire->session->session, holders->pdata[i]);
}

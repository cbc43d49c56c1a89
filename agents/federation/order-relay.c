// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/order.h"

#include "agents/federation/relay.h"

#include <string.h>

Slots order_slots(const WireSlotRange *range)
{
    return (Slots){range->first, range->n_slots};
}

gboolean order_is_home(const Agent *agent, const WireOrder *wire)
{
    return strcmp(wire->initiator_agent, agent->config->id) == 0;
}

gboolean order_has_role(const WireOrder *wire, Qkdnf__V1__BranchRole role, guint target)
{
    for (gsize i = 0; i < wire->n_branches; i++) {
        if (wire->branches[i]->role == role && wire->branches[i]->target == target)
            return TRUE;
    }
    return FALSE;
}

gboolean order_is_target(const WireOrder *wire)
{
    for (gsize i = 0; i < wire->n_branches; i++) {
        if (wire->branches[i]->role == BRANCH(TARGET))
            return TRUE;
    }
    return FALSE;
}

// Publishes a relay value for a branch.
static void relay_send(Agent *agent, Order *order, const WireBranch *branch, guint place,
                       const Secret *value, const guint8 *tag)
{
    WireRelay relay = WIRE_RELAY_INIT;
    relay.request = order->order->request;
    relay.attempt = order->order->attempt;
    relay.target = branch->target;
    relay.path = branch->path;
    relay.place = place;
    relay.value = (ProtobufCBinaryData){value->n_bytes, value->data};
    if (tag)
        relay.tag = (ProtobufCBinaryData){RELAY_TAG_BYTES, (guint8 *)tag};
    OrderSent *sent = g_new(OrderSent, 1);
    sent->to = g_strdup(branch->target_agent);
    sent->relay = message_copy(&relay.base);
    g_ptr_array_add(order->sent, sent);
}

static gboolean is_kept(const Agent *agent, const WireSlotRange *range)
{
    return !range || ledger_keeps(border_find_ledger(agent, range->link), order_slots(range));
}

gboolean order_keeps_slots(const Agent *agent, const Order *order)
{
    for (gsize i = 0; i < order->order->n_branches; i++) {
        const WireBranch *branch = order->order->branches[i];
        if (order->has_transit && branch->role == BRANCH(TRANSIT))
            continue;
        if (!is_kept(agent, branch->ingress) || !is_kept(agent, branch->egress))
            return FALSE;
    }
    return TRUE;
}

static Secret *spend(Agent *agent, const WireSlotRange *range)
{
    return ledger_spend(border_find_ledger(agent, range->link), order_slots(range));
}

static guint place_in_path(const Agent *agent, const WireBranch *branch)
{
    guint place = 0;
    while (place < branch->n_providers && strcmp(branch->providers[place], agent->config->id) != 0)
        place++;
    return place;
}

static void work_transit(Agent *agent, Order *order, const WireBranch *branch)
{
    gsize n_bytes = relay_payload_bytes(order->order);
    g_autoptr(Secret) ingress = spend(agent, branch->ingress);
    g_autoptr(Secret) egress = spend(agent, branch->egress);
    g_autoptr(Secret) value = secret_new_copy(ingress->data, n_bytes);
    secret_xor(value, 0, egress->data, n_bytes);
    relay_send(agent, order, branch, place_in_path(agent, branch), value, NULL);
}

void order_relay_transit(Agent *agent, Order *order)
{
    for (gsize i = 0; i < order->order->n_branches; i++) {
        if (order->order->branches[i]->role == BRANCH(TRANSIT))
            work_transit(agent, order, order->order->branches[i]);
    }
    order->has_transit = TRUE;
}

// The share of the payload that goes along this branch: random for all paths to a target but the
// last, which makes the XOR of all of them the payload.
static Secret *share_new(Agent *agent, const WireBranch *branch, Secret *remainder)
{
    if (branch->path + 1 == branch->n_paths)
        return secret_new_copy(remainder->data, remainder->n_bytes);
    Secret *share = secret_new(remainder->n_bytes);
    random_fill(agent->random, share->data, share->n_bytes);
    secret_xor(remainder, 0, share->data, share->n_bytes);
    return share;
}

// Sends the keys to one target, over all paths to it, with a fresh authenticator.
static void work_initiator(Agent *agent, Order *order, guint target, const Secret *keys)
{
    const WireOrder *wire = order->order;
    g_autoptr(Secret) payload = secret_new(relay_payload_bytes(wire));
    secret_xor(payload, 0, keys->data, keys->n_bytes);
    random_fill(agent->random, payload->data + keys->n_bytes, RELAY_AUTHENTICATOR_BYTES);
    guint8 tag[RELAY_TAG_BYTES];
    relay_tag(wire, target, payload, tag);
    for (gsize i = 0; i < wire->n_branches; i++) {
        const WireBranch *branch = wire->branches[i];
        if (branch->role != BRANCH(INITIATOR) || branch->target != target)
            continue;
        g_autoptr(Secret) share = share_new(agent, branch, payload);
        g_autoptr(Secret) pad = spend(agent, branch->egress);
        secret_xor(share, 0, pad->data, share->n_bytes);
        relay_send(agent, order, branch, 0, share, tag);
    }
}

static const WireRelay *find_value(const Order *order, const WireBranch *branch, guint place)
{
    for (guint i = 0; i < order->values->len; i++) {
        const WireRelay *relay = order->values->pdata[i];
        if (relay->target == branch->target && relay->path == branch->path && relay->place == place)
            return relay;
    }
    return NULL;
}

gboolean order_has_all_values(const Order *order)
{
    for (gsize i = 0; i < order->order->n_branches; i++) {
        const WireBranch *branch = order->order->branches[i];
        for (guint place = 0; branch->role == BRANCH(TARGET) && place + 1 < branch->n_providers;
             place++) {
            if (!find_value(order, branch, place))
                return FALSE;
        }
    }
    return TRUE;
}

gboolean order_expects(const Order *order, const WireRelay *relay, const char *from)
{
    for (gsize i = 0; i < order->order->n_branches; i++) {
        const WireBranch *branch = order->order->branches[i];
        if (branch->role == BRANCH(TARGET) && branch->target == relay->target &&
            branch->path == relay->path)
            return relay->place < branch->n_providers - 1 &&
                   strcmp(branch->providers[relay->place], from) == 0 &&
                   !find_value(order, branch, relay->place);
    }
    return FALSE;
}

// A value of the wrong size is as good as a wrong value: whoever sent it will not send a better
// one.
static gboolean values_fit(const Order *order, const WireBranch *branch)
{
    for (guint place = 0; place + 1 < branch->n_providers; place++) {
        const WireRelay *relay = find_value(order, branch, place);
        if (relay->value.len != relay_payload_bytes(order->order) ||
            relay->tag.len != (place == 0 ? RELAY_TAG_BYTES : 0))
            return FALSE;
    }
    return TRUE;
}

// XORs into the payload what came along one path.
static void open_branch(Agent *agent, Order *order, const WireBranch *branch, Secret *payload)
{
    g_autoptr(Secret) pad = spend(agent, branch->ingress);
    secret_xor(payload, 0, pad->data, payload->n_bytes);
    for (guint place = 0; place + 1 < branch->n_providers; place++) {
        const WireRelay *relay = find_value(order, branch, place);
        secret_xor(payload, 0, relay->value.data, payload->n_bytes);
    }
}

// The keys for one target, or NULL if the payload does not authenticate.
static Secret *work_target(Agent *agent, Order *order, guint target)
{
    const WireOrder *wire = order->order;
    g_autoptr(Secret) payload = secret_new(relay_payload_bytes(wire));
    const WireRelay *first = NULL;
    for (gsize i = 0; i < wire->n_branches; i++) {
        const WireBranch *branch = wire->branches[i];
        if (branch->role != BRANCH(TARGET) || branch->target != target)
            continue;
        if (!values_fit(order, branch))
            return NULL;
        open_branch(agent, order, branch, payload);
        first = first ? first : find_value(order, branch, 0);
    }
    Secret expected = {(guint8[RELAY_TAG_BYTES]){0}, RELAY_TAG_BYTES};
    Secret received = {first->tag.data, first->tag.len};
    relay_tag(wire, target, payload, expected.data);
    return secret_equal(&expected, &received)
               ? secret_new_copy(payload->data, relay_keys_bytes(wire))
               : NULL;
}

Secret *order_make_keys(Agent *agent, Order *order)
{
    g_autoptr(Secret) keys = secret_new(relay_keys_bytes(order->order));
    random_fill(agent->random, keys->data, keys->n_bytes);
    if (order->order->copy)
        order_copy_keys(agent, order->order, keys);
    for (guint target = 0; target < order->order->n_targets; target++) {
        if (order_has_role(order->order, BRANCH(INITIATOR), target))
            work_initiator(agent, order, target, keys);
    }
    return g_steal_pointer(&keys);
}

// All targets here must have been sent the same keys.
Secret *order_open_keys(Agent *agent, Order *order)
{
    g_autoptr(Secret) keys = NULL;
    for (guint target = 0; target < order->order->n_targets; target++) {
        if (!order_has_role(order->order, BRANCH(TARGET), target))
            continue;
        g_autoptr(Secret) opened = work_target(agent, order, target);
        if (!opened || (keys && !secret_equal(keys, opened)))
            return NULL;
        if (!keys)
            keys = g_steal_pointer(&opened);
    }
    return g_steal_pointer(&keys);
}

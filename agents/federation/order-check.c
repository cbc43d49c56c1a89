// SPDX-License-Identifier: Apache-2.0
//
// Whether an order makes sense for this provider, before anything is done for it.

#include "agents/federation/order.h"

#include "agents/federation/relay.h"

#include <string.h>

#define BRANCHES_MAX       64
#define PATH_MAX_PROVIDERS 32

static gboolean range_is_ours(const Agent *agent, const WireSlotRange *range, gboolean wanted,
                              gsize n_slots)
{
    if (!wanted)
        return !range;
    return range && range->n_slots == n_slots && border_find_ledger(agent, range->link);
}

// What this provider has to do with a branch must fit its role.
static const char *find_branch_fault(const Agent *agent, const WireOrder *wire,
                                     const WireBranch *branch)
{
    gboolean is_transit = branch->role == BRANCH(TRANSIT);
    gboolean has_ingress = is_transit || branch->role == BRANCH(TARGET);
    gboolean has_egress = is_transit || branch->role == BRANCH(INITIATOR);
    if (!has_ingress && !has_egress && branch->role != BRANCH(LOCAL))
        return "unknown branch role";
    if (branch->target >= wire->n_targets || branch->path >= MAX(branch->n_paths, 1))
        return "branch to no target of the order";
    gsize n_least = branch->role == BRANCH(LOCAL) ? 1 : 2;
    if (branch->n_providers < n_least || branch->n_providers > PATH_MAX_PROVIDERS)
        return "path too short or too long";
    gsize n_slots = relay_slots(wire);
    if (!range_is_ours(agent, branch->ingress, has_ingress, n_slots) ||
        !range_is_ours(agent, branch->egress, has_egress, n_slots))
        return "slots of a link that is not held here, or not as many as the keys need";
    gboolean is_initiator = branch->role == BRANCH(INITIATOR) || branch->role == BRANCH(LOCAL);
    return is_initiator && !order_is_home(agent, wire) ? "not the initiator's home" : NULL;
}

static const char *find_session_fault(const WireOrder *wire)
{
    if (!uuid_is_valid(wire->session->session))
        return "session ID is not a UUID";
    return wire->session->first > G_MAXINT64 ? "number in the session outside the limits" : NULL;
}

static gboolean is_in_audience(const WireKeyCopy *copy, const char *sae)
{
    gboolean is_in = strcmp(copy->initiator, sae) == 0;
    for (gsize i = 0; !is_in && i < copy->n_targets; i++)
        is_in = strcmp(copy->targets[i], sae) == 0;
    return is_in;
}

// Copies go from one agent to another, for one user of a session that moves.
static const char *find_copy_fault(const WireOrder *wire)
{
    const WireKeyCopy *copy = wire->copy;
    if (!wire->session)
        return "copies of keys of no session";
    if (!uuid_is_valid(copy->request) || copy->attempt >= ORDER_ATTEMPTS_MAX)
        return "copies of keys of no attempt";
    if (wire->n_targets != 1 || strcmp(wire->initiator, wire->targets[0]) != 0)
        return "copies for another than the user who moves";
    if (copy->n_targets < 1 || !is_in_audience(copy, wire->initiator))
        return "copies of keys that are for others";
    return order_has_role(wire, BRANCH(LOCAL), 0) ? "copies to where the keys are" : NULL;
}

static const char *find_keys_fault(const WireOrder *wire)
{
    const char *fault = wire->session ? find_session_fault(wire) : NULL;
    return !fault && wire->copy ? find_copy_fault(wire) : fault;
}

const char *order_find_fault(const Agent *agent, const WireOrder *wire)
{
    if (!uuid_is_valid(wire->request))
        return "request ID is not a UUID";
    if (wire->attempt >= ORDER_ATTEMPTS_MAX)
        return "attempt outside the limits";
    if (wire->number < 1 || wire->number > 128 || wire->size_bits < 8 || wire->size_bits > 8192 ||
        wire->size_bits % 8 != 0)
        return "number or size of keys outside the limits";
    if (wire->n_targets < 1 || wire->n_branches < 1 || wire->n_branches > BRANCHES_MAX)
        return "no target, or no or too many branches";
    const char *keys_fault = find_keys_fault(wire);
    if (keys_fault)
        return keys_fault;
    if (keystore_has(agent->keys, wire->request, wire->attempt))
        return "keys of this attempt are here already";
    if (order_is_home(agent, wire) && order_is_target(wire))
        return "a provider that is home to the initiator serves targets as LOCAL";
    if (order_is_home(agent, wire) && !visitor_is_known(agent, wire->initiator))
        return "the initiator is not a user here";
    for (gsize i = 0; i < wire->n_branches; i++) {
        const WireBranch *branch = wire->branches[i];
        const char *fault = find_branch_fault(agent, wire, branch);
        if (fault)
            return fault;
        gboolean serves_target = branch->role == BRANCH(TARGET) || branch->role == BRANCH(LOCAL);
        if (serves_target && !visitor_is_known(agent, wire->targets[branch->target]))
            return "a target is not a user here";
    }
    return NULL;
}

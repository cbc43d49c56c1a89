// SPDX-License-Identifier: Apache-2.0
//
// What an application is told when its request is granted.

#include "platform/request.h"

#include "topics/base/id.h"

// The paths of the attempt as the application is told them: one for each branch that starts one.
static GPtrArray *list_paths(const Request *request)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < request->parts->len; i++) {
        const WireOrder *order = ((Part *)request->parts->pdata[i])->order;
        for (gsize j = 0; j < order->n_branches; j++) {
            const WireBranch *branch = order->branches[j];
            if (branch->role != QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_INITIATOR &&
                branch->role != QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_LOCAL)
                continue;
            WireProviderPath *path = g_new(WireProviderPath, 1);
            *path = (WireProviderPath)WIRE_PROVIDER_PATH_INIT;
            path->target = order->targets[branch->target];
            path->n_providers = branch->n_providers;
            path->providers = branch->providers;
            g_ptr_array_add(paths, path);
        }
    }
    return paths;
}

// Whether the order put keys into the agent's store for the target, or for -1 the initiator.
static gboolean holds_keys_for(const WireOrder *order, int target)
{
    for (gsize i = 0; i < order->n_branches; i++) {
        const WireBranch *branch = order->branches[i];
        gboolean is_local = branch->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_LOCAL;
        if (target < 0 &&
            (is_local || branch->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_INITIATOR))
            return TRUE;
        if ((int)branch->target == target &&
            (is_local || branch->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET))
            return TRUE;
    }
    return FALSE;
}

// Its keys are with whoever was ordered to store them, wherever it may have moved since.
static void add_delivery(Federation *federation, const Request *request, GPtrArray *deliveries,
                         const char *sae, int target)
{
    WireDelivery *delivery = g_new(WireDelivery, 1);
    *delivery = (WireDelivery)WIRE_DELIVERY_INIT;
    delivery->sae = (char *)sae;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        const Provider *provider = topology_find(federation->topology, part->agent);
        if (!provider || !provider->resource || !holds_keys_for(part->order, target))
            continue;
        delivery->provider = provider->id;
        delivery->kme_url = provider->resource->kme_url;
        break;
    }
    g_ptr_array_add(deliveries, delivery);
}

static GPtrArray *list_key_ids(const Request *request)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < request->wire->number; i++) {
        char *id = g_malloc(UUID_CHARS + 1);
        key_id_derive(request->id, request->attempt, i, id);
        g_ptr_array_add(ids, id);
    }
    return ids;
}

WireReply *request_grant_reply(Federation *federation, const Request *request)
{
    const WireRequest *wire = request->wire;
    g_autoptr(GPtrArray) ids = list_key_ids(request);
    g_autoptr(GPtrArray) paths = list_paths(request);
    g_autoptr(GPtrArray) deliveries = g_ptr_array_new_with_free_func(g_free);
    add_delivery(federation, request, deliveries, wire->initiator, -1);
    for (gsize i = 0; i < wire->n_targets; i++)
        add_delivery(federation, request, deliveries, wire->targets[i], (int)i);
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = request->id;
    reply.status = STATUS_OK;
    reply.n_key_ids = ids->len;
    reply.key_ids = (char **)ids->pdata;
    reply.size_bits = wire->size_bits;
    reply.n_paths = paths->len;
    reply.paths = (WireProviderPath **)paths->pdata;
    reply.n_deliveries = deliveries->len;
    reply.deliveries = (WireDelivery **)deliveries->pdata;
    return message_copy(&reply.base);
}

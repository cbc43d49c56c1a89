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

static void add_delivery(Federation *federation, GPtrArray *deliveries, const char *sae)
{
    const Application *application = directory_find(federation, sae);
    WireDelivery *delivery = g_new(WireDelivery, 1);
    *delivery = (WireDelivery)WIRE_DELIVERY_INIT;
    delivery->sae = (char *)sae;
    if (application) {
        delivery->provider = application->home->id;
        delivery->kme_url = application->home->resource->kme_url;
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
    add_delivery(federation, deliveries, wire->initiator);
    for (gsize i = 0; i < wire->n_targets; i++)
        add_delivery(federation, deliveries, wire->targets[i]);
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

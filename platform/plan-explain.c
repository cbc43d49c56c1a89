// SPDX-License-Identifier: Apache-2.0
//
// Why there is no route: what stands in the way where there would be one without it.

#include "platform/request.h"

// There would be a way if nobody asked for agreements: what the first provider on it that stands in
// the way lacks.
static Status explain_agreements(const Topology *topology, const RouteQuery *query, char **ret_text)
{
    RouteQuery free_for_all = *query;
    free_for_all.buyer = NULL;
    g_autoptr(GPtrArray) routes =
        query->buyer ? plan_find_routes(topology, &free_for_all, 1) : NULL;
    if (!routes)
        return STATUS_NO_ROUTE;
    g_autoptr(GPtrArray) providers = route_providers(query, routes->pdata[0]);
    for (guint i = 0; i < providers->len; i++) {
        Status status;
        if (route_may_use(query, providers->pdata[i]))
            continue;
        g_autofree char *text =
            agreement_explain(query->buyer, providers->pdata[i],
                              route_wanted_purposes(query, providers->pdata[i]), &status);
        if (ret_text)
            *ret_text = g_steal_pointer(&text);
        return status;
    }
    return STATUS_NO_ROUTE;
}

Status plan_explain(const Topology *topology, const RouteQuery *query, guint n_paths,
                    char **ret_text)
{
    RouteQuery without_stock = *query;
    without_stock.ignores_stock = TRUE;
    without_stock.rate_bps = 0;
    g_autoptr(GPtrArray) routes = plan_find_routes(topology, &without_stock, n_paths);
    if (routes)
        return STATUS_INSUFFICIENT_KEY;
    Status status = explain_agreements(topology, &without_stock, ret_text);
    if (status != STATUS_NO_ROUTE)
        return status;
    if (n_paths == 1)
        return STATUS_NO_ROUTE;
    g_autoptr(GPtrArray) single = plan_find_routes(topology, &without_stock, 1);
    return single ? STATUS_NO_DISJOINT_PATHS : STATUS_NO_ROUTE;
}

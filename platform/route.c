// SPDX-License-Identifier: Apache-2.0

#include "platform/route.h"

#include "platform/booking.h"
#include "schemas/slot.h"

static guint64 planned_slots(const RouteQuery *query, gconstpointer what)
{
    return query->planned ? GPOINTER_TO_SIZE(g_hash_table_lookup(query->planned, what)) : 0;
}

guint64 route_slots_taken(const RouteQuery *query, const Link *link)
{
    guint64 kept =
        query->leaves_reserve
            ? link->reserved_slots + booking_kept_slots(link, query->buyer, query->begins_us)
            : 0;
    return planned_slots(query, link) + kept;
}

static gboolean has_rate(const RouteQuery *query, const Link *link)
{
    const Span span = {query->begins_us, query->ends_us};
    guint64 spare = link_spare_bps(link);
    return query->rate_bps == 0 ||
           (spare >= query->rate_bps &&
            spare - query->rate_bps >= booking_kept_bps(link, query->buyer, &span));
}

static guint64 available_to(const RouteQuery *query, const Link *link)
{
    guint64 available = link_n_available(link);
    return available - MIN(available, route_slots_taken(query, link));
}

static gboolean is_excluded(GHashTable *set, const char *id)
{
    return set && g_hash_table_contains(set, id);
}

// Whether what is short now can come to be in stock.
static gboolean will_have(const RouteQuery *query, Link *link)
{
    guint64 capacity = link_capacity(link);
    return link_fill_bps(link) > 0 &&
           (capacity == 0 || route_slots_taken(query, link) + query->n_slots <= capacity);
}

Purposes route_wanted_purposes(const RouteQuery *query, const Provider *provider)
{
    Purposes transit = PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY);
    if (query->is_reroute)
        transit |= PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_REROUTE);
    if (provider == query->from)
        return provider_visit_purposes(query->buyer);
    return provider == query->to ? PURPOSES_ANY : transit & ~provider->denied;
}

// One order is all of a provider's branches: what they take together has to be left.
static gboolean has_left(const RouteQuery *query, const Provider *provider, const Right *right)
{
    if (right->left_bits == G_MAXUINT64)
        return TRUE;
    gboolean is_end = provider == query->from || provider == query->to;
    guint n_branches = is_end && query->from != query->to ? MAX(query->n_paths, 1) : 1;
    guint64 needed = n_branches * query->n_slots + planned_slots(query, provider);
    return right->left_bits / SLOT_BITS >= needed;
}

gboolean route_may_use(const RouteQuery *query, const Provider *provider)
{
    gboolean is_transit = provider != query->from && provider != query->to;
    if (!query->buyer || provider == query->buyer)
        return !is_transit || route_wanted_purposes(query, provider) != 0;
    if (provider == query->from && query->is_leaving)
        return TRUE;
    const Right right = provider_right(query->buyer, provider);
    return (right.purposes & route_wanted_purposes(query, provider)) &&
           has_left(query, provider, &right) &&
           (query->rate_bps == 0 || right.rate_bps == 0 || query->rate_bps <= right.rate_bps);
}

Purposes route_purposes(const RouteQuery *query, const Provider *provider)
{
    if (!query->buyer || provider == query->buyer)
        return 0;
    Purposes wanted = route_wanted_purposes(query, provider);
    return wanted == PURPOSES_ANY ? 0 : provider_right(query->buyer, provider).purposes & wanted;
}

gboolean route_can_cross(const RouteQuery *query, Link *link, const Provider *from)
{
    const Provider *to = link_end_beyond(link, from)->provider;
    return link_is_up(link) && to && to->is_usable && route_may_use(query, to) &&
           !is_excluded(query->excluded_providers, to->id) &&
           !is_excluded(query->excluded_links, link->id) && has_rate(query, link) &&
           (query->ignores_stock || available_to(query, link) >= query->n_slots ||
            (query->can_wait && will_have(query, link)));
}

static guint rating_cost(const LinkEnd *end)
{
    return end->provider ? end->provider->rating_cost : 0;
}

guint64 route_cost(const RouteQuery *query, const Link *link)
{
    guint64 available = MAX(available_to(query, link), 1);
    guint64 load = MIN(query->n_slots * ROUTE_COST_CROSSING / available, ROUTE_COST_CROSSING);
    return ROUTE_COST_CROSSING + load +
           (rating_cost(&link->ends[0]) + rating_cost(&link->ends[1])) / 2;
}

gboolean route_is_there(const RouteQuery *query, const Route *route)
{
    Provider *at = query->from;
    const char *node = query->from_node;
    guint64 latency_us;
    guint n_passed = 0;
    for (guint i = 0; i < route->len; i++) {
        Link *link = route->pdata[i];
        const LinkEnd *near = link_end_of(link, at), *far = link_end_beyond(link, at);
        if (!near || !far->provider || !provider_connects(at, node, near->node, &latency_us))
            return FALSE;
        at = far->provider;
        node = far->node;
        n_passed += n_passed < query->n_via && at == query->via[n_passed];
    }
    return at == query->to && n_passed == query->n_via &&
           provider_connects(at, node, query->to_node, &latency_us);
}

gboolean route_can_take(const RouteQuery *query, const Route *route)
{
    Provider *at = query->from;
    if (!route_may_use(query, at))
        return FALSE;
    for (guint i = 0; i < route->len; i++) {
        Link *link = route->pdata[i];
        if (!route_can_cross(query, link, at))
            return FALSE;
        at = link_end_beyond(link, at)->provider;
    }
    return TRUE;
}

guint64 route_total_cost(const RouteQuery *query, const Route *route)
{
    guint64 cost = 0;
    for (guint i = 0; i < route->len; i++)
        cost += route_cost(query, route->pdata[i]);
    return cost;
}

GPtrArray *route_providers(const RouteQuery *query, const Route *route)
{
    GPtrArray *providers = g_ptr_array_new();
    Provider *at = query->from;
    g_ptr_array_add(providers, at);
    for (guint i = 0; i < route->len; i++) {
        at = link_end_beyond(route->pdata[i], at)->provider;
        g_ptr_array_add(providers, at);
    }
    return providers;
}

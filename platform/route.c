// SPDX-License-Identifier: Apache-2.0

#include "platform/route.h"

#include "platform/booking.h"
#include "schemas/slot.h"

#include <string.h>

// A crossing costs this much, plus as much again when it takes all that the link has in stock; the
// interior adds a unit per 10 microseconds, and a provider what it costs by its rating: half of it
// where the path comes in, and half where it leaves.
#define COST_CROSSING       1000
#define LATENCY_US_PER_UNIT 10
#define COST_INFINITE       G_MAXUINT64
#define COST_UNKNOWN        0

// Where the key can be: in the provider at one end of a link, having just crossed it, with so many
// of the providers behind it that it must lead through. State number: that number times all ends of
// links, plus twice the link's index, plus the end.
typedef struct {
    guint64 cost;
    guint state;
} Visit;

typedef struct {
    const Topology *topology;
    const RouteQuery *query;
    guint64 *costs;     // by state
    int *previous;      // by state; -1: the start
    guint64 *crossings; // by state without its number: what it costs to come there over the link,
                        // infinite where the key may not; COST_UNKNOWN: not looked at yet
    GArray *queue;      // Visit: a binary heap, cheapest first; what was improved since is stale
} Search;

// --- what is next --------------------------------------------------------------------------------

// GLib has no heap; with a GTree in its place a search takes 1.8 times the instructions (callgrind,
// in qkdnf bench scale).

static gboolean is_before(const Visit *a, const Visit *b)
{
    return a->cost != b->cost ? a->cost < b->cost : a->state < b->state;
}

static void push(GArray *queue, Visit visit)
{
    g_array_append_val(queue, visit);
    Visit *visits = (Visit *)(gpointer)queue->data;
    guint i = queue->len - 1;
    for (; i > 0 && is_before(&visit, &visits[(i - 1) / 2]); i = (i - 1) / 2)
        visits[i] = visits[(i - 1) / 2];
    visits[i] = visit;
}

static guint first_child(const Visit *visits, guint n_visits, guint i)
{
    guint child = 2 * i + 1;
    return child + 1 < n_visits && is_before(&visits[child + 1], &visits[child]) ? child + 1
                                                                                 : child;
}

static Visit pop(GArray *queue)
{
    Visit *visits = (Visit *)(gpointer)queue->data;
    Visit first = visits[0], last = visits[queue->len - 1];
    g_array_set_size(queue, queue->len - 1);
    guint i = 0, child;
    while ((child = first_child(visits, queue->len, i)) < queue->len &&
           is_before(&visits[child], &last)) {
        visits[i] = visits[child];
        i = child;
    }
    visits[i] = last;
    return first;
}

// --- links ---------------------------------------------------------------------------------------

guint64 route_slots_taken(const RouteQuery *query, const Link *link)
{
    gpointer planned = query->planned ? g_hash_table_lookup(query->planned, link) : NULL;
    guint64 kept =
        query->leaves_reserve
            ? link->reserved_slots + booking_kept_slots(link, query->buyer, query->begins_us)
            : 0;
    return GPOINTER_TO_SIZE(planned) + kept;
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

gboolean route_may_use(const RouteQuery *query, const Provider *provider)
{
    gboolean is_transit = provider != query->from && provider != query->to;
    if (!query->buyer || provider == query->buyer)
        return !is_transit || route_wanted_purposes(query, provider) != 0;
    if (provider == query->from && query->is_leaving)
        return TRUE;
    const Right *right = provider_right(query->buyer, provider);
    return (right->purposes & route_wanted_purposes(query, provider)) &&
           right->left_bits / SLOT_BITS >= query->n_slots &&
           (query->rate_bps == 0 || right->rate_bps == 0 || query->rate_bps <= right->rate_bps);
}

Purposes route_purposes(const RouteQuery *query, const Provider *provider)
{
    if (!query->buyer || provider == query->buyer)
        return 0;
    Purposes wanted = route_wanted_purposes(query, provider);
    return wanted == PURPOSES_ANY ? 0 : provider_right(query->buyer, provider)->purposes & wanted;
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
    guint64 load = MIN(query->n_slots * COST_CROSSING / available, COST_CROSSING);
    return COST_CROSSING + load + (rating_cost(&link->ends[0]) + rating_cost(&link->ends[1])) / 2;
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

static guint n_ends(const Search *search)
{
    return 2 * search->topology->links->len;
}

static Link *link_of(const Search *search, guint state)
{
    return search->topology->links->pdata[state % n_ends(search) / 2];
}

// How many of `via` are behind it in that provider; -1: it may not come there yet.
static int count_passed(const RouteQuery *query, guint n_passed, const Provider *provider)
{
    if (n_passed < query->n_via && provider == query->via[n_passed])
        return (int)n_passed + 1;
    for (guint i = n_passed; i < query->n_via; i++) {
        if (provider == query->via[i] || provider == query->to)
            return -1;
    }
    return (int)n_passed;
}

// A path that enters a provider twice would only be needed where its interior is cut in two.
static gboolean has_visited(const Search *search, int state, const Provider *provider)
{
    if (provider == search->query->from)
        return TRUE;
    for (; state >= 0; state = search->previous[state]) {
        if (link_of(search, (guint)state)->ends[state % 2].provider == provider)
            return TRUE;
    }
    return FALSE;
}

static void improve(Search *search, guint state, guint64 cost, int previous)
{
    if (cost >= search->costs[state])
        return;
    search->costs[state] = cost;
    search->previous[state] = previous;
    push(search->queue, (Visit){cost, state});
}

// What it costs to come to the far end of a link, which is asked once for each way to the near one.
static guint64 crossing(Search *search, Link *link, const Provider *from, guint end)
{
    guint64 *cost = &search->crossings[2 * link->index + end];
    if (*cost == COST_UNKNOWN)
        *cost = route_can_cross(search->query, link, from) ? route_cost(search->query, link)
                                                           : COST_INFINITE;
    return *cost;
}

// Goes on from a node of a provider over all its links.
static void expand(Search *search, Provider *provider, const char *node, guint64 cost, int state)
{
    const RouteQuery *query = search->query;
    guint n_passed = state < 0 ? 0 : (guint)state / n_ends(search);
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        const LinkEnd *near = link_end_of(link, provider), *far = link_end_beyond(link, provider);
        guint end = far == &link->ends[1];
        guint64 near_us, far_us = 0, cross = crossing(search, link, provider, end);
        if (cross == COST_INFINITE || has_visited(search, state, far->provider) ||
            !provider_connects(provider, node, near->node, &near_us))
            continue;
        int passed = count_passed(query, n_passed, far->provider);
        if (passed < 0)
            continue;
        if (far->provider == query->to &&
            !provider_connects(far->provider, far->node, query->to_node, &far_us))
            continue;
        guint64 step = cross + (near_us + far_us) / LATENCY_US_PER_UNIT;
        guint next = (guint)passed * n_ends(search) + 2 * link->index + end;
        improve(search, next, cost + step, state);
    }
}

static Route *trace(const Search *search, int state)
{
    Route *route = g_ptr_array_new();
    for (; state >= 0; state = search->previous[state])
        g_ptr_array_insert(route, 0, link_of(search, (guint)state));
    return route;
}

static Route *run(Search *search)
{
    const RouteQuery *query = search->query;
    expand(search, query->from, query->from_node, 0, -1);
    while (search->queue->len > 0) {
        Visit visit = pop(search->queue);
        if (visit.cost > search->costs[visit.state])
            continue;
        const LinkEnd *end = &link_of(search, visit.state)->ends[visit.state % 2];
        if (end->provider == query->to)
            return trace(search, (int)visit.state);
        expand(search, end->provider, end->node, visit.cost, (int)visit.state);
    }
    return NULL;
}

static Route *route_within(const RouteQuery *query)
{
    guint64 latency_us;
    return provider_connects(query->from, query->from_node, query->to_node, &latency_us)
               ? g_ptr_array_new()
               : NULL;
}

Route *route_find(const Topology *topology, const RouteQuery *query)
{
    if (!route_may_use(query, query->from))
        return NULL;
    if (query->from == query->to)
        return query->n_via == 0 ? route_within(query) : NULL;
    guint n_states = 2 * topology->links->len * (query->n_via + 1);
    g_autofree guint64 *costs = g_new(guint64, n_states);
    g_autofree int *previous = g_new(int, n_states);
    for (guint i = 0; i < n_states; i++)
        costs[i] = COST_INFINITE;
    g_autofree guint64 *crossings = g_new0(guint64, 2 * topology->links->len);
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(Visit));
    Search search = {topology, query, costs, previous, crossings, queue};
    return run(&search);
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

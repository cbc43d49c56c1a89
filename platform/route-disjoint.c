// SPDX-License-Identifier: Apache-2.0
//
// k disjoint paths of least total cost: k times the cheapest augmenting path in the residual graph
// (successive shortest paths; R. Bhandari, Survivable Networks, 1999). Every transit provider is
// split into a way in and a way out, joined once.

#include "platform/route.h"

// Vertex numbers: twice the provider's index, plus 1 for its way out.
typedef struct {
    guint from, to;
    gint64 cost;
    Link *link; // NULL: through a provider
    gboolean is_used;
} Edge;

typedef struct {
    const Topology *topology;
    const RouteQuery *query;
    GArray *edges; // Edge
    guint source, sink;
    gint64 *distance;
    int *
        by_edge; // the last edge of the cheapest walk to a vertex; its number, or ~number backwards
} Flow;

static void add_edge(Flow *flow, guint from, guint to, gint64 cost, Link *link)
{
    Edge edge = {from, to, cost, link, FALSE};
    g_array_append_val(flow->edges, edge);
}

static void add_provider(Flow *flow, Provider *provider)
{
    guint in = 2 * provider->index, out = in + 1;
    if (provider != flow->query->from && provider != flow->query->to)
        add_edge(flow, in, out, 0, NULL);
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        if (route_can_cross(flow->query, link, provider))
            add_edge(flow, out, 2 * link_end_beyond(link, provider)->provider->index,
                     (gint64)route_cost(flow->query, link), link);
    }
}

static gboolean relax(Flow *flow, guint from, guint to, gint64 cost, int by_edge)
{
    if (flow->distance[from] == G_MAXINT64 || flow->distance[from] + cost >= flow->distance[to])
        return FALSE;
    flow->distance[to] = flow->distance[from] + cost;
    flow->by_edge[to] = by_edge;
    return TRUE;
}

// Bellman-Ford: used edges can be walked back, which gives back their cost.
static gboolean find_walk(Flow *flow)
{
    guint n_vertices = 2 * flow->topology->providers->len;
    for (guint i = 0; i < n_vertices; i++)
        flow->distance[i] = G_MAXINT64;
    flow->distance[flow->source] = 0;
    gboolean has_changed = TRUE;
    for (guint round = 0; has_changed && round < n_vertices; round++) {
        has_changed = FALSE;
        for (guint i = 0; i < flow->edges->len; i++) {
            const Edge *edge = &g_array_index(flow->edges, Edge, i);
            if (edge->is_used)
                has_changed |= relax(flow, edge->to, edge->from, -edge->cost, ~(int)i);
            else
                has_changed |= relax(flow, edge->from, edge->to, edge->cost, (int)i);
        }
    }
    return flow->distance[flow->sink] != G_MAXINT64;
}

static void use_walk(Flow *flow)
{
    guint vertex = flow->sink;
    while (vertex != flow->source) {
        int by = flow->by_edge[vertex];
        Edge *edge = &g_array_index(flow->edges, Edge, by < 0 ? ~by : by);
        edge->is_used = by >= 0;
        vertex = by < 0 ? edge->to : edge->from;
    }
}

// Follows used edges from the source, taking each once.
static Route *take_route(Flow *flow)
{
    Route *route = g_ptr_array_new();
    guint vertex = flow->source;
    while (vertex != flow->sink) {
        for (guint i = 0; i < flow->edges->len; i++) {
            Edge *edge = &g_array_index(flow->edges, Edge, i);
            if (!edge->is_used || edge->from != vertex)
                continue;
            edge->is_used = FALSE;
            if (edge->link)
                g_ptr_array_add(route, edge->link);
            vertex = edge->to;
            break;
        }
    }
    return route;
}

static GPtrArray *find_routes(Flow *flow, guint n_paths)
{
    for (guint i = 0; i < n_paths; i++) {
        if (!find_walk(flow))
            return NULL;
        use_walk(flow);
    }
    g_autoptr(GPtrArray) routes = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < n_paths; i++) {
        Route *route = take_route(flow);
        g_ptr_array_add(routes, route);
        if (!route_is_there(flow->query, route))
            return NULL;
    }
    return g_steal_pointer(&routes);
}

GPtrArray *route_find_disjoint(const Topology *topology, const RouteQuery *query, guint n_paths)
{
    if (query->n_via > 0 || !route_may_use(query, query->from))
        return NULL;
    guint n_vertices = 2 * topology->providers->len;
    g_autoptr(GArray) edges = g_array_new(FALSE, FALSE, sizeof(Edge));
    g_autofree gint64 *distance = g_new(gint64, n_vertices);
    g_autofree int *by_edge = g_new(int, n_vertices);
    Flow flow = {topology, query,  edges, 2 * query->from->index + 1, 2 * query->to->index,
                 distance, by_edge};
    for (guint i = 0; i < topology->providers->len; i++)
        add_provider(&flow, topology->providers->pdata[i]);
    return find_routes(&flow, n_paths);
}

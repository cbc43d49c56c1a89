// SPDX-License-Identifier: Apache-2.0
//
// Routes against what igraph, a library of others, finds on the same random graphs: the cheapest
// one, the cheapest one under constraints, the cheapest one through given providers, and as many
// disjoint ones as there are, of least cost.
//
// To igraph, a provider is a way in (vertex 2 i) and a way out (2 i + 1) with its interior between
// them, and a border link that may be crossed is an edge for each direction. Where providers are
// given that a route must lead through, there is a floor of all this for each number of them that
// are behind it, and the only way up is into the next of them.

#include "platform/route.h"
#include "tests/unit/graph.h"

#include <igraph/igraph.h>
#include <math.h>

#define N_GRAPHS      600
#define PROVIDERS_MAX 40
#define LINKS_MAX     120
// As routes reckon it.
#define US_PER_UNIT 10

// A topology, what is asked of it, and what of it was excluded.
typedef struct {
    Chance *chance;
    GStringChunk *names;
    Topology *topology;
    guint64 interior_units[PROVIDERS_MAX]; // by provider: what its interior costs
    RouteQuery query;
} World;

typedef struct {
    const World *world;
    igraph_vector_int_t ends; // of edges, two for each
    igraph_vector_t costs;    // of edges
    GHashTable *walked;       // set of "from to link" on some route, or NULL: residual edges
} Edges;

// --- a random world ------------------------------------------------------------------------------

static const char *name(World *world, char letter, guint number)
{
    g_autofree char *text = g_strdup_printf("%c%u", letter, number);
    return g_string_chunk_insert_const(world->names, text);
}

static void add_links(World *world, guint n_providers)
{
    GraphLink links[LINKS_MAX];
    guint n_links = n_providers - 1 + chance_below(world->chance, 2 * n_providers);
    for (guint i = 0; i < n_links; i++) {
        guint a = chance_below(world->chance, n_providers);
        guint b = chance_below(world->chance, n_providers - 1);
        links[i] =
            (GraphLink){name(world, 'l', i), name(world, 'p', a),
                        name(world, 'p', b >= a ? b + 1 : b), 5 + chance_below(world->chance, 60)};
    }
    graph_register(world->topology, links, n_links);
}

static void vary_provider(World *world, Provider *provider)
{
    guint64 units = chance_below(world->chance, 500);
    world->interior_units[provider->index] = units;
    provider->denied =
        chance_below(world->chance, 12) == 0 ? PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY) : 0;
    for (gsize i = 0; provider->resource && i < provider->resource->n_virtual_links; i++)
        provider->resource->virtual_links[i]->latency_us = units * US_PER_UNIT;
}

static void vary_link(World *world, Link *link)
{
    link->ends[0].fill_bps = chance_below(world->chance, 2000);
    link->ends[1].fill_bps = chance_below(world->chance, 2000);
    link->ends[chance_below(world->chance, 2)].is_up = chance_below(world->chance, 12) > 0;
    link->reserved_slots = chance_below(world->chance, 10);
}

static void world_init(World *world, Chance *chance)
{
    *world = (World){chance, g_string_chunk_new(1024), topology_new(), {0}, {0}};
    guint n_providers = 4 + chance_below(chance, PROVIDERS_MAX - 4);
    for (guint i = 0; i < n_providers; i++)
        topology_add(world->topology, name(world, 'p', i))->is_usable = TRUE;
    add_links(world, n_providers);
    for (guint i = 0; i < n_providers; i++)
        vary_provider(world, world->topology->providers->pdata[i]);
    for (guint i = 0; i < world->topology->links->len; i++)
        vary_link(world, world->topology->links->pdata[i]);
    world->query = (RouteQuery){
        .from = topology_find(world->topology, "p0"),
        .from_node = "home",
        .to = topology_find(world->topology, "p1"),
        .to_node = "home",
        .n_slots = 8,
    };
}

// What a request may be bound to; igraph gets the graph without what this forbids.
static void constrain(World *world)
{
    RouteQuery *query = &world->query;
    query->excluded_providers = g_hash_table_new(g_str_hash, g_str_equal);
    query->excluded_links = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < world->topology->providers->len; i++) {
        Provider *provider = world->topology->providers->pdata[i];
        if (provider != query->from && provider != query->to && chance_below(world->chance, 8) == 0)
            g_hash_table_add(query->excluded_providers, provider->id);
    }
    for (guint i = 0; i < world->topology->links->len; i++) {
        Link *link = world->topology->links->pdata[i];
        if (chance_below(world->chance, 10) == 0)
            g_hash_table_add(query->excluded_links, link->id);
    }
    query->rate_bps = chance_below(world->chance, 400);
    query->leaves_reserve = chance_below(world->chance, 2);
    query->n_slots = 1 + chance_below(world->chance, 16);
}

static void world_clear(World *world)
{
    g_clear_pointer(&world->query.excluded_providers, g_hash_table_unref);
    g_clear_pointer(&world->query.excluded_links, g_hash_table_unref);
    g_clear_pointer(&world->topology, topology_free);
    g_clear_pointer(&world->names, g_string_chunk_free);
}

// Written here again, so that nothing of the router is taken at its word.
static gboolean is_open(const RouteQuery *query, const Link *link, const Provider *to)
{
    guint64 held = link_n_available(link);
    guint64 kept = query->leaves_reserve ? link->reserved_slots : 0;
    return link->ends[0].is_up && link->ends[1].is_up && held >= kept + query->n_slots &&
           MIN(link->ends[0].fill_bps, link->ends[1].fill_bps) >= query->rate_bps &&
           (to->denied == 0 || to == query->to) &&
           !(query->excluded_links && g_hash_table_contains(query->excluded_links, link->id)) &&
           !(query->excluded_providers && g_hash_table_contains(query->excluded_providers, to->id));
}

// --- what igraph makes of it ---------------------------------------------------------------------

static void edges_init(Edges *edges, const World *world)
{
    *edges = (Edges){.world = world};
    igraph_vector_int_init(&edges->ends, 0);
    igraph_vector_init(&edges->costs, 0);
}

static void edges_clear(Edges *edges)
{
    igraph_vector_int_destroy(&edges->ends);
    igraph_vector_destroy(&edges->costs);
    g_clear_pointer(&edges->walked, g_hash_table_unref);
}

static char *edge_name(guint from, guint to, const Link *link)
{
    return g_strdup_printf("%u %u %s", from, to, link ? link->id : "");
}

// What a route walks is there only backwards, at the cost that is given back.
static void add_edge(Edges *edges, guint from, guint to, guint64 cost, const Link *link)
{
    g_autofree char *edge = edge_name(from, to, link);
    gboolean is_walked = edges->walked && g_hash_table_contains(edges->walked, edge);
    igraph_vector_int_push_back(&edges->ends, is_walked ? to : from);
    igraph_vector_int_push_back(&edges->ends, is_walked ? from : to);
    igraph_vector_push_back(&edges->costs, is_walked ? -(double)cost : (double)cost);
}

static guint way_in(const World *world, guint floor, const Provider *provider)
{
    return 2 * (floor * world->topology->providers->len + provider->index);
}

// To where it leads from that floor; -1: nowhere, since others come first.
static int floor_behind(const RouteQuery *query, guint floor, const Provider *to)
{
    if (floor == query->n_via)
        return (int)floor;
    if (to == query->via[floor])
        return (int)floor + 1;
    return to == query->to || to == query->via[query->n_via - 1] ? -1 : (int)floor;
}

static void add_crossings(Edges *edges, guint floor, Link *link)
{
    const World *world = edges->world;
    for (guint end = 0; end < 2; end++) {
        const Provider *from = link->ends[end].provider, *to = link->ends[!end].provider;
        int behind = floor_behind(&world->query, floor, to);
        if (behind >= 0 && is_open(&world->query, link, to))
            add_edge(edges, way_in(world, floor, from) + 1, way_in(world, (guint)behind, to),
                     route_cost(&world->query, link), link);
    }
}

static void add_edges(Edges *edges, gboolean has_interiors)
{
    const World *world = edges->world;
    const GPtrArray *providers = world->topology->providers, *links = world->topology->links;
    for (guint floor = 0; floor <= world->query.n_via; floor++) {
        for (guint i = 0; i < providers->len; i++) {
            guint in = way_in(world, floor, providers->pdata[i]);
            add_edge(edges, in, in + 1, has_interiors ? world->interior_units[i] : 0, NULL);
        }
        for (guint i = 0; i < links->len; i++)
            add_crossings(edges, floor, links->pdata[i]);
    }
}

static void graph_of(const Edges *edges, igraph_t *ret_graph)
{
    const World *world = edges->world;
    igraph_integer_t n_vertices = 2 * world->topology->providers->len * (world->query.n_via + 1);
    igraph_create(ret_graph, &edges->ends, n_vertices, IGRAPH_DIRECTED);
}

// Infinite when there is no way; otherwise, whether it leads into no provider twice.
static double least_cost(const World *world, gboolean *ret_is_simple)
{
    Edges edges;
    igraph_t graph;
    igraph_vector_int_t vertices, crossed;
    guint n = world->topology->providers->len, n_times[PROVIDERS_MAX] = {0};
    edges_init(&edges, world);
    add_edges(&edges, TRUE);
    graph_of(&edges, &graph);
    igraph_vector_int_init(&vertices, 0);
    igraph_vector_int_init(&crossed, 0);
    igraph_get_shortest_path_dijkstra(
        &graph, &vertices, &crossed, way_in(world, 0, world->query.from),
        way_in(world, world->query.n_via, world->query.to) + 1, &edges.costs, IGRAPH_OUT);
    double least = igraph_vector_int_size(&vertices) > 0 ? 0 : INFINITY;
    for (igraph_integer_t i = 0; i < igraph_vector_int_size(&crossed); i++)
        least += VECTOR(edges.costs)[VECTOR(crossed)[i]];
    *ret_is_simple = TRUE;
    // Each provider has its way in and its way out.
    for (igraph_integer_t i = 0; i < igraph_vector_int_size(&vertices); i++)
        *ret_is_simple &= ++n_times[VECTOR(vertices)[i] % (2 * n) / 2] <= 2;
    igraph_vector_int_destroy(&vertices);
    igraph_vector_int_destroy(&crossed);
    igraph_destroy(&graph);
    edges_clear(&edges);
    return least;
}

// The most routes that share neither provider nor link.
static guint count_disjoint(const World *world)
{
    Edges edges;
    igraph_t graph;
    igraph_vector_t capacities;
    double n = 0;
    edges_init(&edges, world);
    add_edges(&edges, FALSE);
    graph_of(&edges, &graph);
    igraph_vector_init(&capacities, igraph_ecount(&graph));
    igraph_vector_fill(&capacities, 1);
    igraph_maxflow_value(&graph, &n, 2 * world->query.from->index + 1, 2 * world->query.to->index,
                         &capacities, NULL);
    igraph_vector_destroy(&capacities);
    igraph_destroy(&graph);
    edges_clear(&edges);
    return (guint)n;
}

// Routes are of least total cost if and only if what is left of the graph, with their own edges
// walked backwards, has no cycle of negative cost.
static gboolean could_be_cheaper(const World *world, GHashTable *walked)
{
    Edges edges;
    igraph_t graph;
    igraph_matrix_t distances;
    edges_init(&edges, world);
    edges.walked = g_hash_table_ref(walked);
    add_edges(&edges, FALSE);
    graph_of(&edges, &graph);
    igraph_matrix_init(&distances, 0, 0);
    igraph_error_t error = igraph_distances_bellman_ford(
        &graph, &distances, igraph_vss_all(), igraph_vss_all(), &edges.costs, IGRAPH_OUT);
    igraph_matrix_destroy(&distances);
    igraph_destroy(&graph);
    edges_clear(&edges);
    return error == IGRAPH_ENEGLOOP;
}

// --- the tests -----------------------------------------------------------------------------------

static guint64 cost_of(const World *world, const Route *route)
{
    g_autoptr(GPtrArray) providers = route_providers(&world->query, route);
    guint64 cost = route_total_cost(&world->query, route);
    for (guint i = 0; i < providers->len; i++)
        cost += world->interior_units[((Provider *)providers->pdata[i])->index];
    return cost;
}

static void check_cheapest(const World *world, guint *n_found)
{
    gboolean is_simple;
    g_autoptr(GPtrArray) route = route_find(world->topology, &world->query);
    double least = least_cost(world, &is_simple);
    g_assert_true(is_simple);
    g_assert_cmpint(route != NULL, ==, least < G_MAXUINT32);
    if (!route)
        return;
    g_assert_true(route_is_there(&world->query, route));
    g_assert_cmpfloat((double)cost_of(world, route), ==, least);
    *n_found += 1;
}

static void test_cheapest(void)
{
    Chance chance = {11};
    guint n_found = 0;
    for (guint i = 0; i < N_GRAPHS; i++) {
        World world;
        world_init(&world, &chance);
        check_cheapest(&world, &n_found);
        world_clear(&world);
    }
    g_assert_cmpuint(n_found, >, N_GRAPHS / 3);
}

static void test_constrained(void)
{
    Chance chance = {12};
    guint n_found = 0;
    for (guint i = 0; i < N_GRAPHS; i++) {
        World world;
        world_init(&world, &chance);
        constrain(&world);
        check_cheapest(&world, &n_found);
        world_clear(&world);
    }
    g_assert_cmpuint(n_found, >, N_GRAPHS / 8);
}

// One or two that are neither end.
static void lead_through(World *world)
{
    const GPtrArray *providers = world->topology->providers;
    guint n_others = providers->len - 2, first = chance_below(world->chance, n_others);
    guint second = (first + 1 + chance_below(world->chance, n_others - 1)) % n_others;
    world->query.via[0] = providers->pdata[2 + first];
    world->query.via[1] = providers->pdata[2 + second];
    world->query.n_via = 1 + chance_below(world->chance, 2);
}

// Of walks that lead into a provider twice, igraph's is cheaper than any route, or there is none.
static void check_through(const World *world, guint *n_found)
{
    gboolean is_simple;
    g_autoptr(GPtrArray) route = route_find(world->topology, &world->query);
    double least = least_cost(world, &is_simple);
    if (route) {
        g_autoptr(GPtrArray) providers = route_providers(&world->query, route);
        g_autoptr(GHashTable) once = g_hash_table_new(NULL, NULL);
        for (guint i = 0; i < providers->len; i++)
            g_assert_true(g_hash_table_add(once, providers->pdata[i]));
        g_assert_true(route_is_there(&world->query, route));
        g_assert_cmpfloat((double)cost_of(world, route), >=, least);
    }
    if (!is_simple)
        return;
    g_assert_cmpint(route != NULL, ==, least < G_MAXUINT32);
    g_assert_true(!route || (double)cost_of(world, route) == least);
    *n_found += route != NULL;
}

static void test_through(void)
{
    Chance chance = {14};
    guint n_found = 0;
    for (guint i = 0; i < 2 * N_GRAPHS; i++) {
        World world;
        world_init(&world, &chance);
        if (i % 2 == 1)
            constrain(&world);
        lead_through(&world);
        check_through(&world, &n_found);
        world_clear(&world);
    }
    g_assert_cmpuint(n_found, >, N_GRAPHS / 4);
}

static void walk(const World *world, const Route *route, GHashTable *walked)
{
    g_autoptr(GPtrArray) providers = route_providers(&world->query, route);
    for (guint i = 0; i < route->len; i++) {
        guint from = ((Provider *)providers->pdata[i])->index;
        guint to = ((Provider *)providers->pdata[i + 1])->index;
        // g_hash_table_add() says whether it is new: nothing is walked twice.
        g_assert_true(g_hash_table_add(walked, edge_name(2 * from + 1, 2 * to, route->pdata[i])));
        if (i > 0)
            g_assert_true(g_hash_table_add(walked, edge_name(2 * from, 2 * from + 1, NULL)));
    }
}

static void check_disjoint(const World *world, guint n_paths)
{
    g_autoptr(GPtrArray) routes = route_find_disjoint(world->topology, &world->query, n_paths);
    g_autoptr(GHashTable) walked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_assert_nonnull(routes);
    g_assert_cmpuint(routes->len, ==, n_paths);
    for (guint i = 0; i < n_paths; i++) {
        g_assert_true(route_is_there(&world->query, routes->pdata[i]));
        walk(world, routes->pdata[i], walked);
    }
    g_assert_false(could_be_cheaper(world, walked));
}

static void test_disjoint(void)
{
    Chance chance = {13};
    guint n_found = 0;
    for (guint i = 0; i < N_GRAPHS; i++) {
        World world;
        world_init(&world, &chance);
        guint n_paths = count_disjoint(&world);
        for (guint n = 1; n <= n_paths; n++)
            check_disjoint(&world, n);
        g_autoptr(GPtrArray) more = route_find_disjoint(world.topology, &world.query, n_paths + 1);
        g_assert_null(more);
        n_found += n_paths > 1;
        world_clear(&world);
    }
    g_assert_cmpuint(n_found, >, N_GRAPHS / 8);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    igraph_set_error_handler(igraph_error_handler_ignore);
    igraph_set_warning_handler(igraph_warning_handler_ignore);
    g_test_add_func("/route-igraph/cheapest", test_cheapest);
    g_test_add_func("/route-igraph/constrained", test_constrained);
    g_test_add_func("/route-igraph/through", test_through);
    g_test_add_func("/route-igraph/disjoint", test_disjoint);
    return g_test_run();
}

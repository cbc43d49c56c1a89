// SPDX-License-Identifier: Apache-2.0

#include "platform/route.h"
#include "tests/unit/graph.h"

#include <string.h>

// Two ways from a to d: over b, and over c and e.
static const GraphLink diamond[] = {
    {"a-b", "a", "b", 100}, {"b-d", "b", "d", 100}, {"a-c", "a", "c", 100},
    {"c-e", "c", "e", 100}, {"e-d", "e", "d", 100},
};

static Topology *diamond_new(void)
{
    Topology *topology = topology_new();
    graph_register(topology, diamond, G_N_ELEMENTS(diamond));
    return topology;
}

static RouteQuery query_between(const Topology *topology, const char *from, const char *to)
{
    return (RouteQuery){
        .from = topology_find(topology, from),
        .from_node = "home",
        .to = topology_find(topology, to),
        .to_node = "home",
        .n_slots = 10,
    };
}

static void assert_route(const Topology *topology, const RouteQuery *query, const char *expected)
{
    g_autoptr(GPtrArray) route = route_find(topology, query);
    g_autofree char *text = graph_text(route);
    g_assert_cmpstr(text, ==, expected);
}

static void test_the_cheapest(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "a", "d");
    assert_route(topology, &query, "a-b b-d");
    // Load and latency count, against the number of crossings.
    graph_link(topology, "b-d")->ends[0].open_end = 10;
    assert_route(topology, &query, "a-b b-d");
    graph_interior(topology, "b", "a-b", "b-d")->latency_us = 10000;
    assert_route(topology, &query, "a-c c-e e-d");
    graph_interior(topology, "d", "e-d", "home")->latency_us = 10000;
    assert_route(topology, &query, "a-b b-d");
}

static void test_providers_of_a_route(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "d", "c");
    g_autoptr(GPtrArray) route = route_find(topology, &query);
    g_autoptr(GPtrArray) providers = route_providers(&query, route);
    g_assert_cmpuint(providers->len, ==, 3);
    g_assert_cmpstr(((Provider *)providers->pdata[0])->id, ==, "d");
    g_assert_cmpstr(((Provider *)providers->pdata[1])->id, ==, "e");
    g_assert_cmpstr(((Provider *)providers->pdata[2])->id, ==, "c");
}

static void test_within_one_provider(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "a", "a");
    assert_route(topology, &query, "");
    query.to_node = "a-b";
    assert_route(topology, &query, "");
    graph_interior(topology, "a", "a-b", "home")->up = FALSE;
    assert_route(topology, &query, NULL);
    query.to_node = "no-such-node";
    assert_route(topology, &query, NULL);
}

static void test_what_cannot_be_crossed(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "a", "d");
    Link *link = graph_link(topology, "b-d");
    link->ends[1].is_up = FALSE;
    assert_route(topology, &query, "a-c c-e e-d");
    link->ends[1].is_up = TRUE;
    topology_find(topology, "b")->is_usable = FALSE;
    assert_route(topology, &query, "a-c c-e e-d");
    topology_find(topology, "b")->is_usable = TRUE;
    graph_interior(topology, "b", "a-b", "b-d")->up = FALSE;
    assert_route(topology, &query, "a-c c-e e-d");
    graph_interior(topology, "e", "c-e", "e-d")->up = FALSE;
    assert_route(topology, &query, NULL);
}

static void test_what_is_excluded(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "a", "d");
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) set = g_hash_table_new(g_str_hash, g_str_equal);
    query.excluded_providers = query.excluded_links = none;
    assert_route(topology, &query, "a-b b-d");
    g_hash_table_add(set, (gpointer) "b");
    query.excluded_providers = set;
    assert_route(topology, &query, "a-c c-e e-d");
    query.excluded_providers = none;
    g_hash_table_add(set, (gpointer) "b-d");
    query.excluded_links = set;
    assert_route(topology, &query, "a-c c-e e-d");
    g_hash_table_add(set, (gpointer) "a-c");
    assert_route(topology, &query, NULL);
}

static void test_stock(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "a", "d");
    graph_link(topology, "a-b")->ends[0].open_end = 9;
    assert_route(topology, &query, "a-c c-e e-d");
    query.n_slots = 9;
    assert_route(topology, &query, "a-b b-d");
    query.n_slots = 101;
    assert_route(topology, &query, NULL);
    query.ignores_stock = TRUE;
    assert_route(topology, &query, "a-b b-d");
}

static void test_what_is_planned_is_gone(void)
{
    g_autoptr(Topology) topology = diamond_new();
    RouteQuery query = query_between(topology, "a", "d");
    g_autoptr(GHashTable) planned = g_hash_table_new(NULL, NULL);
    query.planned = planned;
    Link *link = graph_link(topology, "a-b");
    g_hash_table_insert(planned, link, GSIZE_TO_POINTER(90));
    assert_route(topology, &query, "a-b b-d");
    g_hash_table_insert(planned, link, GSIZE_TO_POINTER(91));
    assert_route(topology, &query, "a-c c-e e-d");
    // More than there is must not wrap around.
    g_hash_table_insert(planned, link, GSIZE_TO_POINTER(1000));
    assert_route(topology, &query, "a-c c-e e-d");
}

#define N_CHAIN 200

// Hardly anything leads to the target, and that is short of stock; all the rest of the federation,
// here a long chain, is not looked at for that.
static void test_no_way_is_soon_known(void)
{
    g_autoptr(Topology) topology = topology_new();
    g_autoptr(GStringChunk) names = g_string_chunk_new(1024);
    GraphLink links[N_CHAIN + 2];
    for (guint i = 0; i < N_CHAIN; i++) {
        g_autofree char *id = g_strdup_printf("l%u", i);
        g_autofree char *a = g_strdup_printf("p%u", i), *b = g_strdup_printf("p%u", i + 1);
        links[i] = (GraphLink){g_string_chunk_insert_const(names, id),
                               g_string_chunk_insert_const(names, a),
                               g_string_chunk_insert_const(names, b), 100};
    }
    links[N_CHAIN] = (GraphLink){"near", "p0", "near", 100};
    links[N_CHAIN + 1] = (GraphLink){"short", "near", "target", 9};
    graph_register(topology, links, G_N_ELEMENTS(links));
    RouteQuery query = query_between(topology, "p0", "target");
    Link *last = graph_link(topology, "l199");
    // Nobody can look at this and live.
    char *peer = g_steal_pointer(&last->ends[0].peer);
    assert_route(topology, &query, NULL);
    last->ends[0].peer = peer;
    query.n_slots = 9;
    assert_route(topology, &query, "near short");
}

static void test_ties_go_to_the_first(void)
{
    static const GraphLink parallel[] = {
        {"z", "a", "b", 100}, {"y", "a", "b", 100}, {"x", "a", "b", 100}};
    for (guint i = 0; i < 3; i++) {
        g_autoptr(Topology) topology = topology_new();
        graph_register(topology, parallel, G_N_ELEMENTS(parallel));
        RouteQuery query = query_between(topology, i == 1 ? "b" : "a", i == 1 ? "a" : "b");
        assert_route(topology, &query, "z");
    }
}

// --- against all simple paths --------------------------------------------------------------------

typedef struct {
    const RouteQuery *query;
    guint64 best;
    GHashTable *visited;
} Walk;

static void walk(Walk *at, const Provider *provider, const char *node, guint64 cost)
{
    g_hash_table_add(at->visited, (gpointer)provider);
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        const LinkEnd *near = link_end_of(link, provider), *far = link_end_beyond(link, provider);
        guint64 near_us, far_us = 0;
        if (!route_can_cross(at->query, link, provider) ||
            g_hash_table_contains(at->visited, far->provider) ||
            !provider_connects(provider, node, near->node, &near_us))
            continue;
        guint64 sum = cost + route_cost(at->query, link) + near_us / 10;
        if (far->provider != at->query->to)
            walk(at, far->provider, far->node, sum);
        else if (provider_connects(far->provider, far->node, at->query->to_node, &far_us))
            at->best = MIN(at->best, sum + far_us / 10);
    }
    g_hash_table_remove(at->visited, provider);
}

static guint64 best_cost(const RouteQuery *query)
{
    g_autoptr(GHashTable) visited = g_hash_table_new(NULL, NULL);
    Walk at = {query, G_MAXUINT64, visited};
    walk(&at, query->from, query->from_node, 0);
    return at.best;
}

// G_MAXUINT64 when there is no route; every step of a route must be possible.
static guint64 found_cost(const Topology *topology, const RouteQuery *query)
{
    g_autoptr(GPtrArray) route = route_find(topology, query);
    if (!route)
        return G_MAXUINT64;
    const Provider *at = query->from;
    const char *node = query->from_node;
    guint64 cost = 0, latency_us;
    g_autoptr(GHashTable) visited = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < route->len; i++) {
        Link *link = route->pdata[i];
        g_assert_true(g_hash_table_add(visited, (gpointer)at));
        g_assert_true(route_can_cross(query, link, at));
        g_assert_true(provider_connects(at, node, link_end_of(link, at)->node, &latency_us));
        cost += route_cost(query, link) + latency_us / 10;
        node = link_end_beyond(link, at)->node;
        at = link_end_beyond(link, at)->provider;
    }
    g_assert_true(at == query->to);
    g_assert_true(provider_connects(at, node, query->to_node, &latency_us));
    return cost + latency_us / 10;
}

static void change_interiors(const Topology *topology, Chance *chance, guint n_of_8_down)
{
    for (guint i = 0; i < topology->providers->len; i++) {
        const WireResource *resource = ((Provider *)topology->providers->pdata[i])->resource;
        for (gsize j = 0; resource && j < resource->n_virtual_links; j++) {
            resource->virtual_links[j]->up = chance_below(chance, 8) >= n_of_8_down;
            resource->virtual_links[j]->latency_us = chance_below(chance, 30000);
        }
    }
}

static RouteQuery random_query(const Topology *topology)
{
    RouteQuery query = query_between(topology, "a", "b");
    query.n_slots = 8;
    return query;
}

static void test_against_all_paths(void)
{
    Chance chance = {1};
    guint n_found = 0;
    for (guint i = 0; i < 3000; i++) {
        g_autoptr(Topology) topology = graph_random(&chance);
        RouteQuery query = random_query(topology);
        guint64 best = best_cost(&query);
        g_assert_cmpuint(found_cost(topology, &query), ==, best);
        n_found += best != G_MAXUINT64;
    }
    g_assert_cmpuint(n_found, >, 1500);
    g_assert_cmpuint(n_found, <, 2900);
}

// Where an interior is cut, a route may be missed, but never made up.
static void test_cut_interiors(void)
{
    Chance chance = {2};
    guint n_missed = 0, n_there = 0;
    for (guint i = 0; i < 3000; i++) {
        g_autoptr(Topology) topology = graph_random(&chance);
        change_interiors(topology, &chance, 2);
        RouteQuery query = random_query(topology);
        guint64 best = best_cost(&query), found = found_cost(topology, &query);
        g_assert_cmpuint(found, >=, best);
        n_there += best != G_MAXUINT64;
        n_missed += found != best;
    }
    g_test_message("%u of %u routes missed", n_missed, n_there);
    g_assert_cmpuint(n_missed * 100, <=, n_there);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/route/the-cheapest", test_the_cheapest);
    g_test_add_func("/route/providers-of-a-route", test_providers_of_a_route);
    g_test_add_func("/route/within-one-provider", test_within_one_provider);
    g_test_add_func("/route/what-cannot-be-crossed", test_what_cannot_be_crossed);
    g_test_add_func("/route/what-is-excluded", test_what_is_excluded);
    g_test_add_func("/route/stock", test_stock);
    g_test_add_func("/route/what-is-planned-is-gone", test_what_is_planned_is_gone);
    g_test_add_func("/route/no-way-is-soon-known", test_no_way_is_soon_known);
    g_test_add_func("/route/ties-go-to-the-first", test_ties_go_to_the_first);
    g_test_add_func("/route/against-all-paths", test_against_all_paths);
    g_test_add_func("/route/cut-interiors", test_cut_interiors);
    return g_test_run();
}

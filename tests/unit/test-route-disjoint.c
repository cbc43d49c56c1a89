// SPDX-License-Identifier: Apache-2.0

#include "platform/route.h"
#include "tests/unit/graph.h"

#include <string.h>

static RouteQuery query_between(const Topology *topology, const char *from, const char *to)
{
    return (RouteQuery){
        .from = topology_find(topology, from),
        .from_node = "home",
        .to = topology_find(topology, to),
        .to_node = "home",
        .n_slots = 8,
    };
}

static void assert_routes(const Topology *topology, guint n_paths, const char *expected)
{
    RouteQuery query = query_between(topology, "a", "z");
    g_autoptr(GPtrArray) routes = route_find_disjoint(topology, &query, n_paths);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; routes && i < routes->len; i++) {
        g_autofree char *one = graph_text(routes->pdata[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", one);
    }
    g_assert_cmpint(routes != NULL, ==, expected != NULL);
    g_assert_cmpstr(text->str, ==, expected ? expected : "");
}

static void test_as_many_as_there_are(void)
{
    static const GraphLink links[] = {
        {"a-b", "a", "b", 50}, {"b-z", "b", "z", 50}, {"a-c", "a", "c", 50},
        {"c-z", "c", "z", 50}, {"a-z", "a", "z", 50},
    };
    g_autoptr(Topology) topology = topology_new();
    graph_register(topology, links, G_N_ELEMENTS(links));
    assert_routes(topology, 1, "a-z");
    assert_routes(topology, 2, "a-b b-z, a-z");
    assert_routes(topology, 3, "a-b b-z, a-c c-z, a-z");
    assert_routes(topology, 4, NULL);
}

// The cheapest path uses what both disjoint ones need: it has to be given back.
static void test_the_trap(void)
{
    static const GraphLink links[] = {
        {"a-b", "a", "b", 50}, {"b-c", "b", "c", 50}, {"c-z", "c", "z", 50},
        {"a-d", "a", "d", 50}, {"d-c", "d", "c", 50}, {"b-e", "b", "e", 50},
        {"e-f", "e", "f", 50}, {"f-z", "f", "z", 50}, {"d-g", "d", "g", 50},
    };
    g_autoptr(Topology) topology = topology_new();
    graph_register(topology, links, G_N_ELEMENTS(links));
    assert_routes(topology, 1, "a-b b-c c-z");
    assert_routes(topology, 2, "a-b b-e e-f f-z, a-d d-c c-z");
    assert_routes(topology, 3, NULL);
}

// Links that lead to the same transit provider are not two paths.
static void test_a_shared_transit_provider(void)
{
    static const GraphLink links[] = {
        {"a-b-1", "a", "b", 50},
        {"a-b-2", "a", "b", 50},
        {"b-z-1", "b", "z", 50},
        {"b-z-2", "b", "z", 50},
    };
    g_autoptr(Topology) topology = topology_new();
    graph_register(topology, links, G_N_ELEMENTS(links));
    assert_routes(topology, 1, "a-b-1 b-z-1");
    assert_routes(topology, 2, NULL);
}

static void test_links_of_neighbours(void)
{
    static const GraphLink links[] = {{"1", "a", "z", 50}, {"2", "a", "z", 50}, {"3", "a", "z", 7}};
    g_autoptr(Topology) topology = topology_new();
    graph_register(topology, links, G_N_ELEMENTS(links));
    assert_routes(topology, 2, "1, 2");
    assert_routes(topology, 3, NULL);
    graph_link(topology, "2")->ends[0].is_up = FALSE;
    assert_routes(topology, 2, NULL);
}

static void test_an_interior_that_is_cut(void)
{
    static const GraphLink links[] = {
        {"a-b", "a", "b", 50}, {"b-z", "b", "z", 50}, {"a-z", "a", "z", 50}};
    g_autoptr(Topology) topology = topology_new();
    graph_register(topology, links, G_N_ELEMENTS(links));
    assert_routes(topology, 2, "a-b b-z, a-z");
    graph_interior(topology, "b", "a-b", "b-z")->up = FALSE;
    assert_routes(topology, 2, NULL);
}

// --- against all sets of paths -------------------------------------------------------------------

typedef struct {
    guint64 cost;
    guint64 transit; // bits by provider index
    guint64 links;   // bits by link index
} Path;

typedef struct {
    const RouteQuery *query;
    GArray *paths;
} Walk;

static void walk(Walk *at, const Provider *provider, Path path)
{
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        const Provider *to = link_end_beyond(link, provider)->provider;
        guint64 bit = to ? G_GUINT64_CONSTANT(1) << to->index : 0;
        if (!route_can_cross(at->query, link, provider) || to == at->query->from ||
            path.transit & bit)
            continue;
        Path longer = {path.cost + route_cost(at->query, link), path.transit,
                       path.links | G_GUINT64_CONSTANT(1) << link->index};
        if (to == at->query->to) {
            g_array_append_val(at->paths, longer);
            continue;
        }
        longer.transit |= bit;
        walk(at, to, longer);
    }
}

// The least total cost of n paths that share nothing, from number `from` on; G_MAXUINT64: none.
static guint64 best_set(const GArray *paths, guint from, guint n_paths, Path used)
{
    if (n_paths == 0)
        return used.cost;
    guint64 best = G_MAXUINT64;
    for (guint i = from; i < paths->len; i++) {
        const Path *path = &g_array_index(paths, Path, i);
        if (path->transit & used.transit || path->links & used.links)
            continue;
        Path more = {used.cost + path->cost, used.transit | path->transit,
                     used.links | path->links};
        best = MIN(best, best_set(paths, i + 1, n_paths - 1, more));
    }
    return best;
}

// Checks that each is a way and that they share nothing.
static guint64 found_set(const RouteQuery *query, const GPtrArray *routes)
{
    Path used = {0};
    for (guint i = 0; i < routes->len; i++) {
        const Provider *at = query->from;
        const GPtrArray *route = routes->pdata[i];
        for (guint j = 0; j < route->len; j++) {
            Link *link = route->pdata[j];
            g_assert_true(route_can_cross(query, link, at));
            at = link_end_beyond(link, at)->provider;
            guint64 link_bit = G_GUINT64_CONSTANT(1) << link->index;
            guint64 bit = at == query->to ? 0 : G_GUINT64_CONSTANT(1) << at->index;
            g_assert_cmpuint(used.links & link_bit, ==, 0);
            g_assert_cmpuint(used.transit & bit, ==, 0);
            used = (Path){used.cost + route_cost(query, link), used.transit | bit,
                          used.links | link_bit};
        }
        g_assert_true(at == query->to);
    }
    return used.cost;
}

static void test_against_all_sets(void)
{
    Chance chance = {3};
    guint n_found = 0;
    for (guint i = 0; i < 3000; i++) {
        g_autoptr(Topology) topology = graph_random(&chance);
        RouteQuery query = query_between(topology, "a", "b");
        guint n_paths = 2 + chance_below(&chance, 2);
        g_autoptr(GArray) paths = g_array_new(FALSE, FALSE, sizeof(Path));
        walk(&(Walk){&query, paths}, query.from, (Path){0});
        guint64 best = best_set(paths, 0, n_paths, (Path){0});
        g_autoptr(GPtrArray) routes = route_find_disjoint(topology, &query, n_paths);
        g_assert_cmpint(routes != NULL, ==, best != G_MAXUINT64);
        if (routes) {
            g_assert_cmpuint(routes->len, ==, n_paths);
            g_assert_cmpuint(found_set(&query, routes), ==, best);
            n_found++;
        }
    }
    g_assert_cmpuint(n_found, >, 500);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/route-disjoint/as-many-as-there-are", test_as_many_as_there_are);
    g_test_add_func("/route-disjoint/the-trap", test_the_trap);
    g_test_add_func("/route-disjoint/a-shared-transit-provider", test_a_shared_transit_provider);
    g_test_add_func("/route-disjoint/links-of-neighbours", test_links_of_neighbours);
    g_test_add_func("/route-disjoint/an-interior-that-is-cut", test_an_interior_that_is_cut);
    g_test_add_func("/route-disjoint/against-all-sets", test_against_all_sets);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/routing.h"

#include "platform/route.h"
#include "tools/bench/cpu.h"
#include "tools/bench/samples.h"

static void add_provider(Topology *topology, const Network *network, guint i)
{
    Provider *provider = topology_add(topology, network_id(network, i));
    provider->is_usable = TRUE;
    topology_register(topology, provider, network_resource(network, i));
}

static void report_link(Topology *topology, const Network *network, const NetworkBorder *border)
{
    WireLinkStock stock = WIRE_LINK_STOCK_INIT;
    stock.link = border->id;
    stock.open_end = stock.capacity = NETWORK_SLOTS;
    stock.fill_bps = NETWORK_LINK_BPS;
    stock.up = TRUE;
    topology_report(topology, topology_find(topology, network_id(network, border->a)), &stock);
    topology_report(topology, topology_find(topology, network_id(network, border->b)), &stock);
}

static Topology *build(const Network *network)
{
    Topology *topology = topology_new();
    for (guint i = 0; i < network->providers->len; i++)
        add_provider(topology, network, i);
    for (guint i = 0; i < network->borders->len; i++)
        report_link(topology, network, &g_array_index(network->borders, NetworkBorder, i));
    return topology;
}

static RouteQuery query_by_chance(const Topology *topology, GRand *dice)
{
    guint n = topology->providers->len;
    guint from = (guint)g_rand_int_range(dice, 0, (gint32)n);
    guint to = (from + 1 + (guint)g_rand_int_range(dice, 0, (gint32)n - 1)) % n;
    return (RouteQuery){
        .from = topology->providers->pdata[from],
        .from_node = NETWORK_NODE,
        .to = topology->providers->pdata[to],
        .to_node = NETWORK_NODE,
        .n_slots = 4,
    };
}

static void measure_one(const Topology *topology, const RouteQuery *query, Samples *samples)
{
    gint64 start_us = cpu_self_us();
    Route *route = route_find(topology, query);
    samples_add(samples, cpu_self_us() - start_us);
    g_clear_pointer(&route, g_ptr_array_unref);
}

static void measure_two(const Topology *topology, const RouteQuery *query, Samples *samples)
{
    gint64 start_us = cpu_self_us();
    GPtrArray *routes = route_find_disjoint(topology, query, 2);
    samples_add(samples, cpu_self_us() - start_us);
    g_clear_pointer(&routes, g_ptr_array_unref);
}

// So many of a hundred links have nothing in stock: some users cannot be reached, and no search may
// take long to see that.
#define SHORT_PERCENT 40

static void make_short(const Topology *topology, GRand *dice)
{
    for (guint i = 0; i < topology->links->len; i++) {
        Link *link = topology->links->pdata[i];
        if (g_rand_int_range(dice, 0, 100) < SHORT_PERCENT)
            link->ends[0].open_end = 0;
    }
}

static json_t *quantiles(const Samples *samples)
{
    return json_pack("{s:I, s:I}", "p50_us", (json_int_t)samples_quantile(samples, 0.5), "p99_us",
                     (json_int_t)samples_quantile(samples, 0.99));
}

json_t *routing_measure(const Network *network, guint n_pairs)
{
    g_autoptr(Topology) topology = build(network);
    g_autoptr(GRand) dice = g_rand_new_with_seed(n_pairs);
    g_autoptr(Samples) one = samples_new(), two = samples_new(), scarce = samples_new();
    for (guint i = 0; i < n_pairs; i++) {
        RouteQuery query = query_by_chance(topology, dice);
        measure_one(topology, &query, one);
        measure_two(topology, &query, two);
    }
    make_short(topology, dice);
    for (guint i = 0; i < n_pairs; i++) {
        RouteQuery query = query_by_chance(topology, dice);
        measure_one(topology, &query, scarce);
    }
    json_t *measured = quantiles(one);
    json_object_set_new(measured, "disjoint", quantiles(two));
    json_object_set_new(measured, "short", quantiles(scarce));
    return measured;
}

// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/interior.h"

#include "agents/qkdn/link-store.h"
#include "agents/qkdn/rate-model.h"
#include "agents/qkdn/hops.h"

#include <string.h>

// Light in fibre with a group index of 1.5.
#define FIBRE_US_PER_KM 5

typedef struct {
    char *id;
    gboolean access;
    gboolean gateway;
    const Outage *outage;
    guint number;
} Node;

typedef struct {
    const Node *a;
    const Node *b;
    guint64 latency_us;
    guint64 low_water_bytes;
    const Outage *outage;
    LinkStore store;
} Link;

struct Interior {
    GPtrArray *nodes; // Node, in the order of the settings
    GArray *links;    // Link, likewise
    GHashTable *by_id;
    const Outage *provider;
    GPtrArray **last_routes; // for each pair of nodes: by length, numbers of links; or NULL
    HopLink *route_links;    // of the search under way; as many as links
    HopLabel *route_labels;  // likewise; as many as nodes
};

static void node_free(gpointer data)
{
    Node *node = data;
    g_free(node->id);
    g_free(node);
}

static void add_node(Interior *interior, const SimNode *settings, const Outages *outages)
{
    Node *node = g_new(Node, 1);
    *node = (Node){
        .id = g_strdup(settings->id),
        .access = settings->access,
        .gateway = settings->gateway,
        .outage = outages_find(outages, DRIVER_SCOPE_NODE, settings->id),
        .number = interior->nodes->len,
    };
    g_ptr_array_add(interior->nodes, node);
    g_hash_table_insert(interior->by_id, node->id, node);
}

static void add_link(Interior *interior, const SimLink *settings, guint64 time_scale,
                     const Outages *outages, gint64 now_us)
{
    g_autofree char *subject = g_strdup_printf("%s/%s", settings->a, settings->b);
    guint64 rate_bps = link_rate_bps(settings->rate_bps, settings->loss_db, settings->km);
    Link link = {
        .a = g_hash_table_lookup(interior->by_id, settings->a),
        .b = g_hash_table_lookup(interior->by_id, settings->b),
        .latency_us = (guint64)(settings->km * FIBRE_US_PER_KM),
        .low_water_bytes = settings->low_water_bytes,
        .outage = outages_find(outages, DRIVER_SCOPE_LINK, subject),
        .store = link_store_make(rate_bps * time_scale, settings->store_bytes,
                                 settings->initial_bytes, now_us),
    };
    g_assert(link.a && link.b && link.outage);
    g_array_append_val(interior->links, link);
}

Interior *interior_new(const SimSettings *settings, const Outages *outages, gint64 now_us)
{
    Interior *interior = g_new0(Interior, 1);
    guint n_nodes = settings->nodes->len;
    interior->nodes = g_ptr_array_new_with_free_func(node_free);
    interior->links = g_array_new(FALSE, FALSE, sizeof(Link));
    interior->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    interior->provider = outages_find(outages, DRIVER_SCOPE_PROVIDER, "");
    for (guint i = 0; i < n_nodes; i++)
        add_node(interior, settings->nodes->pdata[i], outages);
    for (guint i = 0; i < settings->links->len; i++)
        add_link(interior, settings->links->pdata[i], settings->time_scale, outages, now_us);
    interior->last_routes = g_new0(GPtrArray *, (gsize)n_nodes * n_nodes);
    interior->route_links = g_new0(HopLink, settings->links->len);
    interior->route_labels = g_new0(HopLabel, n_nodes);
    return interior;
}

void interior_free(Interior *interior)
{
    if (!interior)
        return;
    gsize n_pairs = (gsize)interior->nodes->len * interior->nodes->len;
    for (gsize i = 0; i < n_pairs; i++)
        g_clear_pointer(&interior->last_routes[i], g_ptr_array_unref);
    g_free(interior->last_routes);
    g_free(interior->route_links);
    g_free(interior->route_labels);
    g_hash_table_unref(interior->by_id);
    g_array_unref(interior->links);
    g_ptr_array_unref(interior->nodes);
    g_free(interior);
}

static Link *link_at(const Interior *interior, guint number)
{
    return &g_array_index(interior->links, Link, number);
}

static gboolean node_is_up(const Interior *interior, const Node *node)
{
    return !interior->provider->in_force && !node->outage->in_force;
}

static gboolean link_is_up(const Interior *interior, const Link *link)
{
    return !link->outage->in_force && node_is_up(interior, link->a) &&
           node_is_up(interior, link->b);
}

void interior_pass(Interior *interior, gint64 now_us)
{
    for (guint i = 0; i < interior->links->len; i++) {
        Link *link = link_at(interior, i);
        link_store_pass(&link->store, now_us, link_is_up(interior, link));
    }
}

// Which links a search may use.
typedef enum {
    USE_UP,
    USE_STOCKED,    // and hold the key
    USE_ABOVE_MARK, // and are above their low-water mark
} Use;

static gboolean link_serves(const Interior *interior, const Link *link, Use use, guint64 n_bytes)
{
    guint64 stock_bytes = link_store_bytes(&link->store);
    if (!link_is_up(interior, link))
        return FALSE;
    if (use >= USE_STOCKED && stock_bytes < n_bytes)
        return FALSE;
    return use < USE_ABOVE_MARK || stock_bytes > link->low_water_bytes;
}

static gboolean find(Interior *interior, const Node *from, const Node *to, Use use, guint64 n_bytes)
{
    for (guint i = 0; i < interior->links->len; i++) {
        const Link *link = link_at(interior, i);
        gboolean serves = link_serves(interior, link, use, n_bytes);
        interior->route_links[i] = (HopLink){
            .a = link->a->number,
            .b = link->b->number,
            // An empty link can carry a relay of nothing, hence 1 more.
            .width = serves ? link_store_bytes(&link->store) + 1 : 0,
        };
    }
    hops_search(interior->route_links, interior->links->len, interior->nodes->len, from->number,
                HOPS_FEWEST, interior->route_labels);
    return interior->route_labels[to->number].reached;
}

static void route_free(gpointer route)
{
    if (route)
        g_array_unref(route);
}

// The route of this length that the two used last; NULL until there is one.
static GArray **last_route(Interior *interior, const Node *x, const Node *y, guint n_hops)
{
    gsize low = MIN(x->number, y->number), high = MAX(x->number, y->number);
    GPtrArray **by_length = &interior->last_routes[low * interior->nodes->len + high];
    if (!*by_length)
        *by_length = g_ptr_array_new_with_free_func(route_free);
    if ((*by_length)->len <= n_hops)
        g_ptr_array_set_size(*by_length, (gint)n_hops + 1);
    return (GArray **)&(*by_length)->pdata[n_hops];
}

// By the search just done.
static gboolean still_serves(const Interior *interior, const GArray *route)
{
    for (guint i = 0; route && i < route->len; i++) {
        if (interior->route_links[g_array_index(route, guint, i)].width == 0)
            return FALSE;
    }
    return route != NULL;
}

static void spend(Interior *interior, const Node *from, const Node *to, guint64 n_bytes)
{
    guint n_hops = interior->route_labels[to->number].n_hops;
    GArray **route = last_route(interior, from, to, n_hops);
    if (!still_serves(interior, *route)) {
        g_clear_pointer(route, g_array_unref);
        *route = hops_trace(interior->route_links, interior->route_labels, to->number);
    }
    for (guint i = 0; i < n_hops; i++) {
        Link *link = link_at(interior, g_array_index(*route, guint, i));
        gboolean spent = link_store_spend(&link->store, n_bytes);
        g_assert(spent);
    }
}

Status interior_relay(Interior *interior, const char *from, const char *to, guint64 n_bytes)
{
    const Node *first = g_hash_table_lookup(interior->by_id, from);
    const Node *last = g_hash_table_lookup(interior->by_id, to);
    if (!first || !last)
        return STATUS_BAD_REQUEST;
    if (first == last)
        return node_is_up(interior, first) ? STATUS_OK : STATUS_QKDN_FAILED;
    if (find(interior, first, last, USE_ABOVE_MARK, n_bytes) ||
        find(interior, first, last, USE_STOCKED, n_bytes)) {
        spend(interior, first, last, n_bytes);
        return STATUS_OK;
    }
    return find(interior, first, last, USE_UP, n_bytes) ? STATUS_INSUFFICIENT_KEY
                                                        : STATUS_QKDN_FAILED;
}

static void describe_pair(DriverMap *map, const Node *x, const Node *y, const HopLabel *best)
{
    gboolean in_order = strcmp(x->id, y->id) < 0;
    driver_map_add_virtual_link(map, &(DriverVirtualLink){
                                         .a = in_order ? x->id : y->id,
                                         .b = in_order ? y->id : x->id,
                                         .rate_bps = best->reached ? best->width : 0,
                                         .latency_us = best->latency_us,
                                         .up = best->reached,
                                     });
}

static HopLink *links_by_rate(const Interior *interior)
{
    HopLink *links = g_new(HopLink, interior->links->len);
    for (guint i = 0; i < interior->links->len; i++) {
        const Link *link = link_at(interior, i);
        links[i] = (HopLink){
            .a = link->a->number,
            .b = link->b->number,
            .width = link_is_up(interior, link) ? link->store.rate_bps : 0,
            .latency_us = link->latency_us,
        };
    }
    return links;
}

void interior_describe(const Interior *interior, DriverMap *map)
{
    guint n_nodes = interior->nodes->len;
    g_autofree HopLink *links = links_by_rate(interior);
    g_autofree HopLabel *labels = g_new(HopLabel, n_nodes);
    for (guint i = 0; i < n_nodes; i++) {
        const Node *node = interior->nodes->pdata[i];
        driver_map_add_node(map, node->id, node->access, node->gateway);
        hops_search(links, interior->links->len, n_nodes, i, HOPS_WIDEST, labels);
        for (guint j = i + 1; j < n_nodes; j++)
            describe_pair(map, node, interior->nodes->pdata[j], &labels[j]);
    }
}

guint64 interior_stock_bytes(const Interior *interior, const char *a, const char *b)
{
    for (guint i = 0; i < interior->links->len; i++) {
        const Link *link = link_at(interior, i);
        gboolean there = g_str_equal(link->a->id, a) && g_str_equal(link->b->id, b);
        gboolean back = g_str_equal(link->a->id, b) && g_str_equal(link->b->id, a);
        if (there || back)
            return link_store_bytes(&link->store);
    }
    return 0;
}

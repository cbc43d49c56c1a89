// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/graph.h"

#include "topics/frame.h"

#include <string.h>

#define NODES_MAX 32

static gboolean is_end(const GraphLink *link, const char *provider)
{
    return strcmp(link->a, provider) == 0 || strcmp(link->b, provider) == 0;
}

// A resource whose parts live in arrays beside it.
typedef struct {
    WireResource resource;
    WireNode nodes[NODES_MAX];
    WireNode *node_pointers[NODES_MAX];
    WireBorderLink borders[NODES_MAX];
    WireBorderLink *border_pointers[NODES_MAX];
    WireVirtualLink interior[NODES_MAX * NODES_MAX];
    WireVirtualLink *interior_pointers[NODES_MAX * NODES_MAX];
} Draft;

static void add_node(Draft *draft, const char *id, gboolean is_access)
{
    gsize i = draft->resource.n_nodes++;
    g_assert_cmpuint(i, <, NODES_MAX);
    draft->nodes[i] = (WireNode)WIRE_NODE_INIT;
    draft->nodes[i].id = (char *)id;
    draft->nodes[i].access = is_access;
    draft->nodes[i].gateway = !is_access;
    draft->node_pointers[i] = &draft->nodes[i];
    for (gsize j = 0; j < i; j++) {
        gsize n = draft->resource.n_virtual_links++;
        draft->interior[n] = (WireVirtualLink)WIRE_VIRTUAL_LINK_INIT;
        draft->interior[n].a = draft->nodes[j].id;
        draft->interior[n].b = (char *)id;
        draft->interior[n].up = TRUE;
        draft->interior_pointers[n] = &draft->interior[n];
    }
}

static void add_border(Draft *draft, const GraphLink *link, const char *provider)
{
    WireBorderLink *border = &draft->borders[draft->resource.n_border_links];
    *border = (WireBorderLink)WIRE_BORDER_LINK_INIT;
    border->id = border->node = (char *)link->id;
    border->peer = (char *)(strcmp(link->a, provider) == 0 ? link->b : link->a);
    draft->border_pointers[draft->resource.n_border_links++] = border;
    add_node(draft, link->id, FALSE);
}

WireResource *graph_resource(const char *provider, const GraphLink *links, gsize n_links)
{
    g_autofree Draft *draft = g_new0(Draft, 1);
    draft->resource = (WireResource)WIRE_RESOURCE_INIT;
    draft->resource.version = 1;
    draft->resource.nodes = draft->node_pointers;
    draft->resource.border_links = draft->border_pointers;
    draft->resource.virtual_links = draft->interior_pointers;
    add_node(draft, "home", TRUE);
    for (gsize i = 0; i < n_links; i++) {
        if (is_end(&links[i], provider))
            add_border(draft, &links[i], provider);
    }
    g_autofree char *sae = g_strconcat("sae-", provider, NULL);
    WireApplication application = WIRE_APPLICATION_INIT;
    application.sae = sae;
    application.node = (char *)"home";
    application.visible = TRUE;
    draft->resource.n_applications = 1;
    draft->resource.applications = (WireApplication *[]){&application};
    return message_copy(&draft->resource.base);
}

static void register_provider(Topology *topology, const char *id, const GraphLink *links,
                              gsize n_links)
{
    Provider *provider = topology_find(topology, id);
    if (provider && provider->resource)
        return;
    if (!provider)
        provider = topology_add(topology, id);
    provider->is_usable = TRUE;
    WireResource *resource = graph_resource(id, links, n_links);
    g_autofree char *fault = topology_check(provider, resource);
    g_assert_cmpstr(fault, ==, NULL);
    topology_register(topology, provider, resource);
    for (gsize i = 0; i < n_links; i++) {
        WireLinkStock stock = WIRE_LINK_STOCK_INIT;
        stock.link = (char *)links[i].id;
        stock.open_end = links[i].n_slots;
        stock.up = TRUE;
        g_assert_cmpint(topology_report(topology, provider, &stock), ==, is_end(&links[i], id));
    }
}

void graph_register(Topology *topology, const GraphLink *links, gsize n_links)
{
    for (gsize i = 0; i < n_links; i++) {
        register_provider(topology, links[i].a, links, n_links);
        register_provider(topology, links[i].b, links, n_links);
    }
}

Topology *graph_random(Chance *chance)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    static const char *const ids[] = {"l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9"};
    GraphLink links[G_N_ELEMENTS(ids)];
    guint n_links = 3 + chance_below(chance, 8), n_names = 2 + chance_below(chance, 5);
    for (guint i = 0; i < n_links; i++) {
        guint a = chance_below(chance, n_names), b = chance_below(chance, n_names - 1);
        links[i] =
            (GraphLink){ids[i], names[a], names[b >= a ? b + 1 : b], 5 + chance_below(chance, 60)};
    }
    Topology *topology = topology_new();
    for (guint i = 0; i < n_names; i++)
        topology_add(topology, names[i]);
    graph_register(topology, links, n_links);
    for (guint i = 0; i < n_links; i++)
        graph_link(topology, ids[i])->ends[chance_below(chance, 2)].is_up =
            chance_below(chance, 10) > 0;
    return topology;
}

WireVirtualLink *graph_interior(const Topology *topology, const char *provider, const char *a,
                                const char *b)
{
    const WireResource *resource = topology_find(topology, provider)->resource;
    for (gsize i = 0; i < resource->n_virtual_links; i++) {
        WireVirtualLink *link = resource->virtual_links[i];
        if ((strcmp(link->a, a) == 0 && strcmp(link->b, b) == 0) ||
            (strcmp(link->a, b) == 0 && strcmp(link->b, a) == 0))
            return link;
    }
    g_assert_not_reached();
}

Link *graph_link(const Topology *topology, const char *link)
{
    Link *found = topology_find_link(topology, link);
    g_assert_nonnull(found);
    return found;
}

char *graph_text(const GPtrArray *route)
{
    if (!route)
        return NULL;
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < route->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", ((Link *)route->pdata[i])->id);
    return g_string_free(text, FALSE);
}

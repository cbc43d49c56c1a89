// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/network.h"

#include "topics/frame.h"

static void clear_border(gpointer data)
{
    g_free(((NetworkBorder *)data)->id);
}

static Network *network_new(void)
{
    Network *network = g_new(Network, 1);
    network->providers = g_ptr_array_new_with_free_func(g_free);
    network->borders = g_array_new(FALSE, FALSE, sizeof(NetworkBorder));
    g_array_set_clear_func(network->borders, clear_border);
    return network;
}

void network_free(Network *network)
{
    if (!network)
        return;
    g_ptr_array_unref(network->providers);
    g_array_unref(network->borders);
    g_free(network);
}

static void add_border(Network *network, char *id, guint a, guint b)
{
    NetworkBorder border = {id, a, b};
    g_array_append_val(network->borders, border);
}

Network *network_new_detour(void)
{
    enum { WEST, NORTH, SOUTH, SOUTHEAST, EAST, N };
    static const char *const names[N] = {"west", "north", "south", "southeast", "east"};
    static const guint pairs[][2] = {
        {WEST, NORTH}, {NORTH, EAST}, {WEST, SOUTH}, {SOUTH, SOUTHEAST}, {SOUTHEAST, EAST}};
    Network *network = network_new();
    for (guint i = 0; i < N; i++)
        g_ptr_array_add(network->providers, g_strdup(names[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        add_border(network, g_strdup_printf("%s-%s", names[pairs[i][0]], names[pairs[i][1]]),
                   pairs[i][0], pairs[i][1]);
    return network;
}

Network *network_new_random(guint n_providers)
{
    Network *network = network_new();
    g_autoptr(GRand) dice = g_rand_new_with_seed(n_providers);
    for (guint i = 0; i < n_providers; i++) {
        g_ptr_array_add(network->providers, g_strdup_printf("p%u", i));
        add_border(network, g_strdup_printf("ring-%u", i), i, (i + 1) % n_providers);
    }
    for (guint i = 0; i < n_providers; i++) {
        guint far = 1 + (guint)g_rand_int_range(dice, 0, (gint32)n_providers - 1);
        add_border(network, g_strdup_printf("chord-%u", i), i, (i + far) % n_providers);
    }
    return network;
}

const char *network_id(const Network *network, guint provider)
{
    return network->providers->pdata[provider];
}

char *network_sae(const Network *network, guint provider)
{
    return g_strconcat("sae-", network_id(network, provider), NULL);
}

static void add_links(const Network *network, guint provider, WireResource *resource)
{
    for (guint i = 0; i < network->borders->len; i++) {
        const NetworkBorder *border = &g_array_index(network->borders, NetworkBorder, i);
        if (border->a != provider && border->b != provider)
            continue;
        WireBorderLink *link = g_new(WireBorderLink, 1);
        *link = (WireBorderLink)WIRE_BORDER_LINK_INIT;
        link->id = border->id;
        link->node = (char *)NETWORK_NODE;
        link->peer = (char *)network_id(network, border->a == provider ? border->b : border->a);
        link->rate_bps = NETWORK_LINK_BPS;
        resource->border_links[resource->n_border_links++] = link;
    }
}

WireResource *network_resource(const Network *network, guint provider)
{
    g_autofree char *sae = network_sae(network, provider);
    g_autofree WireBorderLink **links = g_new(WireBorderLink *, network->borders->len);
    WireNode node = WIRE_NODE_INIT, *nodes[] = {&node};
    node.id = (char *)NETWORK_NODE;
    node.access = node.gateway = TRUE;
    WireApplication application = WIRE_APPLICATION_INIT, *applications[] = {&application};
    application.sae = sae;
    application.node = node.id;
    application.visible = TRUE;
    WireResource resource = WIRE_RESOURCE_INIT;
    resource.version = 1;
    resource.n_nodes = resource.n_applications = 1;
    resource.nodes = nodes;
    resource.applications = applications;
    resource.border_links = links;
    add_links(network, provider, &resource);
    WireResource *copy = message_copy(&resource.base);
    for (gsize i = 0; i < resource.n_border_links; i++)
        g_free(links[i]);
    return copy;
}

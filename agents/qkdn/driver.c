// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/driver.h"

const char *const driver_scope_names[] = {
    [DRIVER_SCOPE_LINK] = "link",
    [DRIVER_SCOPE_NODE] = "node",
    [DRIVER_SCOPE_BORDER] = "border",
    [DRIVER_SCOPE_PROVIDER] = "provider",
    NULL,
};

static void node_free(gpointer data)
{
    DriverNode *node = data;
    g_free(node->id);
    g_free(node);
}

static void border_free(gpointer data)
{
    DriverBorder *border = data;
    g_free(border->id);
    g_free(border->node);
    g_free(border->peer);
    g_free(border);
}

static void virtual_link_free(gpointer data)
{
    DriverVirtualLink *link = data;
    g_free(link->a);
    g_free(link->b);
    g_free(link);
}

DriverMap *driver_map_new(void)
{
    DriverMap *map = g_new(DriverMap, 1);
    map->nodes = g_ptr_array_new_with_free_func(node_free);
    map->borders = g_ptr_array_new_with_free_func(border_free);
    map->virtual_links = g_ptr_array_new_with_free_func(virtual_link_free);
    return map;
}

void driver_map_free(DriverMap *map)
{
    if (!map)
        return;
    g_ptr_array_unref(map->nodes);
    g_ptr_array_unref(map->borders);
    g_ptr_array_unref(map->virtual_links);
    g_free(map);
}

void driver_map_add_node(DriverMap *map, const char *id, gboolean access, gboolean gateway)
{
    DriverNode *node = g_new(DriverNode, 1);
    *node = (DriverNode){g_strdup(id), access, gateway};
    g_ptr_array_add(map->nodes, node);
}

void driver_map_add_border(DriverMap *map, const DriverBorder *border)
{
    DriverBorder *copy = g_new(DriverBorder, 1);
    *copy = *border;
    copy->id = g_strdup(border->id);
    copy->node = g_strdup(border->node);
    copy->peer = g_strdup(border->peer);
    g_ptr_array_add(map->borders, copy);
}

void driver_map_add_virtual_link(DriverMap *map, const DriverVirtualLink *link)
{
    DriverVirtualLink *copy = g_new(DriverVirtualLink, 1);
    *copy = *link;
    copy->a = g_strdup(link->a);
    copy->b = g_strdup(link->b);
    g_ptr_array_add(map->virtual_links, copy);
}

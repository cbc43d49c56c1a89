// SPDX-License-Identifier: Apache-2.0
//
// What no provider can register.

#include "platform/topology.h"

#include "topics/base/id.h"

#include <string.h>

// What one provider may register.
#define NODES_MAX         1000
#define LINKS_MAX         1000
#define VIRTUAL_LINKS_MAX 100000
#define APPLICATIONS_MAX  10000
#define KME_URL_MAX       256
#define TEXT_MAX          64
#define SHA256_BYTES      32

// A set that takes each valid ID once.
static char *check_id(GHashTable *seen, const char *what, const char *id)
{
    if (!id_is_valid(id))
        return g_strdup_printf("%s '%.64s' is no valid ID", what, id);
    if (!g_hash_table_add(seen, (gpointer)id))
        return g_strdup_printf("%s '%s' is registered twice", what, id);
    return NULL;
}

static char *check_sizes(const WireResource *resource)
{
    if (resource->n_nodes > NODES_MAX || resource->n_border_links > LINKS_MAX ||
        resource->n_virtual_links > VIRTUAL_LINKS_MAX ||
        resource->n_applications > APPLICATIONS_MAX)
        return g_strdup_printf("more than %d nodes, %d border links, %d virtual links or %d "
                               "applications",
                               NODES_MAX, LINKS_MAX, VIRTUAL_LINKS_MAX, APPLICATIONS_MAX);
    return NULL;
}

// As long as an agent's own settings allow.
static char *check_texts(const WireResource *resource)
{
    if (strlen(resource->kme_url) > KME_URL_MAX)
        return g_strdup_printf("kme_url is longer than %d bytes", KME_URL_MAX);
    if (resource->kme_id[0] && !id_is_valid(resource->kme_id))
        return g_strdup_printf("kme_id '%.64s' is no valid ID", resource->kme_id);
    if (strlen(resource->region) > TEXT_MAX)
        return g_strdup_printf("region is longer than %d bytes", TEXT_MAX);
    for (gsize i = 0; i < resource->n_applications; i++) {
        if (strlen(resource->applications[i]->service) > TEXT_MAX)
            return g_strdup_printf("a service is longer than %d bytes", TEXT_MAX);
    }
    return NULL;
}

static char *check_border(const Provider *provider, GHashTable *nodes, const WireBorderLink *border)
{
    if (!g_hash_table_contains(nodes, border->node))
        return g_strdup_printf("border link '%s' ends at '%.64s', which is no registered node",
                               border->id, border->node);
    if (!id_is_valid(border->peer) || strcmp(border->peer, provider->id) == 0)
        return g_strdup_printf("border link '%s' leads to '%.64s', which is no neighbour",
                               border->id, border->peer);
    return NULL;
}

static char *find_fault(const Provider *provider, const WireResource *resource)
{
    g_autoptr(GHashTable) nodes = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) links = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) saes = g_hash_table_new(g_str_hash, g_str_equal);
    char *fault = check_sizes(resource);
    if (!fault)
        fault = check_texts(resource);
    for (gsize i = 0; !fault && i < resource->n_nodes; i++)
        fault = check_id(nodes, "node", resource->nodes[i]->id);
    for (gsize i = 0; !fault && i < resource->n_border_links; i++) {
        fault = check_id(links, "border link", resource->border_links[i]->id);
        if (!fault)
            fault = check_border(provider, nodes, resource->border_links[i]);
    }
    for (gsize i = 0; !fault && i < resource->n_applications; i++) {
        const WireApplication *application = resource->applications[i];
        fault = check_id(saes, "application", application->sae);
        gsize n_sha256 = application->certificate_sha256.len;
        if (!fault && n_sha256 != 0 && n_sha256 != SHA256_BYTES)
            fault = g_strdup_printf("certificate_sha256 of '%s' has %zu bytes; expected %d",
                                    application->sae, n_sha256, SHA256_BYTES);
        if (!fault && !g_hash_table_contains(nodes, application->node))
            fault = g_strdup_printf("application '%s' is attached to '%.64s', which is no "
                                    "registered node",
                                    application->sae, application->node);
    }
    return fault;
}

char *topology_check(const Provider *provider, const WireResource *resource)
{
    g_autofree char *fault = find_fault(provider, resource);
    // What was quoted may be cut within a character, and no frame carries that.
    return fault ? g_utf8_make_valid(fault, -1) : NULL;
}

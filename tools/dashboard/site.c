// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/site.h"

#include "tools/contract/contract.h"
#if DASHBOARD_IS_BUILT
#include "tools/dashboard/page-resources.h"
#endif

#include <gio/gio.h>
#include <string.h>

#define PREFIX "/qkdnf/dashboard"

struct Site {
    GHashTable *files; // path → GBytes
};

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
    {".json", "application/json"},
};

gboolean site_is_built(void)
{
    return DASHBOARD_IS_BUILT;
}

static void add_contract(gpointer data, const char *name, const char *text)
{
    Site *site = data;
    g_hash_table_insert(site->files, g_strconcat("/contract/", name, NULL),
                        g_bytes_new(text, strlen(text)));
}

#if DASHBOARD_IS_BUILT
static void add_page(Site *site)
{
    g_auto(GStrv) names = g_resource_enumerate_children(page_get_resource(), PREFIX,
                                                        G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    for (char **name = names; name && *name; name++) {
        g_autofree char *path = g_strconcat(PREFIX "/", *name, NULL);
        GBytes *bytes =
            g_resource_lookup_data(page_get_resource(), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
        g_hash_table_insert(site->files, g_strconcat("/", *name, NULL), bytes);
    }
}
#else
static void add_page(Site *site) {}
#endif

Site *site_new(void)
{
    Site *site = g_new0(Site, 1);
    site->files =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    contract_for_each(add_contract, site);
    add_page(site);
    return site;
}

void site_free(Site *site)
{
    if (!site)
        return;
    g_hash_table_unref(site->files);
    g_free(site);
}

GBytes *site_find(const Site *site, const char *path)
{
    return g_hash_table_lookup(site->files, strcmp(path, "/") == 0 ? "/index.html" : path);
}

const char *site_content_type(const char *path)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_has_suffix(path, types[i].ending))
            return types[i].type;
    }
    return strcmp(path, "/") == 0 ? types[0].type : "text/plain; charset=utf-8";
}

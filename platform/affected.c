// SPDX-License-Identifier: Apache-2.0

#include "platform/affected.h"
#include "topics/base/id.h"

struct Affected {
    GHashTable *sets[N_AFFECTED_BY]; // name → GTree: ID → how often it was added
};

Affected *affected_new(void)
{
    Affected *affected = g_new0(Affected, 1);
    for (guint by = 0; by < N_AFFECTED_BY; by++)
        affected->sets[by] =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_tree_unref);
    return affected;
}

void affected_free(Affected *affected)
{
    if (!affected)
        return;
    for (guint by = 0; by < N_AFFECTED_BY; by++)
        g_hash_table_unref(affected->sets[by]);
    g_free(affected);
}

static GTree *find_set(const Affected *affected, AffectedBy by, const char *name)
{
    return g_hash_table_lookup(affected->sets[by], name);
}

void affected_add(Affected *affected, AffectedBy by, const char *name, const char *id)
{
    GTree *set = find_set(affected, by, name);
    if (!set) {
        set = g_tree_new_full(id_compare, NULL, NULL, NULL);
        g_hash_table_insert(affected->sets[by], g_strdup(name), set);
    }
    guint n = GPOINTER_TO_UINT(g_tree_lookup(set, id));
    g_tree_insert(set, (gpointer)id, GUINT_TO_POINTER(n + 1));
}

void affected_remove(Affected *affected, AffectedBy by, const char *name, const char *id)
{
    GTree *set = find_set(affected, by, name);
    guint n = set ? GPOINTER_TO_UINT(g_tree_lookup(set, id)) : 0;
    if (n > 1) {
        g_tree_insert(set, (gpointer)id, GUINT_TO_POINTER(n - 1));
    } else if (n == 1) {
        g_tree_remove(set, id);
        if (g_tree_nnodes(set) == 0)
            g_hash_table_remove(affected->sets[by], name);
    }
}

guint affected_count(const Affected *affected, AffectedBy by, const char *name)
{
    GTree *set = find_set(affected, by, name);
    return set ? (guint)g_tree_nnodes(set) : 0;
}

static gboolean list_one(gpointer key, gpointer value, gpointer data)
{
    g_strv_builder_add(data, key);
    return FALSE;
}

char **affected_find(const Affected *affected, AffectedBy by, const char *name)
{
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    GTree *set = find_set(affected, by, name);
    if (set)
        g_tree_foreach(set, list_one, ids);
    return g_strv_builder_end(ids);
}

// SPDX-License-Identifier: Apache-2.0

#include "topics/base/store.h"

struct StoreDisk {
    GHashTable *tables; // name → GTree of key bytes → value bytes
};

static int compare_keys(gconstpointer a, gconstpointer b, gpointer data)
{
    return g_bytes_compare(a, b);
}

StoreDisk *store_disk_new(void)
{
    StoreDisk *disk = g_new0(StoreDisk, 1);
    disk->tables =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_tree_unref);
    return disk;
}

void store_disk_free(StoreDisk *disk)
{
    if (!disk)
        return;
    g_hash_table_unref(disk->tables);
    g_free(disk);
}

static GTree *disk_table(StoreDisk *disk, const char *name)
{
    GTree *table = g_hash_table_lookup(disk->tables, name);
    if (!table) {
        table = g_tree_new_full(compare_keys, NULL, (GDestroyNotify)g_bytes_unref,
                                (GDestroyNotify)g_bytes_unref);
        g_hash_table_insert(disk->tables, g_strdup(name), table);
    }
    return table;
}

static gboolean memory_load(gpointer backend, const char *table, StoreLoadFn fn, gpointer data,
                            GError **error)
{
    GTree *tree = disk_table(backend, table);
    for (GTreeNode *node = g_tree_node_first(tree); node; node = g_tree_node_next(node))
        fn(data, g_tree_node_key(node), g_tree_node_value(node));
    return TRUE;
}

static gboolean memory_commit(gpointer backend, const StoreChange *changes, gsize n_changes,
                              GError **error)
{
    for (gsize i = 0; i < n_changes; i++) {
        GTree *tree = disk_table(backend, changes[i].table);
        if (changes[i].value)
            g_tree_replace(tree, g_bytes_ref(changes[i].key), g_bytes_ref(changes[i].value));
        else
            g_tree_remove(tree, changes[i].key);
    }
    return TRUE;
}

static void memory_free(gpointer backend)
{
    // The disk outlives the store.
}

Store *store_new_memory(StoreDisk *disk)
{
    static const StoreBackend backend = {memory_load, memory_commit, NULL, memory_free};
    return store_new(&backend, disk);
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/lagging.h"

typedef struct {
    Store *inner;
    GPtrArray *late; // StoreChange
} Lagging;

static void change_free(gpointer data)
{
    StoreChange *change = data;
    g_bytes_unref(change->key);
    g_clear_pointer(&change->value, g_bytes_unref);
    g_free(change);
}

static gboolean lagging_load(gpointer backend, const char *table, StoreLoadFn fn, gpointer data,
                             GError **error)
{
    return store_load(((Lagging *)backend)->inner, table, fn, data, error);
}

static gboolean lagging_commit(gpointer backend, const StoreChange *changes, gsize n_changes,
                               GError **error)
{
    Lagging *lagging = backend;
    for (guint i = 0; i < lagging->late->len; i++) {
        const StoreChange *change = lagging->late->pdata[i];
        if (change->value)
            store_put(lagging->inner, change->table, change->key, change->value);
        else
            store_delete(lagging->inner, change->table, change->key);
    }
    g_ptr_array_set_size(lagging->late, 0);
    for (gsize i = 0; i < n_changes; i++) {
        StoreChange *late = g_memdup2(&changes[i], sizeof changes[i]);
        g_bytes_ref(late->key);
        if (late->value)
            g_bytes_ref(late->value);
        g_ptr_array_add(lagging->late, late);
    }
    return store_commit(lagging->inner, error);
}

static void lagging_free(gpointer backend)
{
    Lagging *lagging = backend;
    g_ptr_array_unref(lagging->late);
    store_free(lagging->inner);
    g_free(lagging);
}

Store *store_new_lagging(StoreDisk *disk)
{
    static const StoreBackend backend = {lagging_load, lagging_commit, NULL, lagging_free};
    Lagging *lagging = g_new(Lagging, 1);
    *lagging = (Lagging){store_new_memory(disk), g_ptr_array_new_with_free_func(change_free)};
    return store_new(&backend, lagging);
}

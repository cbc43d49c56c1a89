// SPDX-License-Identifier: Apache-2.0

#include "topics/base/store.h"

#include <string.h>

const char *const store_sync_names[] = {
    [STORE_SYNC_FULL] = "full",
    [STORE_SYNC_OFF] = "off",
    NULL,
};

struct Store {
    const StoreBackend *backend;
    gpointer backend_data;
    GHashTable *pending; // StoreChange as its own key: the last change to a record wins
    GPtrArray *order;    // the same changes, oldest first, so that commits are deterministic
};

static guint change_hash(gconstpointer key)
{
    const StoreChange *change = key;
    return g_str_hash(change->table) ^ g_bytes_hash(change->key);
}

static gboolean change_equal(gconstpointer a, gconstpointer b)
{
    const StoreChange *x = a, *y = b;
    return strcmp(x->table, y->table) == 0 && g_bytes_equal(x->key, y->key);
}

static void change_free(gpointer data)
{
    StoreChange *change = data;
    g_bytes_unref(change->key);
    g_clear_pointer(&change->value, g_bytes_unref);
    g_free(change);
}

Store *store_new(const StoreBackend *backend, gpointer backend_data)
{
    Store *store = g_new0(Store, 1);
    store->backend = backend;
    store->backend_data = backend_data;
    store->pending = g_hash_table_new(change_hash, change_equal);
    store->order = g_ptr_array_new_with_free_func(change_free);
    return store;
}

void store_free(Store *store)
{
    if (!store)
        return;
    g_hash_table_unref(store->pending);
    g_ptr_array_unref(store->order);
    store->backend->free(store->backend_data);
    g_free(store);
}

gboolean store_load(Store *store, const char *table, StoreLoadFn fn, gpointer data, GError **error)
{
    g_assert(!store_is_dirty(store));
    return store->backend->load(store->backend_data, table, fn, data, error);
}

static void change_record(Store *store, const char *table, GBytes *key, GBytes *value)
{
    StoreChange probe = {.table = table, .key = key};
    StoreChange *change = g_hash_table_lookup(store->pending, &probe);
    if (!change) {
        change = g_new0(StoreChange, 1);
        change->table = table;
        change->key = g_bytes_ref(key);
        g_hash_table_add(store->pending, change);
        g_ptr_array_add(store->order, change);
    }
    g_clear_pointer(&change->value, g_bytes_unref);
    change->value = value ? g_bytes_ref(value) : NULL;
}

void store_put(Store *store, const char *table, GBytes *key, GBytes *value)
{
    g_assert(value);
    change_record(store, table, key, value);
}

void store_put_text(Store *store, const char *table, const char *key, GBytes *value)
{
    g_autoptr(GBytes) bytes = g_bytes_new(key, strlen(key));
    store_put(store, table, bytes, value);
}

void store_delete(Store *store, const char *table, GBytes *key)
{
    change_record(store, table, key, NULL);
}

void store_delete_text(Store *store, const char *table, const char *key)
{
    g_autoptr(GBytes) bytes = g_bytes_new(key, strlen(key));
    store_delete(store, table, bytes);
}

gboolean store_commit(Store *store, GError **error)
{
    if (!store_is_dirty(store))
        return TRUE;
    g_autofree StoreChange *changes = g_new(StoreChange, store->order->len);
    for (guint i = 0; i < store->order->len; i++)
        changes[i] = *(StoreChange *)store->order->pdata[i];
    if (!store->backend->commit(store->backend_data, changes, store->order->len, error))
        return FALSE;
    g_hash_table_remove_all(store->pending);
    g_ptr_array_set_size(store->order, 0);
    return TRUE;
}

gboolean store_is_dirty(const Store *store)
{
    return store->order->len > 0;
}

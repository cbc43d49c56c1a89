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
    GHashTable *pending; // Pending as its own key: the last change to a record wins
    GPtrArray *order;    // the same changes, oldest first, so that commits are deterministic
};

typedef struct {
    StoreChange change;
    StoreValueFn make; // NULL: the value is what is in the change
    gpointer data;     // of it
} Pending;

static guint change_hash(gconstpointer key)
{
    const StoreChange *change = &((const Pending *)key)->change;
    return g_str_hash(change->table) ^ g_bytes_hash(change->key);
}

static gboolean change_equal(gconstpointer a, gconstpointer b)
{
    const StoreChange *x = &((const Pending *)a)->change, *y = &((const Pending *)b)->change;
    return strcmp(x->table, y->table) == 0 && g_bytes_equal(x->key, y->key);
}

static void pending_free(gpointer data)
{
    Pending *pending = data;
    g_bytes_unref(pending->change.key);
    g_clear_pointer(&pending->change.value, g_bytes_unref);
    g_free(pending);
}

Store *store_new(const StoreBackend *backend, gpointer backend_data)
{
    Store *store = g_new0(Store, 1);
    store->backend = backend;
    store->backend_data = backend_data;
    store->pending = g_hash_table_new(change_hash, change_equal);
    store->order = g_ptr_array_new_with_free_func(pending_free);
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

static Pending *change_record(Store *store, const char *table, GBytes *key, GBytes *value)
{
    Pending probe = {.change = {.table = table, .key = key}};
    Pending *pending = g_hash_table_lookup(store->pending, &probe);
    if (!pending) {
        pending = g_new0(Pending, 1);
        pending->change.table = table;
        pending->change.key = g_bytes_ref(key);
        g_hash_table_add(store->pending, pending);
        g_ptr_array_add(store->order, pending);
    }
    g_clear_pointer(&pending->change.value, g_bytes_unref);
    pending->change.value = value ? g_bytes_ref(value) : NULL;
    pending->make = NULL;
    return pending;
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

void store_put_late(Store *store, const char *table, const char *key, StoreValueFn fn,
                    gpointer data)
{
    g_autoptr(GBytes) bytes = g_bytes_new(key, strlen(key));
    Pending *pending = change_record(store, table, bytes, NULL);
    pending->make = fn;
    pending->data = data;
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

static const StoreChange *settle(Pending *pending)
{
    if (pending->make)
        pending->change.value = pending->make(pending->data);
    pending->make = NULL;
    return &pending->change;
}

gboolean store_commit(Store *store, GError **error)
{
    if (!store_is_dirty(store))
        return TRUE;
    g_autofree StoreChange *changes = g_new(StoreChange, store->order->len);
    for (guint i = 0; i < store->order->len; i++)
        changes[i] = *settle(store->order->pdata[i]);
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

gboolean store_forget(Store *store, GError **error)
{
    return !store->backend->forget || store->backend->forget(store->backend_data, error);
}

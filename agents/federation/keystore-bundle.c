// SPDX-License-Identifier: Apache-2.0
//
// Which keys are in one record. A record for each costs the disk many times what it holds, since
// they go by random IDs; one for all of a large request would be written whole when one key leaves.

#include "agents/federation/keystore-core.h"

#include <string.h>

#define BUNDLE_KEYS_MAX  64
#define BUNDLE_BYTES_MAX 16384

// From this size on a grant is recorded beside it.
#define BUNDLE_LARGE_BYTES 1024

guint key_bundle_size(gsize n_key_bytes)
{
    return (guint)CLAMP(BUNDLE_BYTES_MAX / MAX(n_key_bytes, 1), 1, BUNDLE_KEYS_MAX);
}

KeyBundle *key_bundle_new(KeyStore *keys, const char *name, gboolean is_alone)
{
    KeyBundle *bundle = g_new0(KeyBundle, 1);
    bundle->keys = keys;
    bundle->name = g_strdup(name);
    bundle->held = g_ptr_array_new();
    bundle->is_alone = is_alone;
    g_hash_table_insert(keys->bundles, bundle->name, bundle);
    return bundle;
}

// Under its own ID stands a key that is alone; other keys may still stand under any longer name.
KeyBundle *key_bundle_open(KeyStore *keys, const char *first_id, guint n_together)
{
    if (n_together == 1)
        return key_bundle_new(keys, first_id, TRUE);
    g_autoptr(GString) name = g_string_new(first_id);
    do
        g_string_append_c(name, '+');
    while (g_hash_table_contains(keys->bundles, name->str));
    return key_bundle_new(keys, name->str, FALSE);
}

void key_bundle_free(gpointer data)
{
    KeyBundle *bundle = data;
    g_clear_pointer(&bundle->sealed, g_bytes_unref);
    g_ptr_array_unref(bundle->held);
    g_free(bundle->name);
    g_free(bundle);
}

void key_bundle_add(KeyBundle *bundle, Key *key)
{
    g_clear_pointer(&bundle->sealed, g_bytes_unref);
    g_ptr_array_add(bundle->held, key);
    key->bundle = bundle;
}

// Its record says by itself whether the keys are granted.
static void forget_grant(KeyBundle *bundle)
{
    if (bundle->is_granted)
        store_delete_text(bundle->keys->store, "granted", bundle->name);
    bundle->is_granted = FALSE;
}

static void bundle_save(KeyBundle *bundle)
{
    forget_grant(bundle);
    store_put_late(bundle->keys->store, "key", bundle->name, key_bundle_pack, bundle);
}

void key_save(const Key *key)
{
    bundle_save(key->bundle);
}

void key_save_grant(const Key *key)
{
    KeyBundle *bundle = key->bundle;
    if (bundle->is_granted)
        return;
    if (bundle->is_alone || bundle->held->len * key->key->n_bytes < BUNDLE_LARGE_BYTES) {
        bundle_save(bundle);
        return;
    }
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    store_put_text(bundle->keys->store, "granted", bundle->name, nothing);
    bundle->is_granted = TRUE;
}

void key_unsave(Key *key)
{
    KeyBundle *bundle = g_steal_pointer(&key->bundle);
    g_clear_pointer(&bundle->sealed, g_bytes_unref);
    g_ptr_array_remove(bundle->held, key);
    if (bundle->held->len > 0) {
        bundle_save(bundle);
        return;
    }
    forget_grant(bundle);
    store_delete_text(bundle->keys->store, "key", bundle->name);
    g_hash_table_remove(bundle->keys->bundles, bundle->name);
}

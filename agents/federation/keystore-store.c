// SPDX-License-Identifier: Apache-2.0
//
// Keys in the store, sealed.

#include "agents/federation/keystore-core.h"

#include "topics/record.h"
#include "agents/federation/seal.h"
#include "topics/frame.h"

#include <string.h>

// What the sealed bytes belong to: the key ID, all applications that may ever have it, and in a
// session its place there.
static char *key_place(const Key *key)
{
    const KeyState *state = key->state;
    GString *place = g_string_new(key->id);
    g_string_append_printf(place, " %s", state->initiator);
    for (gsize i = 0; i < state->n_targets; i++)
        g_string_append_printf(place, " %s", state->targets[i]);
    if (state->session[0])
        g_string_append_printf(place, " %s/%" G_GUINT64_FORMAT, state->session, state->number);
    return g_string_free(place, FALSE);
}

void key_save(KeyStore *keys, const Key *key)
{
    g_autoptr(GBytes) value = message_pack(&key->state->base);
    store_put_text(keys->store, "key", key->id, value);
}

void key_seal(KeyStore *keys, Key *key)
{
    g_autofree char *place = key_place(key);
    g_autoptr(GBytes) sealed = seal(keys->master_key, keys->random, place, key->key);
    gsize n_bytes = 0;
    gconstpointer bytes = g_bytes_get_data(sealed, &n_bytes);
    // Freed by protobuf-c, which allocates with malloc().
    ProtobufCBinaryData *field = &key->state->sealed;
    free(field->data);
    field->data = malloc(n_bytes);
    g_assert(field->data);
    memcpy(field->data, bytes, n_bytes);
    field->len = n_bytes;
}

typedef struct {
    KeyStore *keys;
    GPtrArray *loaded; // Key
} Unsorted;

static void load_key(gpointer data, GBytes *name, GBytes *value)
{
    RecordLoading *loading = data;
    Unsorted *unsorted = loading->core;
    g_autofree char *id = record_name(name);
    Key *key = g_new0(Key, 1);
    key->state = record_unpack(&agent__state__key__descriptor, value);
    if (key->state && strlen(id) == UUID_CHARS &&
        (!key_is_copy(key) || uuid_is_valid(key->state->copied_request))) {
        memcpy(key->id, id, UUID_CHARS);
        g_autofree char *place = key_place(key);
        const ProtobufCBinaryData *sealed = &key->state->sealed;
        key->key = unseal(unsorted->keys->master_key, place, sealed->data, sealed->len);
    }
    if (key->key) {
        g_ptr_array_add(unsorted->loaded, key);
        return;
    }
    record_fail(loading, "key", id,
                "is damaged, or sealed with another master key: give the one that belongs to "
                "this store");
    key_free(key);
}

// Oldest first, as they were before: by expiry, then by their place in the request.
static int compare_age(gconstpointer a, gconstpointer b)
{
    const KeyState *x = (*(Key *const *)a)->state, *y = (*(Key *const *)b)->state;
    if (x->expires_at_us != y->expires_at_us)
        return x->expires_at_us < y->expires_at_us ? -1 : 1;
    int order = strcmp(x->request, y->request);
    return order != 0 ? order : (int)x->index - (int)y->index;
}

gboolean keystore_load(KeyStore *keys, GError **error)
{
    g_autoptr(GPtrArray) loaded = g_ptr_array_new();
    Unsorted unsorted = {keys, loaded};
    gboolean ok = record_load(keys->store, "key", load_key, &unsorted, error);
    g_ptr_array_sort(loaded, compare_age);
    for (guint i = 0; i < loaded->len; i++)
        key_insert(keys, loaded->pdata[i]);
    return ok;
}

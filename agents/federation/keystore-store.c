// SPDX-License-Identifier: Apache-2.0
//
// Keys in the store, sealed.

#include "agents/federation/keystore-core.h"

#include "topics/record.h"
#include "agents/federation/seal.h"
#include "topics/frame.h"

#include <string.h>

typedef Agent__State__KeyMember MemberState;

// --- out -----------------------------------------------------------------------------------------

// What the sealed bytes belong to: the key ID, for several keys the name of their record and what
// their IDs are derived from; all applications that may ever have them, and in a session their
// place.
static char *record_place(const char *name, const KeyState *state)
{
    GString *place = g_string_new(name);
    if (state->n_members > 0)
        g_string_append_printf(place, " %s/%u", state->request, state->attempt);
    for (gsize i = 0; i < state->n_members; i++)
        g_string_append_printf(place, "%c%u", i == 0 ? '/' : ',', state->members[i]->index);
    g_string_append_printf(place, " %s", state->initiator);
    for (gsize i = 0; i < state->n_targets; i++)
        g_string_append_printf(place, " %s", state->targets[i]);
    if (state->session[0])
        g_string_append_printf(place, " %s/%" G_GUINT64_FORMAT, state->session, state->number);
    return g_string_free(place, FALSE);
}

static gboolean has_same_holders(const KeyState *a, const KeyState *b)
{
    gboolean is_same = a->n_holders == b->n_holders;
    for (gsize i = 0; is_same && i < a->n_holders; i++) {
        const HolderState *x = a->holders[i], *y = b->holders[i];
        is_same = !x->delivered == !y->delivered && !x->is_initiator == !y->is_initiator &&
                  strcmp(x->sae, y->sae) == 0;
    }
    return is_same;
}

static MemberState describe_member(const KeyState *first, const KeyState *state)
{
    MemberState member = AGENT__STATE__KEY_MEMBER__INIT;
    member.index = state->index;
    if (!state->ready == !first->ready && state->expires_at_us == first->expires_at_us &&
        has_same_holders(first, state))
        return member;
    member.n_holders = state->n_holders;
    member.holders = state->holders;
    member.ready = state->ready;
    member.expires_at_us = state->expires_at_us;
    return member;
}

static Secret *join_keys(const KeyBundle *bundle)
{
    const Key *first = bundle->held->pdata[0];
    gsize n_key_bytes = first->key->n_bytes;
    Secret *bytes = secret_new(bundle->held->len * n_key_bytes);
    for (guint i = 0; i < bundle->held->len; i++)
        memcpy(bytes->data + i * n_key_bytes, ((const Key *)bundle->held->pdata[i])->key->data,
               n_key_bytes);
    return bytes;
}

static GBytes *seal_bundle(const KeyBundle *bundle, const KeyState *state)
{
    const KeyStore *keys = bundle->keys;
    g_autofree char *place = record_place(bundle->name, state);
    g_autoptr(Secret) bytes = join_keys(bundle);
    return seal(keys->master_key, keys->random, place, bytes);
}

// Neither the bytes nor their place change when they are granted.
static GBytes *seal_and_pack(KeyBundle *bundle, KeyState *state)
{
    g_autoptr(GBytes) sealed = g_steal_pointer(&bundle->sealed);
    if (!sealed)
        sealed = seal_bundle(bundle, state);
    state->sealed.data = (guint8 *)g_bytes_get_data(sealed, &state->sealed.len);
    if (!state->ready)
        bundle->sealed = g_bytes_ref(sealed);
    return message_pack(&state->base);
}

GBytes *key_bundle_pack(gpointer data)
{
    KeyBundle *bundle = data;
    guint n = bundle->held->len;
    g_autofree MemberState *members = g_new(MemberState, n);
    g_autofree MemberState **pointers = g_new(MemberState *, n);
    KeyState state = *((const Key *)bundle->held->pdata[0])->state;
    for (guint i = 0; i < n; i++) {
        members[i] = describe_member(&state, ((const Key *)bundle->held->pdata[i])->state);
        pointers[i] = &members[i];
    }
    if (!bundle->is_alone) {
        state.n_members = n;
        state.members = pointers;
    }
    return seal_and_pack(bundle, &state);
}

// --- in ------------------------------------------------------------------------------------------

typedef struct {
    KeyStore *keys;
    GPtrArray *loaded;   // Key
    GHashTable *ids;     // of these
    GHashTable *granted; // names of bundles
} Unsorted;

static gboolean has_fair_members(const KeyState *state)
{
    if (state->n_members > 0 && !uuid_is_valid(state->request))
        return FALSE;
    for (gsize i = 1; i < state->n_members; i++) {
        if (state->members[i]->index <= state->members[i - 1]->index)
            return FALSE;
    }
    return state->n_members == 0 || state->members[0]->index == state->index;
}

// As one key, with the bytes that stand at its place.
static Key *key_new_member(const KeyState *whole, const MemberState *member)
{
    KeyState state = *whole;
    state.n_members = 0;
    state.sealed = (ProtobufCBinaryData){0, NULL};
    state.index = member->index;
    state.number += member->index - whole->index;
    if (member->n_holders > 0) {
        state.n_holders = member->n_holders;
        state.holders = member->holders;
        state.ready = member->ready;
        state.expires_at_us = member->expires_at_us;
    }
    Key *key = g_new0(Key, 1);
    key_id_derive(state.request, state.attempt, state.index, key->id);
    key->state = message_copy(&state.base);
    return key;
}

static Key *key_new_alone(const char *name, const KeyState *whole)
{
    KeyState state = *whole;
    state.sealed = (ProtobufCBinaryData){0, NULL};
    Key *key = g_new0(Key, 1);
    g_strlcpy(key->id, name, sizeof key->id);
    key->state = message_copy(&state.base);
    return key;
}

// A key that another record has, too, would be handed out twice.
static void take_key(RecordLoading *loading, KeyBundle *bundle, Key *key)
{
    const Unsorted *unsorted = loading->core;
    if (g_hash_table_contains(unsorted->ids, key->id)) {
        record_fail(loading, "key", key->id, "is there twice");
        key_free(key);
        return;
    }
    g_hash_table_add(unsorted->ids, key->id);
    key_bundle_add(bundle, key);
    g_ptr_array_add(unsorted->loaded, key);
}

static void take_bundle(RecordLoading *loading, const char *name, const KeyState *state,
                        const Secret *bytes)
{
    const Unsorted *unsorted = loading->core;
    gboolean is_alone = state->n_members == 0;
    gsize n = MAX(state->n_members, 1), n_key_bytes = bytes->n_bytes / n;
    KeyBundle *bundle = key_bundle_new(unsorted->keys, name, is_alone);
    bundle->is_granted = g_hash_table_contains(unsorted->granted, name);
    for (gsize i = 0; i < n; i++) {
        Key *key = is_alone ? key_new_alone(name, state) : key_new_member(state, state->members[i]);
        key->key = secret_new_copy(bytes->data + i * n_key_bytes, n_key_bytes);
        if (bundle->is_granted)
            key->state->ready = TRUE;
        take_key(loading, bundle, key);
    }
}

// NULL when it is no record of ours.
static Secret *unseal_record(const Unsorted *unsorted, const char *name, const KeyState *state)
{
    gboolean is_alone = state && state->n_members == 0;
    if (!state || !has_fair_members(state) || (is_alone && strlen(name) != UUID_CHARS) ||
        (state->copied_request[0] && !uuid_is_valid(state->copied_request)))
        return NULL;
    g_autofree char *place = record_place(name, state);
    g_autoptr(Secret) bytes =
        unseal(unsorted->keys->master_key, place, state->sealed.data, state->sealed.len);
    return bytes && bytes->n_bytes % MAX(state->n_members, 1) == 0 ? g_steal_pointer(&bytes) : NULL;
}

static void load_bundle(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Unsorted *unsorted = loading->core;
    g_autofree char *name = record_name(key);
    KeyState *state = record_unpack(&agent__state__key__descriptor, value);
    g_autoptr(Secret) bytes = unseal_record(unsorted, name, state);
    if (bytes)
        take_bundle(loading, name, state, bytes);
    else
        record_fail(loading, "key", name,
                    "is damaged, or sealed with another master key: give the one that belongs to "
                    "this store");
    wire_free(state);
}

static void load_granted(gpointer data, GBytes *key, GBytes *value)
{
    const RecordLoading *loading = data;
    const Unsorted *unsorted = loading->core;
    g_hash_table_add(unsorted->granted, record_name(key));
}

// One of no keys would grant those that come to have its name.
static void check_granted(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    const Unsorted *unsorted = loading->core;
    g_autofree char *name = record_name(key);
    if (!g_hash_table_contains(unsorted->keys->bundles, name))
        record_fail(loading, "grant of keys", name, "is damaged: there are no such keys");
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
    g_autoptr(GHashTable) granted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    Unsorted unsorted = {keys, loaded, ids, granted};
    gboolean ok = record_load(keys->store, "granted", load_granted, &unsorted, error) &&
                  record_load(keys->store, "key", load_bundle, &unsorted, error) &&
                  record_load(keys->store, "granted", check_granted, &unsorted, error);
    g_ptr_array_sort(loaded, compare_age);
    for (guint i = 0; i < loaded->len; i++)
        key_insert(keys, loaded->pdata[i]);
    return ok;
}

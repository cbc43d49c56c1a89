// SPDX-License-Identifier: Apache-2.0
//
// Keys that were copied from the store of the agent that their holder leaves. Until they are
// granted they stand under the IDs of the order that brought them, so that they can be voided like
// any others, and so that two attempts at copying do not get in each other's way; then they take
// their own IDs. Such a key may be known here already: the other end of its session may be a user
// of this provider, or the holder was here before.

#include "agents/federation/keystore-core.h"

#include "topics/frame.h"

#include <string.h>

// As the key was made, for the holder of the copy alone.
static Key *key_new_original(const Key *copy)
{
    KeyState state = *copy->state;
    state.request = copy->state->copied_request;
    state.attempt = copy->state->copied_attempt;
    state.copied_request = (char *)"";
    state.copied_attempt = 0;
    // The platform has granted it before it had it copied.
    state.ready = TRUE;
    Key *key = g_new0(Key, 1);
    memcpy(key->id, copy->original_id, sizeof key->id);
    key->state = message_copy(&state.base);
    key->key = secret_new_copy(copy->key->data, copy->key->n_bytes);
    return key;
}

static void add_holder(Key *key, const HolderState *holder)
{
    KeyState state = *key->state;
    g_autofree HolderState **holders = g_new(HolderState *, state.n_holders + 1);
    if (state.n_holders > 0)
        memcpy(holders, state.holders, state.n_holders * sizeof *holders);
    holders[state.n_holders++] = (HolderState *)holder;
    state.holders = holders;
    KeyState *grown = message_copy(&state.base);
    wire_free(key->state);
    key->state = grown;
}

// The bytes are the same here as there.
static void take_back(KeyStore *keys, Key *key, const HolderState *returned)
{
    HolderState *holder = key_find_holder(key, returned->sae, returned->is_initiator);
    if (holder && !holder->delivered)
        return;
    if (!holder) {
        add_holder(key, returned);
        holder = key_find_holder(key, returned->sae, returned->is_initiator);
    }
    holder->delivered = FALSE;
    key->state->ready = TRUE;
    key_join_end(keys, key, holder);
    key_save(key);
}

static gboolean is_same_place(const KeyState *a, const KeyState *b)
{
    return strcmp(a->session, b->session) == 0 && a->number == b->number &&
           strcmp(a->initiator, b->initiator) == 0;
}

void key_become_original(KeyStore *keys, Key *copy)
{
    Key *known = g_hash_table_lookup(keys->by_id, copy->original_id);
    if (!known) {
        Key *key = key_new_original(copy);
        key_bundle_add(key_bundle_open(keys, key->id, 1), key);
        key_save(key);
        key_insert(keys, key);
    } else if (is_same_place(known->state, copy->state)) {
        take_back(keys, known, copy->state->holders[0]);
    }
    key_remove(keys, copy);
}

const Key *key_find_copy(const KeyStore *keys, const char *key_id, const char *sae,
                         gboolean is_initiator)
{
    const Key *copy = g_hash_table_lookup(keys->copies, key_id);
    return copy && key_find_holder(copy, sae, is_initiator) ? copy : NULL;
}

const Secret *keystore_peek(const KeyStore *keys, const char *key_id, const char *sae,
                            gboolean is_initiator)
{
    const Key *key = g_hash_table_lookup(keys->by_id, key_id);
    const HolderState *holder = key ? key_find_holder(key, sae, is_initiator) : NULL;
    return holder && !holder->delivered ? key->key : NULL;
}

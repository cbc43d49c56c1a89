// SPDX-License-Identifier: Apache-2.0
//
// How keys begin and end: stored with an order, granted or voided, expired.

#include "agents/federation/keystore-core.h"

#include "agents/federation/relay.h"
#include "topics/base/timers.h"
#include "topics/frame.h"

#include <string.h>

// So much longer keys of an end live that is kept, when their time is up.
#define KEPT_US (60 * G_TIME_SPAN_MINUTE)

static KeyState *key_state_new(const KeyBatch *batch, guint index)
{
    gsize n_holders = g_strv_length((char **)batch->holders);
    g_autofree HolderState *holders = g_new(HolderState, n_holders);
    g_autofree HolderState **pointers = g_new(HolderState *, n_holders);
    for (gsize i = 0; i < n_holders; i++) {
        holders[i] = (HolderState)AGENT__STATE__HOLDER__INIT;
        holders[i].sae = (char *)batch->holders[i];
        holders[i].is_initiator = strcmp(batch->holders[i], batch->audience.initiator) == 0;
        pointers[i] = &holders[i];
    }
    KeyState state = AGENT__STATE__KEY__INIT;
    state.request = (char *)batch->request;
    state.attempt = batch->attempt;
    state.index = index;
    state.initiator = (char *)batch->audience.initiator;
    state.n_targets = batch->audience.n_targets;
    state.targets = (char **)batch->audience.targets;
    state.n_holders = n_holders;
    state.holders = pointers;
    state.expires_at_us = (guint64)batch->expires_at_us;
    if (batch->session) {
        state.session = (char *)batch->session;
        state.number = batch->first + index;
    }
    if (batch->copied_request) {
        state.copied_request = (char *)batch->copied_request;
        state.copied_attempt = batch->copied_attempt;
    }
    return message_copy(&state.base);
}

void keystore_add(KeyStore *keys, const KeyBatch *batch)
{
    guint n_together = MIN(batch->number, key_bundle_size(batch->n_key_bytes));
    KeyBundle *bundle = NULL;
    for (guint i = 0; i < batch->number; i++) {
        if (batch->marks && !relay_is_marked(batch->marks, i))
            continue;
        Key *key = g_new0(Key, 1);
        key_id_derive(batch->request, batch->attempt, i, key->id);
        // An order that is repeated after it was forgotten.
        if (g_hash_table_contains(keys->by_id, key->id)) {
            key_free(key);
            continue;
        }
        key->key = secret_new_copy(batch->keys + i * batch->n_key_bytes, batch->n_key_bytes);
        key->state = key_state_new(batch, i);
        if (!bundle || bundle->held->len == n_together)
            bundle = key_bundle_open(keys, key->id, n_together);
        key_bundle_add(bundle, key);
        key_save(key);
        key_insert(keys, key);
    }
}

// --- by attempt ----------------------------------------------------------------------------------

// The keys of one attempt at a request, in the order of index; to be freed.
static GPtrArray *keys_of_attempt(const KeyStore *keys, const char *request, guint attempt)
{
    GPtrArray *found = g_ptr_array_new();
    const GPtrArray *siblings = g_hash_table_lookup(keys->by_request, request);
    for (guint i = 0; siblings && i < siblings->len; i++) {
        Key *key = siblings->pdata[i];
        if (key->state->attempt == attempt)
            g_ptr_array_add(found, key);
    }
    return found;
}

gboolean keystore_has(const KeyStore *keys, const char *request, guint attempt)
{
    g_autoptr(GPtrArray) found = keys_of_attempt(keys, request, attempt);
    return found->len > 0;
}

const char *keystore_session_of_attempt(const KeyStore *keys, const char *request, guint attempt)
{
    g_autoptr(GPtrArray) found = keys_of_attempt(keys, request, attempt);
    const Key *first = found->len > 0 ? found->pdata[0] : NULL;
    return first && first->state->session[0] ? first->state->session : NULL;
}

gboolean keystore_deliver(KeyStore *keys, const char *request, guint attempt)
{
    g_autoptr(GPtrArray) found = keys_of_attempt(keys, request, attempt);
    for (guint i = 0; i < found->len; i++) {
        Key *key = found->pdata[i];
        if (key_is_copy(key)) {
            key_become_original(keys, key);
        } else if (!key->state->ready) {
            key->state->ready = TRUE;
            key_save_grant(key);
            key_enqueue(keys, key);
        }
    }
    return found->len > 0;
}

gboolean keystore_void(KeyStore *keys, const char *request, guint attempt)
{
    g_autoptr(GPtrArray) found = keys_of_attempt(keys, request, attempt);
    for (guint i = 0; i < found->len; i++)
        key_remove(keys, found->pdata[i]);
    return found->len > 0;
}

// --- by time -------------------------------------------------------------------------------------

static void key_prolong(KeyStore *keys, Key *key, gint64 now_us)
{
    g_tree_remove(keys->by_expiry, key);
    key->state->expires_at_us = (guint64)(now_us + KEPT_US);
    g_tree_insert(keys->by_expiry, key, key);
    key_save(key);
}

gint64 keystore_expire(KeyStore *keys, gint64 now_us)
{
    GTreeNode *node;
    while ((node = g_tree_node_first(keys->by_expiry))) {
        Key *key = g_tree_node_value(node);
        if ((gint64)key->state->expires_at_us > now_us)
            return (gint64)key->state->expires_at_us;
        if (key_is_kept(keys, key))
            key_prolong(keys, key, now_us);
        else
            key_remove(keys, key);
    }
    return TIMERS_NEVER;
}

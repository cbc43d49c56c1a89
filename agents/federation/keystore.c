// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/keystore-core.h"

#include <string.h>

void key_free(gpointer data)
{
    Key *key = data;
    wire_free(key->state);
    secret_free(key->key);
    g_free(key->pair);
    g_free(key->pool);
    g_free(key);
}

static int compare_expiry(gconstpointer a, gconstpointer b, gpointer data)
{
    const Key *x = a, *y = b;
    if (x->state->expires_at_us != y->state->expires_at_us)
        return x->state->expires_at_us < y->state->expires_at_us ? -1 : 1;
    return strcmp(x->id, y->id);
}

void delivered_key_free(gpointer data)
{
    DeliveredKey *key = data;
    secret_free(key->key);
    g_free(key);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The order in which targets are named does not matter.
static char *pair_name(const KeyAudience *audience)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    for (gsize i = 0; i < audience->n_targets; i++)
        g_ptr_array_add(targets, audience->targets[i]);
    g_ptr_array_sort(targets, compare_texts);
    g_ptr_array_add(targets, NULL);
    g_autofree char *joined = g_strjoinv(",", (char **)targets->pdata);
    return g_strconcat(audience->initiator, " ", joined, NULL);
}

static char *pool_name(const char *pair, gsize n_key_bytes)
{
    return g_strdup_printf("%s %" G_GSIZE_FORMAT, pair, n_key_bytes);
}

char *key_audience_name(const KeyAudience *audience, gsize n_key_bytes)
{
    g_autofree char *pair = pair_name(audience);
    return pool_name(pair, n_key_bytes);
}

static GQueue *find_pool(const KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes)
{
    g_autofree char *name = key_audience_name(audience, n_key_bytes);
    return g_hash_table_lookup(keys->pools, name);
}

HolderState *key_find_holder(const Key *key, const char *sae, gboolean is_initiator)
{
    for (gsize i = 0; i < key->state->n_holders; i++) {
        HolderState *holder = key->state->holders[i];
        if (!holder->is_initiator == !is_initiator && strcmp(holder->sae, sae) == 0)
            return holder;
    }
    return NULL;
}

// --- places --------------------------------------------------------------------------------------

void key_enqueue(KeyStore *keys, Key *key)
{
    HolderState *initiator = key_find_holder(key, key->state->initiator, TRUE);
    if (!key->pool || !key->state->ready || !initiator || initiator->delivered)
        return;
    GQueue *pool = g_hash_table_lookup(keys->pools, key->pool);
    if (!pool) {
        pool = g_queue_new();
        g_hash_table_insert(keys->pools, g_strdup(key->pool), pool);
    }
    g_queue_push_tail(pool, key);
    key->is_queued = TRUE;
}

static void key_dequeue(KeyStore *keys, Key *key)
{
    if (!key->is_queued)
        return;
    GQueue *pool = g_hash_table_lookup(keys->pools, key->pool);
    g_queue_remove(pool, key);
    key->is_queued = FALSE;
    if (g_queue_is_empty(pool))
        g_hash_table_remove(keys->pools, key->pool);
}

static void pair_count(KeyStore *keys, const char *pair, gint change)
{
    if (!pair)
        return;
    gint number = GPOINTER_TO_INT(g_hash_table_lookup(keys->n_of_pair, pair)) + change;
    if (number > 0)
        g_hash_table_replace(keys->n_of_pair, g_strdup(pair), GINT_TO_POINTER(number));
    else
        g_hash_table_remove(keys->n_of_pair, pair);
}

// What is no session's is found by pair; what is, by end and number; what is a copy, by none before
// it is granted.
static void key_find_place(KeyStore *keys, Key *key)
{
    const KeyState *state = key->state;
    if (state->session[0] && !key_is_copy(key)) {
        key_join_ends(keys, key);
        return;
    }
    KeyAudience audience = {state->initiator, state->targets, state->n_targets};
    key->pair = pair_name(&audience);
    pair_count(keys, key->pair, 1);
    if (key_is_copy(key)) {
        key_id_derive(state->copied_request, state->copied_attempt, state->index, key->original_id);
        g_hash_table_replace(keys->copies, key->original_id, key);
    } else {
        key->pool = pool_name(key->pair, key->key->n_bytes);
        key_enqueue(keys, key);
    }
}

void key_insert(KeyStore *keys, Key *key)
{
    g_hash_table_insert(keys->by_id, key->id, key);
    GPtrArray *siblings = g_hash_table_lookup(keys->by_request, key->state->request);
    if (!siblings) {
        siblings = g_ptr_array_new();
        g_hash_table_insert(keys->by_request, g_strdup(key->state->request), siblings);
    }
    g_ptr_array_add(siblings, key);
    g_tree_insert(keys->by_expiry, key, key);
    key_find_place(keys, key);
}

void key_remove(KeyStore *keys, Key *key)
{
    key_unsave(key);
    key_dequeue(keys, key);
    pair_count(keys, key->pair, -1);
    for (gsize i = 0; i < key->state->n_holders; i++)
        key_leave_end(keys, key, key->state->holders[i]);
    if (g_hash_table_lookup(keys->copies, key->original_id) == key)
        g_hash_table_remove(keys->copies, key->original_id);
    g_tree_remove(keys->by_expiry, key);
    GPtrArray *siblings = g_hash_table_lookup(keys->by_request, key->state->request);
    g_ptr_array_remove(siblings, key);
    if (siblings->len == 0)
        g_hash_table_remove(keys->by_request, key->state->request);
    g_hash_table_remove(keys->by_id, key->id);
}

KeyStore *keystore_open(Store *store, const Secret *master_key, const Random *random,
                        GError **error)
{
    g_autoptr(KeyStore) keys = g_new0(KeyStore, 1);
    keys->store = store;
    keys->master_key = master_key;
    keys->random = random;
    keys->bundles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, key_bundle_free);
    keys->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, key_free);
    keys->by_request =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    keys->pools =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_queue_free);
    keys->n_of_pair = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    keys->by_expiry = g_tree_new_full(compare_expiry, NULL, NULL, NULL);
    keys->ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, key_end_free);
    keys->copies = g_hash_table_new(g_str_hash, g_str_equal);
    return keystore_load(keys, error) ? g_steal_pointer(&keys) : NULL;
}

void keystore_free(KeyStore *keys)
{
    if (!keys)
        return;
    g_hash_table_unref(keys->copies);
    g_hash_table_unref(keys->ends);
    g_tree_unref(keys->by_expiry);
    g_hash_table_unref(keys->n_of_pair);
    g_hash_table_unref(keys->pools);
    g_hash_table_unref(keys->by_request);
    g_hash_table_unref(keys->by_id);
    g_hash_table_unref(keys->bundles);
    g_free(keys);
}

// --- leaving -------------------------------------------------------------------------------------

void key_leave(KeyStore *keys, Key *key, HolderState *holder)
{
    key_leave_end(keys, key, holder);
    holder->delivered = TRUE;
    if (holder->is_initiator)
        key_dequeue(keys, key);
    for (gsize i = 0; i < key->state->n_holders; i++) {
        if (!key->state->holders[i]->delivered) {
            key_save(key);
            return;
        }
    }
    key_remove(keys, key);
}

void key_hand_out(KeyStore *keys, Key *key, HolderState *holder, GPtrArray *ret_keys)
{
    DeliveredKey *delivered = g_new0(DeliveredKey, 1);
    memcpy(delivered->id, key->id, sizeof delivered->id);
    g_strlcpy(delivered->request, key->state->request, sizeof delivered->request);
    delivered->key = secret_new_copy(key->key->data, key->key->n_bytes);
    g_ptr_array_add(ret_keys, delivered);
    key_leave(keys, key, holder);
}

guint keystore_n_stored(const KeyStore *keys, const KeyAudience *audience)
{
    g_autofree char *pair = pair_name(audience);
    return GPOINTER_TO_UINT(g_hash_table_lookup(keys->n_of_pair, pair));
}

static gboolean is_held_for(gpointer id, gpointer key, gpointer sae)
{
    const KeyState *state = ((const Key *)key)->state;
    for (gsize i = 0; i < state->n_holders; i++) {
        if (!state->holders[i]->delivered && strcmp(state->holders[i]->sae, sae) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean keystore_holds_for(const KeyStore *keys, const char *sae)
{
    return g_hash_table_find(keys->by_id, is_held_for, (gpointer)sae) != NULL;
}

guint keystore_count(const KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes)
{
    const GQueue *pool = find_pool(keys, audience, n_key_bytes);
    return pool ? pool->length : 0;
}

gboolean keystore_take(KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes, guint number,
                       GPtrArray *ret_keys)
{
    GQueue *pool = find_pool(keys, audience, n_key_bytes);
    if (!pool || g_queue_get_length(pool) < number)
        return FALSE;
    for (guint i = 0; i < number; i++) {
        Key *key = g_queue_peek_head(pool);
        key_hand_out(keys, key, key_find_holder(key, audience->initiator, TRUE), ret_keys);
    }
    return TRUE;
}

KeyLookup keystore_take_request(KeyStore *keys, const char *request, const char *initiator,
                                GPtrArray *ret_keys)
{
    const GPtrArray *siblings = g_hash_table_lookup(keys->by_request, request);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    KeyLookup verdict = KEY_MISSING;
    for (guint i = 0; siblings && i < siblings->len; i++) {
        Key *key = siblings->pdata[i];
        const HolderState *holder = key_find_holder(key, initiator, TRUE);
        if (!holder)
            return KEY_NOT_YOURS;
        if (key->state->session[0])
            return KEY_MISSING;
        if (!key->state->ready)
            verdict = KEY_WAITING;
        else if (!holder->delivered)
            g_ptr_array_add(found, key);
    }
    for (guint i = 0; i < found->len; i++) {
        Key *key = found->pdata[i];
        key_hand_out(keys, key, key_find_holder(key, initiator, TRUE), ret_keys);
    }
    return found->len > 0 ? KEY_FOUND : verdict;
}

// --- by ID ---------------------------------------------------------------------------------------

static gboolean is_target(const Key *key, const char *sae)
{
    for (gsize i = 0; i < key->state->n_targets; i++) {
        if (strcmp(key->state->targets[i], sae) == 0)
            return TRUE;
    }
    return FALSE;
}

KeyLookup keystore_look_up(const KeyStore *keys, const char *key_id, const char *initiator,
                           const char *target)
{
    const Key *key = g_hash_table_lookup(keys->by_id, key_id);
    const HolderState *holder = key ? key_find_holder(key, target, FALSE) : NULL;
    gboolean is_here =
        holder && !holder->delivered && strcmp(key->state->initiator, initiator) == 0;
    if (is_here)
        return key->state->ready ? KEY_FOUND : KEY_WAITING;
    if (key_find_copy(keys, key_id, target, FALSE))
        return KEY_WAITING;
    return key && !is_target(key, target) ? KEY_NOT_YOURS : KEY_MISSING;
}

// The key, or the copy that will be it.
static const Key *find_for_target(const KeyStore *keys, const char *key_id, const char *target)
{
    const Key *key = g_hash_table_lookup(keys->by_id, key_id);
    const HolderState *holder = key ? key_find_holder(key, target, FALSE) : NULL;
    return holder && !holder->delivered ? key : key_find_copy(keys, key_id, target, FALSE);
}

const char *keystore_request_of(const KeyStore *keys, const char *key_id, const char *target)
{
    return find_for_target(keys, key_id, target)->state->request;
}

const char *keystore_session_of(const KeyStore *keys, const char *key_id, const char *target,
                                guint64 *ret_number)
{
    const KeyState *state = find_for_target(keys, key_id, target)->state;
    *ret_number = state->number;
    return state->session[0] ? state->session : NULL;
}

void keystore_take_by_id(KeyStore *keys, const char *key_id, const char *target,
                         GPtrArray *ret_keys)
{
    Key *key = g_hash_table_lookup(keys->by_id, key_id);
    key_hand_out(keys, key, key_find_holder(key, target, FALSE), ret_keys);
}

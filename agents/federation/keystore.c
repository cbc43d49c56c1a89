// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/keystore.h"

#include "agents/federation/seal.h"
#include "agents/federation/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/base/timers.h"
#include "topics/frame.h"

#include <string.h>

typedef Agent__State__Key KeyState;
typedef Agent__State__Holder HolderState;

typedef struct {
    char id[UUID_CHARS + 1];
    KeyState *state; // as stored
    Secret *key;
    char *pair;
    char *pool; // where it queues for its initiator
    gboolean is_queued;
} Key;

struct KeyStore {
    Store *store;
    const Secret *master_key;
    const Random *random;
    GHashTable *by_id;      // key ID → Key
    GHashTable *by_request; // request ID → GPtrArray of Key, in the order of index
    GHashTable *pools;     // initiator, targets and size → GQueue of Key, ready for the initiator
    GHashTable *n_of_pair; // initiator and targets → how many keys
    GTree *by_expiry;      // Key, by time and ID
};

static void key_free(gpointer data)
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

static GQueue *find_pool(const KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes)
{
    g_autofree char *pair = pair_name(audience);
    g_autofree char *name = pool_name(pair, n_key_bytes);
    return g_hash_table_lookup(keys->pools, name);
}

static HolderState *find_holder(const Key *key, const char *sae, gboolean is_initiator)
{
    for (gsize i = 0; i < key->state->n_holders; i++) {
        HolderState *holder = key->state->holders[i];
        if (!holder->is_initiator == !is_initiator && strcmp(holder->sae, sae) == 0)
            return holder;
    }
    return NULL;
}

// --- durable form --------------------------------------------------------------------------------

// What the sealed bytes belong to: the key ID and all applications that may ever have it.
static char *key_place(const char *id, const KeyState *state)
{
    GString *place = g_string_new(id);
    g_string_append_printf(place, " %s", state->initiator);
    for (gsize i = 0; i < state->n_targets; i++)
        g_string_append_printf(place, " %s", state->targets[i]);
    return g_string_free(place, FALSE);
}

static void key_save(KeyStore *keys, const Key *key)
{
    g_autoptr(GBytes) value = message_pack(&key->state->base);
    store_put_text(keys->store, "key", key->id, value);
}

// Where the initiator finds it: a key that is ready and that it has not fetched.
static void key_enqueue(KeyStore *keys, Key *key)
{
    HolderState *initiator = find_holder(key, key->state->initiator, TRUE);
    if (!key->state->ready || !initiator || initiator->delivered)
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
    gint number = GPOINTER_TO_INT(g_hash_table_lookup(keys->n_of_pair, pair)) + change;
    if (number > 0)
        g_hash_table_replace(keys->n_of_pair, g_strdup(pair), GINT_TO_POINTER(number));
    else
        g_hash_table_remove(keys->n_of_pair, pair);
}

static void key_insert(KeyStore *keys, Key *key)
{
    KeyAudience audience = {key->state->initiator, key->state->targets, key->state->n_targets};
    key->pair = pair_name(&audience);
    key->pool = pool_name(key->pair, key->key->n_bytes);
    pair_count(keys, key->pair, 1);
    g_hash_table_insert(keys->by_id, key->id, key);
    GPtrArray *siblings = g_hash_table_lookup(keys->by_request, key->state->request);
    if (!siblings) {
        siblings = g_ptr_array_new();
        g_hash_table_insert(keys->by_request, g_strdup(key->state->request), siblings);
    }
    g_ptr_array_add(siblings, key);
    g_tree_insert(keys->by_expiry, key, key);
    key_enqueue(keys, key);
}

static void key_remove(KeyStore *keys, Key *key)
{
    store_delete_text(keys->store, "key", key->id);
    key_dequeue(keys, key);
    pair_count(keys, key->pair, -1);
    g_tree_remove(keys->by_expiry, key);
    GPtrArray *siblings = g_hash_table_lookup(keys->by_request, key->state->request);
    g_ptr_array_remove(siblings, key);
    if (siblings->len == 0)
        g_hash_table_remove(keys->by_request, key->state->request);
    g_hash_table_remove(keys->by_id, key->id);
}

typedef struct {
    KeyStore *keys;
    GPtrArray *loaded;
    GError **error;
    gboolean failed;
} Loading;

static void load_key(gpointer data, GBytes *key_bytes, GBytes *value)
{
    Loading *loading = data;
    gsize n_id = 0, n_value = 0;
    const char *id = g_bytes_get_data(key_bytes, &n_id);
    const guint8 *bytes = g_bytes_get_data(value, &n_value);
    Key *key = g_new0(Key, 1);
    key->state = agent__state__key__unpack(NULL, n_value, bytes);
    if (key->state && n_id == UUID_CHARS) {
        memcpy(key->id, id, n_id);
        g_autofree char *place = key_place(key->id, key->state);
        key->key = unseal(loading->keys->master_key, place, key->state->sealed.data,
                          key->state->sealed.len);
    }
    if (key->key) {
        g_ptr_array_add(loading->loaded, key);
        return;
    }
    if (!loading->failed)
        g_set_error(loading->error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "key '%.*s': is damaged, or sealed with another master key: give the one that "
                    "belongs to this store",
                    (int)MIN(n_id, UUID_CHARS), id);
    loading->failed = TRUE;
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

KeyStore *keystore_open(Store *store, const Secret *master_key, const Random *random,
                        GError **error)
{
    g_autoptr(KeyStore) keys = g_new0(KeyStore, 1);
    keys->store = store;
    keys->master_key = master_key;
    keys->random = random;
    keys->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, key_free);
    keys->by_request =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    keys->pools =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_queue_free);
    keys->n_of_pair = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    keys->by_expiry = g_tree_new_full(compare_expiry, NULL, NULL, NULL);
    g_autoptr(GPtrArray) loaded = g_ptr_array_new();
    Loading loading = {keys, loaded, error, FALSE};
    gboolean ok = store_load(store, "key", load_key, &loading, error) && !loading.failed;
    g_ptr_array_sort(loaded, compare_age);
    for (guint i = 0; i < loaded->len; i++)
        key_insert(keys, loaded->pdata[i]);
    return ok ? g_steal_pointer(&keys) : NULL;
}

void keystore_free(KeyStore *keys)
{
    if (!keys)
        return;
    g_tree_unref(keys->by_expiry);
    g_hash_table_unref(keys->n_of_pair);
    g_hash_table_unref(keys->pools);
    g_hash_table_unref(keys->by_request);
    g_hash_table_unref(keys->by_id);
    g_free(keys);
}

// --- coming and going ----------------------------------------------------------------------------

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
    return message_copy(&state.base);
}

static void key_seal(KeyStore *keys, Key *key)
{
    g_autofree char *place = key_place(key->id, key->state);
    g_autoptr(GBytes) sealed = seal(keys->master_key, keys->random, place, key->key);
    gsize n_bytes = 0;
    gconstpointer bytes = g_bytes_get_data(sealed, &n_bytes);
    // Freed by protobuf-c, which allocates with malloc().
    key->state->sealed.data = malloc(n_bytes);
    g_assert(key->state->sealed.data);
    memcpy(key->state->sealed.data, bytes, n_bytes);
    key->state->sealed.len = n_bytes;
}

void keystore_add(KeyStore *keys, const KeyBatch *batch)
{
    guint number = (guint)(batch->keys->n_bytes / batch->n_key_bytes);
    for (guint i = 0; i < number; i++) {
        Key *key = g_new0(Key, 1);
        key_id_derive(batch->request, batch->attempt, i, key->id);
        // An order that is repeated after it was forgotten.
        if (g_hash_table_contains(keys->by_id, key->id)) {
            key_free(key);
            continue;
        }
        key->key = secret_new_copy(batch->keys->data + i * batch->n_key_bytes, batch->n_key_bytes);
        key->state = key_state_new(batch, i);
        key_seal(keys, key);
        key_save(keys, key);
        key_insert(keys, key);
    }
}

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

gboolean keystore_deliver(KeyStore *keys, const char *request, guint attempt)
{
    g_autoptr(GPtrArray) found = keys_of_attempt(keys, request, attempt);
    for (guint i = 0; i < found->len; i++) {
        Key *key = found->pdata[i];
        if (key->state->ready)
            continue;
        key->state->ready = TRUE;
        key_save(keys, key);
        key_enqueue(keys, key);
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

// Hands a key to one holder; the last one takes it out of the store.
static void key_deliver(KeyStore *keys, Key *key, HolderState *holder, GPtrArray *ret_keys)
{
    DeliveredKey *delivered = g_new0(DeliveredKey, 1);
    memcpy(delivered->id, key->id, sizeof delivered->id);
    delivered->key = secret_new_copy(key->key->data, key->key->n_bytes);
    g_ptr_array_add(ret_keys, delivered);

    holder->delivered = TRUE;
    if (holder->is_initiator)
        key_dequeue(keys, key);
    for (gsize i = 0; i < key->state->n_holders; i++) {
        if (!key->state->holders[i]->delivered) {
            key_save(keys, key);
            return;
        }
    }
    key_remove(keys, key);
}

guint keystore_n_stored(const KeyStore *keys, const KeyAudience *audience)
{
    g_autofree char *pair = pair_name(audience);
    return GPOINTER_TO_UINT(g_hash_table_lookup(keys->n_of_pair, pair));
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
        key_deliver(keys, key, find_holder(key, audience->initiator, TRUE), ret_keys);
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
        const HolderState *holder = find_holder(key, initiator, TRUE);
        if (!holder)
            return KEY_NOT_YOURS;
        if (!key->state->ready)
            verdict = KEY_WAITING;
        else if (!holder->delivered)
            g_ptr_array_add(found, key);
    }
    for (guint i = 0; i < found->len; i++) {
        Key *key = found->pdata[i];
        key_deliver(keys, key, find_holder(key, initiator, TRUE), ret_keys);
    }
    return found->len > 0 ? KEY_FOUND : verdict;
}

// --- by ID ---------------------------------------------------------------------------------------

KeyLookup keystore_look_up(const KeyStore *keys, const char *key_id, const char *initiator,
                           const char *target)
{
    const Key *key = g_hash_table_lookup(keys->by_id, key_id);
    if (!key)
        return KEY_MISSING;
    const HolderState *holder = find_holder(key, target, FALSE);
    if (!holder)
        return KEY_NOT_YOURS;
    if (holder->delivered || strcmp(key->state->initiator, initiator) != 0)
        return KEY_MISSING;
    return key->state->ready ? KEY_FOUND : KEY_WAITING;
}

const char *keystore_request_of(const KeyStore *keys, const char *key_id)
{
    const Key *key = g_hash_table_lookup(keys->by_id, key_id);
    return key->state->request;
}

void keystore_take_by_id(KeyStore *keys, const char *key_id, const char *target,
                         GPtrArray *ret_keys)
{
    Key *key = g_hash_table_lookup(keys->by_id, key_id);
    key_deliver(keys, key, find_holder(key, target, FALSE), ret_keys);
}

gint64 keystore_expire(KeyStore *keys, gint64 now_us)
{
    GTreeNode *node;
    while ((node = g_tree_node_first(keys->by_expiry))) {
        Key *key = g_tree_node_value(node);
        if ((gint64)key->state->expires_at_us > now_us)
            return (gint64)key->state->expires_at_us;
        key_remove(keys, key);
    }
    return TIMERS_NEVER;
}

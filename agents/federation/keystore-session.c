// SPDX-License-Identifier: Apache-2.0
//
// Keys of sessions, by end and number. A key whose holders are served here at both ends of its
// session is at both, and leaves each on its own.

#include "agents/federation/keystore-core.h"

#include <string.h>

typedef struct {
    GTree *keys; // Key, by number and ID: a number that was tried again comes with another ID
    gboolean is_kept;
} KeyEnd;

void key_end_free(gpointer data)
{
    KeyEnd *end = data;
    g_tree_unref(end->keys);
    g_free(end);
}

static int compare_numbers(gconstpointer a, gconstpointer b, gpointer data)
{
    const Key *x = a, *y = b;
    if (x->state->number != y->state->number)
        return x->state->number < y->state->number ? -1 : 1;
    return strcmp(x->id, y->id);
}

char *keystore_end_name(const char *session, const char *sae)
{
    return g_strconcat(session, "/", sae, NULL);
}

static KeyEnd *open_end(KeyStore *keys, const char *name)
{
    KeyEnd *end = g_hash_table_lookup(keys->ends, name);
    if (end)
        return end;
    end = g_new0(KeyEnd, 1);
    end->keys = g_tree_new_full(compare_numbers, NULL, NULL, NULL);
    g_hash_table_insert(keys->ends, g_strdup(name), end);
    return end;
}

static void close_if_unused(KeyStore *keys, const char *name, const KeyEnd *end)
{
    if (!end->is_kept && g_tree_nnodes(end->keys) == 0)
        g_hash_table_remove(keys->ends, name);
}

void keystore_end_keep(KeyStore *keys, const char *name, gboolean is_kept)
{
    KeyEnd *end = open_end(keys, name);
    end->is_kept = is_kept;
    close_if_unused(keys, name, end);
}

// --- keys at ends --------------------------------------------------------------------------------

void key_join_end(KeyStore *keys, Key *key, const HolderState *holder)
{
    if (holder->delivered)
        return;
    g_autofree char *name = keystore_end_name(key->state->session, holder->sae);
    g_tree_insert(open_end(keys, name)->keys, key, key);
}

void key_join_ends(KeyStore *keys, Key *key)
{
    for (gsize i = 0; i < key->state->n_holders; i++)
        key_join_end(keys, key, key->state->holders[i]);
}

void key_leave_end(KeyStore *keys, Key *key, const HolderState *holder)
{
    if (!key->state->session[0] || key_is_copy(key) || holder->delivered)
        return;
    g_autofree char *name = keystore_end_name(key->state->session, holder->sae);
    KeyEnd *end = g_hash_table_lookup(keys->ends, name);
    g_tree_remove(end->keys, key);
    close_if_unused(keys, name, end);
}

gboolean key_is_kept(const KeyStore *keys, const Key *key)
{
    if (!key->state->session[0] || key_is_copy(key))
        return FALSE;
    for (gsize i = 0; i < key->state->n_holders; i++) {
        const HolderState *holder = key->state->holders[i];
        g_autofree char *name = keystore_end_name(key->state->session, holder->sae);
        const KeyEnd *end = holder->delivered ? NULL : g_hash_table_lookup(keys->ends, name);
        if (end && end->is_kept)
            return TRUE;
    }
    return FALSE;
}

// --- numbers -------------------------------------------------------------------------------------

static GTreeNode *find_first(const KeyEnd *end, guint64 number)
{
    KeyState state = AGENT__STATE__KEY__INIT;
    state.number = number;
    const Key least = {.state = &state};
    return g_tree_lower_bound(end->keys, &least);
}

// The keys of this number, to be freed; all when `number` is NULL.
static GPtrArray *find_keys(const KeyStore *keys, const char *name, const guint64 *number)
{
    GPtrArray *found = g_ptr_array_new();
    const KeyEnd *end = g_hash_table_lookup(keys->ends, name);
    GTreeNode *node = end ? find_first(end, number ? *number : 0) : NULL;
    for (; node; node = g_tree_node_next(node)) {
        const Key *key = g_tree_node_value(node);
        if (number && key->state->number != *number)
            break;
        g_ptr_array_add(found, (gpointer)key);
    }
    return found;
}

static Key *find_granted(const KeyStore *keys, const char *name, guint64 number)
{
    g_autoptr(GPtrArray) found = find_keys(keys, name, &number);
    for (guint i = 0; i < found->len; i++) {
        Key *key = found->pdata[i];
        if (key->state->ready)
            return key;
    }
    return NULL;
}

// The holder whom this end is named after.
static HolderState *holder_at(const Key *key, const char *name)
{
    const char *sae = strchr(name, '/') + 1;
    return key_find_holder(key, sae, strcmp(sae, key->state->initiator) == 0);
}

guint keystore_end_n_stored(const KeyStore *keys, const char *name)
{
    const KeyEnd *end = g_hash_table_lookup(keys->ends, name);
    return end ? (guint)g_tree_nnodes(end->keys) : 0;
}

gboolean keystore_end_has(const KeyStore *keys, const char *name, guint64 number)
{
    return find_granted(keys, name, number) != NULL;
}

void keystore_end_take(KeyStore *keys, const char *name, guint64 number, GPtrArray *ret_keys)
{
    Key *key = find_granted(keys, name, number);
    key_hand_out(keys, key, holder_at(key, name), ret_keys);
}

GArray *keystore_end_list(const KeyStore *keys, const char *name)
{
    g_autoptr(GPtrArray) found = find_keys(keys, name, NULL);
    GArray *numbers = g_array_sized_new(FALSE, FALSE, sizeof(guint64), found->len);
    for (guint i = 0; i < found->len; i++) {
        const Key *key = found->pdata[i];
        g_array_append_val(numbers, key->state->number);
    }
    return numbers;
}

void keystore_end_wipe(KeyStore *keys, const char *name, guint64 number)
{
    g_autoptr(GPtrArray) found = find_keys(keys, name, &number);
    for (guint i = 0; i < found->len; i++) {
        Key *key = found->pdata[i];
        key_leave(keys, key, holder_at(key, name));
    }
}

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of the key store: keystore.c has keys come and go, keystore-session.c keeps those of
// sessions by end and number, keystore-copy.c those that come from another agent's store,
// keystore-life.c is how they begin and end, keystore-bundle.c and keystore-store.c are their
// durable form: some keys of one attempt are in one record together, a bundle.

#include "agents/federation/keystore.h"
#include "agents/federation/state.pb-c.h"
#include "topics/base/id.h"

typedef Agent__State__Key KeyState;
typedef Agent__State__Holder HolderState;

typedef struct {
    KeyStore *keys;
    char *name;          // of its record
    GPtrArray *held;     // Key, in the order of index
    gboolean is_alone;   // its record never held more than this key
    gboolean is_granted; // by a record of its own
    GBytes *sealed;      // what it holds, until that is granted: then it is written again; or NULL
} KeyBundle;

typedef struct {
    char id[UUID_CHARS + 1];
    KeyState *state; // as stored, but for what it shares with others of its bundle
    Secret *key;
    KeyBundle *bundle;
    char *pair; // NULL for a session's, which are counted by end
    char *pool; // where it queues for its initiator, or NULL
    gboolean is_queued;
    // A copy that is not granted yet: the ID that the key has, and will have here.
    char original_id[UUID_CHARS + 1];
} Key;

struct KeyStore {
    Store *store;
    const Secret *master_key;
    const Random *random;
    GHashTable *bundles;    // name → KeyBundle
    GHashTable *by_id;      // key ID → Key
    GHashTable *by_request; // request ID → GPtrArray of Key, in the order of index
    GHashTable *pools;     // initiator, targets and size → GQueue of Key, ready for the initiator
    GHashTable *n_of_pair; // initiator and targets → how many keys
    GTree *by_expiry;      // Key, by time and ID
    GHashTable *ends;      // end of a session → KeyEnd
    GHashTable *copies;    // original key ID → Key: the copy that came last
};

void key_free(gpointer key);
void key_insert(KeyStore *keys, Key *key);
void key_remove(KeyStore *keys, Key *key);
// One holder has it, or shall not have it any more; the last one takes it out of the store.
void key_leave(KeyStore *keys, Key *key, HolderState *holder);
// A copy for the caller.
void key_hand_out(KeyStore *keys, Key *key, HolderState *holder, GPtrArray *ret_keys);
// Where the initiator finds it, if it is ready and the initiator has not fetched it.
void key_enqueue(KeyStore *keys, Key *key);
HolderState *key_find_holder(const Key *key, const char *sae, gboolean is_initiator);

static inline gboolean key_is_copy(const Key *key)
{
    return key->state->copied_request[0] != '\0';
}

// keystore-session.c
// Keeps the key for each holder that does not have it yet; nothing for one of no session.
void key_join_ends(KeyStore *keys, Key *key);
void key_join_end(KeyStore *keys, Key *key, const HolderState *holder);
void key_leave_end(KeyStore *keys, Key *key, const HolderState *holder);
// Whether an end of a session still counts on it.
gboolean key_is_kept(const KeyStore *keys, const Key *key);
void key_end_free(gpointer end);

// keystore-copy.c
// A copy was granted: from now on it is the key itself.
void key_become_original(KeyStore *keys, Key *copy);
// A copy of this key that waits for being granted, for this holder; or NULL.
const Key *key_find_copy(const KeyStore *keys, const char *key_id, const char *sae,
                         gboolean is_initiator);

// keystore-bundle.c
// A record that is to hold so many keys from this one on; the store owns it until the last key
// leaves it.
KeyBundle *key_bundle_open(KeyStore *keys, const char *first_id, guint n_together);
// One that has this name.
KeyBundle *key_bundle_new(KeyStore *keys, const char *name, gboolean is_alone);
void key_bundle_free(gpointer bundle);
void key_bundle_add(KeyBundle *bundle, Key *key);
// How many keys of this size are stored together.
guint key_bundle_size(gsize n_key_bytes);
// Records what the key is then with this pass's commit.
void key_save(const Key *key);
// That it is ready, like all others of its bundle.
void key_save_grant(const Key *key);
// That it is not there any more.
void key_unsave(Key *key);

// keystore-store.c
// The record of a bundle.
GBytes *key_bundle_pack(gpointer bundle);
gboolean keystore_load(KeyStore *keys, GError **error);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Keys of this provider's own users, from when they are relayed until they are fetched, expire or
// are voided. Durable and sealed through the store; a key leaves it once per entitled application
// and end, and is wiped in the same commit when the last of them has it.

#include "agents/federation/agent.h"

typedef struct KeyStore KeyStore;

// What keys are for: who asked, and who shall hold the same.
typedef struct {
    const char *initiator;
    char *const *targets;
    gsize n_targets;
} KeyAudience;

// What is stored with one order: `holders` are the applications that fetch at this end.
typedef struct {
    const char *request;
    guint attempt;
    KeyAudience audience;
    const char *const *holders; // NULL-terminated
    gsize n_key_bytes;
    const Secret *keys; // one after another
    gint64 expires_at_us;
} KeyBatch;

// In the order in which they decide about several keys together.
typedef enum {
    KEY_FOUND,
    KEY_WAITING,   // relayed, but not granted yet
    KEY_MISSING,   // not here, or fetched by this application before
    KEY_NOT_YOURS, // here, but for others
} KeyLookup;

KeyStore *keystore_open(Store *store, const Secret *master_key, const Random *random,
                        GError **error);
void keystore_free(KeyStore *keys);

// Only for an attempt of which there is nothing yet.
void keystore_add(KeyStore *keys, const KeyBatch *batch);
gboolean keystore_has(const KeyStore *keys, const char *request, guint attempt);
// The platform has granted, or voided, this attempt. FALSE when nothing of it is here.
gboolean keystore_deliver(KeyStore *keys, const char *request, guint attempt);
gboolean keystore_void(KeyStore *keys, const char *request, guint attempt);

// How many keys of this pair are here, of any size, granted or not, until all holders have them.
guint keystore_n_stored(const KeyStore *keys, const KeyAudience *audience);

// How many keys of this size could be fetched now by the initiator.
guint keystore_count(const KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes);
// Takes that many, oldest first, or none: appends DeliveredKey to `ret_keys`.
gboolean keystore_take(KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes, guint number,
                       GPtrArray *ret_keys);
// Takes all keys of one request, for the initiator.
KeyLookup keystore_take_request(KeyStore *keys, const char *request, const char *initiator,
                                GPtrArray *ret_keys);

// Whether a target can have this key.
KeyLookup keystore_look_up(const KeyStore *keys, const char *key_id, const char *initiator,
                           const char *target);
// The request that it was relayed for; after KEY_FOUND or KEY_WAITING.
const char *keystore_request_of(const KeyStore *keys, const char *key_id);
// After KEY_FOUND.
void keystore_take_by_id(KeyStore *keys, const char *key_id, const char *target,
                         GPtrArray *ret_keys);

// Wipes what has expired; when the next does, or TIMERS_NEVER.
gint64 keystore_expire(KeyStore *keys, gint64 now_us);

void delivered_key_free(gpointer key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyStore, keystore_free)

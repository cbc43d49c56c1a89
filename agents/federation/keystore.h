#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Keys of this provider's own users, from when they are relayed until they are fetched, expire or
// are voided. Durable and sealed through the store; a key leaves it once per entitled application
// and end, and is wiped in the same commit when the last of them has it.
//
// Wiped: in memory at once. On disk it is only ever sealed under the master key; its record is
// overwritten in the store's file, and the store's journal, which still has the record as it was,
// is emptied soon after (topics/mqtt/journal.h). Blocks of the medium that the journal gives back
// are not overwritten (topics/base/sqlite-file.h): for who gets at them, the master key is what
// counts.
//
// Keys of a session are kept by end, which is named by session and application, and by number. What
// of them may leave when is not decided here (agents/federation/leg.h).

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
    guint number;
    gsize n_key_bytes;
    const guint8 *keys;  // one after another
    const guint8 *marks; // as relay.h has them, which of them are there; NULL: all
    gint64 expires_at_us;
    const char *session; // NULL: of none
    guint64 first;       // the number in it of the first key
    // The attempt of which these are copies, one after another from its first key on; NULL: of
    // none.
    const char *copied_request;
    guint copied_attempt;
} KeyBatch;

// In the order in which they decide about several keys together.
typedef enum {
    KEY_FOUND,
    KEY_WAITING,   // relayed, but not granted yet
    KEY_MISSING,   // not here, or fetched by this application before
    KEY_NOT_YOURS, // here, but for others
} KeyLookup;

// One name for all keys of this size of this audience, in whatever order its targets are named; to
// be freed.
char *key_audience_name(const KeyAudience *audience, gsize n_key_bytes);

KeyStore *keystore_open(Store *store, const Secret *master_key, const Random *random,
                        GError **error);
void keystore_free(KeyStore *keys);

// Only for an attempt of which there is nothing yet.
void keystore_add(KeyStore *keys, const KeyBatch *batch);
gboolean keystore_has(const KeyStore *keys, const char *request, guint attempt);
// The session of its keys, or NULL; until something of it changes.
const char *keystore_session_of_attempt(const KeyStore *keys, const char *request, guint attempt);
// The platform has granted, or voided, this attempt. FALSE when nothing of it is here. Copies that
// are granted take the place of the keys that they are copies of.
gboolean keystore_deliver(KeyStore *keys, const char *request, guint attempt);
gboolean keystore_void(KeyStore *keys, const char *request, guint attempt);

// How many keys of this pair are here, of any size, granted or not, until all holders have them; a
// session's do not count.
guint keystore_n_stored(const KeyStore *keys, const KeyAudience *audience);

// Whether anything is here that this application has not fetched, granted or not.
gboolean keystore_holds_for(const KeyStore *keys, const char *sae);

// How many keys of this size could be fetched now by the initiator.
guint keystore_count(const KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes);
// Takes that many, oldest first, or none: appends DeliveredKey to `ret_keys`.
gboolean keystore_take(KeyStore *keys, const KeyAudience *audience, gsize n_key_bytes, guint number,
                       GPtrArray *ret_keys);
// Takes all keys of one request, for the initiator; none of a session.
KeyLookup keystore_take_request(KeyStore *keys, const char *request, const char *initiator,
                                GPtrArray *ret_keys);

// Whether a target can have this key.
KeyLookup keystore_look_up(const KeyStore *keys, const char *key_id, const char *initiator,
                           const char *target);
// The request whose release it waits for; after KEY_WAITING.
const char *keystore_request_of(const KeyStore *keys, const char *key_id, const char *target);
// The session of a key and its number there, or NULL; after KEY_FOUND or KEY_WAITING.
const char *keystore_session_of(const KeyStore *keys, const char *key_id, const char *target,
                                guint64 *ret_number);
// After KEY_FOUND.
void keystore_take_by_id(KeyStore *keys, const char *key_id, const char *target,
                         GPtrArray *ret_keys);

// The bytes of a key that this application could still get here, or NULL.
const Secret *keystore_peek(const KeyStore *keys, const char *key_id, const char *sae,
                            gboolean is_initiator);

// Wipes what has expired; when the next does, or TIMERS_NEVER.
gint64 keystore_expire(KeyStore *keys, gint64 now_us);

// What an end of a session is called here; to be freed.
char *keystore_end_name(const char *session, const char *sae);
// While an end is kept its keys do not expire.
void keystore_end_keep(KeyStore *keys, const char *end, gboolean is_kept);
// How many keys are stored for this end, granted or not.
guint keystore_end_n_stored(const KeyStore *keys, const char *end);
// Whether the key of this number is here and granted.
gboolean keystore_end_has(const KeyStore *keys, const char *end, guint64 number);
// After that: hands it out.
void keystore_end_take(KeyStore *keys, const char *end, guint64 number, GPtrArray *ret_keys);
// The numbers of the keys for this end, in their order; a number comes twice when it was tried
// twice.
GArray *keystore_end_list(const KeyStore *keys, const char *end);
// Wipes the keys of one number for this end.
void keystore_end_wipe(KeyStore *keys, const char *end, guint64 number);

void delivered_key_free(gpointer key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyStore, keystore_free)

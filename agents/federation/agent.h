#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The agent core: one provider's whole state and rules in the federation. No I/O, no clock, no
// thread: messages and calls come in with the time, what is to be published goes to the outbox,
// what must survive to the store. Runs unchanged in the daemon, the simulator, fuzzers and
// benchmarks.

#include "agents/federation/config.h"
#include "agents/qkdn/driver.h"
#include "topics/base/random.h"
#include "topics/base/store.h"
#include "topics/core.h"
#include "topics/dispatch.h"

typedef struct Agent Agent;

// What became of a call at the key management entity; the words are those of ETSI GS QKD 014.
typedef enum {
    KEY_VERDICT_OK,           // 200
    KEY_VERDICT_BAD_REQUEST,  // 400, with a message
    KEY_VERDICT_UNAUTHORIZED, // 401, without a body
    KEY_VERDICT_UNAVAILABLE,  // 503, with a message
} KeyVerdict;
#define N_KEY_VERDICTS (KEY_VERDICT_UNAVAILABLE + 1)

// One key on its way to an application.
typedef struct {
    char id[37]; // UUID, lower case
    Secret *key;
    char request[37]; // by which it was made
} DeliveredKey;

// ETSI GS QKD 014 V1.1.1 clause 6.1 (Status).
typedef struct {
    const char *source_kme;
    const char *target_kme;
    const char *initiator;
    const char *target;
    guint64 n_stored;
} KeyStatus;

typedef struct {
    KeyVerdict verdict;
    const char *message;     // NULL for OK and UNAUTHORIZED; exact where the standard fixes it
    const char *detail;      // NULL, or more for a person
    const GPtrArray *keys;   // DeliveredKey; for get and get-by-ID
    const KeyStatus *status; // for status
} KeyAnswer;

// Answers each call below exactly once, possibly before the call has returned. Everything that it
// points at belongs to the agent. The pass must be committed before the answer leaves the process.
typedef void (*KeyAnswerFn)(gpointer data, guint64 call, const KeyAnswer *answer);

// Who calls, as its TLS handshake has shown.
#define CERTIFICATE_SHA256_BYTES 32
typedef struct {
    const char *sae;           // the common name of its certificate
    const guint8 *certificate; // SHA-256 of that; NULL: not known
} KeyCaller;

// Get key (clause 5.2 of ETSI GS QKD 014): for initiator and targets, served from the store or by a
// federation key request.
typedef struct {
    KeyCaller caller;           // the initiator
    const char *const *targets; // NULL-terminated, at least one
    guint number;
    guint size_bits;
    guint n_paths;              // at least 1
    const char *const *exclude; // NULL-terminated, or NULL
    const char *request;        // only keys of this request (a UUID), or NULL
    const char *session;        // the next keys of this session (a UUID), or NULL: of any that fits
} KeyQuery;

// `store`, `driver` and `random` outlive the agent.
Agent *agent_new(const AgentConfig *config, Store *store, Driver *driver, const Random *random,
                 gint64 now_us, GError **error);
void agent_free(Agent *agent);

Refusal agent_receive(Agent *agent, const char *topic, const guint8 *payload, gsize n_bytes,
                      gint64 now_us);
gint64 agent_tick(Agent *agent, gint64 now_us);
void agent_connected(Agent *agent, gint64 now_us);
// The configuration was changed: what the provider says of itself and federates may be another now.
void agent_reconfigured(Agent *agent, gint64 now_us);
Outbox *agent_outbox(Agent *agent);
// What it counts of itself.
void agent_measure(const Agent *agent, Metrics *metrics);
// These five, and what authenticates frames, for a shell.
extern const CoreOps agent_ops;

// Before the first call. The answers of all calls go there.
void agent_set_key_answer(Agent *agent, KeyAnswerFn answer, gpointer data);

// `call` is chosen by the caller, unique while it is open.
void agent_key_status(Agent *agent, guint64 call, const KeyCaller *caller, const char *target,
                      gint64 now_us);
void agent_get_keys(Agent *agent, guint64 call, const KeyQuery *query, gint64 now_us);
// Get key with key IDs (clause 5.3): all or none. `key_ids` is NULL-terminated.
void agent_get_keys_by_id(Agent *agent, guint64 call, const KeyCaller *caller,
                          const char *initiator, const char *const *key_ids, gint64 now_us);
// The client is gone: no answer is wanted any more.
void agent_cancel_call(Agent *agent, guint64 call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agent, agent_free)

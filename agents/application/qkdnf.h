#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// libqkdnf: for applications (SAEs) that want the same secret keys at several places of a
// federation of quantum key distribution networks.
//
// There are two things to talk to. The platform, over the bus, grants keys: struct qkdnf. The
// application's own key management entity (KME) hands them out, over ETSI GS QKD 014: struct
// qkdnf_kme. The initiator asks the platform for keys with its targets, then fetches them at its
// KME; it tells its targets the key IDs, by whatever way it has, and they fetch the same keys at
// theirs. An application that needs no say in how its keys travel can do without the bus:
// qkdnf_get_keys() alone is enough.
//
// Threads: a handle is for one thread at a time; different handles are independent.
// Signals: the process should ignore SIGPIPE, as any program that writes to sockets.
// Environment: the MQTT library goes through a proxy where http_proxy or https_proxy name one; a
// program that uses the bus starts without them.
// Memory: what a function returns belongs to the caller and is freed with the function named for
// it, which takes NULL and wipes keys. Parameters are copied. Sizes of keys are in bits where they
// are asked for and in bytes where they are.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QKDNF_API __attribute__((visibility("default")))

// What became of something that was asked for. Codes may be added.
enum qkdnf_status {
    QKDNF_OK = 1,
    QKDNF_BAD_REQUEST = 2,       // malformed, or outside the limits; the text says what
    QKDNF_UNKNOWN_SAE = 3,       // no such application is registered
    QKDNF_UNKNOWN_MEMBER = 4,    // no such provider, or nothing registered by it
    QKDNF_NOT_ALLOWED = 5,       // not to this application; also the KME's 401
    QKDNF_NO_ROUTE = 6,          // no path of active providers and working border links
    QKDNF_NO_DISJOINT_PATHS = 7, // fewer than were asked for
    QKDNF_INSUFFICIENT_KEY = 8,  // the reply says how much could be had, and when
    QKDNF_SLOT_USED = 9,
    QKDNF_SLOT_UNKNOWN = 10,
    QKDNF_TAG_MISMATCH = 11, // relayed key failed its authentication
    QKDNF_EXPIRED = 12,      // the time was up before there was an answer
    QKDNF_VOIDED = 13,
    QKDNF_QKDN_FAILED = 14, // a provider's network could not do its part
    QKDNF_BUSY = 15,        // too much under way; try again later
    QKDNF_UNSUPPORTED = 16,
    QKDNF_INTERNAL = 17,
    QKDNF_BLOCK_UNKNOWN = 18,
    QKDNF_NO_AGREEMENT = 19,
    QKDNF_QUOTA_USED = 20,
    // Of this library:
    QKDNF_UNREACHABLE = 1000, // the broker or KME: no connection, or not the right one
    QKDNF_UNAVAILABLE = 1001, // the KME cannot serve now (its 503)
    QKDNF_BAD_ANSWER = 1002,  // an answer that is not of the standard
    QKDNF_CANCELLED = 1003,   // by qkdnf_cancel(), while somebody waited for it
};

// Such as "NO_ROUTE"; "UNKNOWN" for a code that this version does not have. Static.
QKDNF_API const char *qkdnf_status_name(enum qkdnf_status status);
// A sentence for a person. Static.
QKDNF_API const char *qkdnf_status_text(enum qkdnf_status status);

// Why a handle could not be made, for a person.
struct qkdnf_error {
    char text[512];
};

/* --- the platform, over the bus --- */

struct qkdnf;

// All but kme_url and kme_id are required.
struct qkdnf_config {
    const char *sae;         // this application's SAE ID
    const char *broker_url;  // mqtts://HOST:PORT
    const char *ca;          // PEM file: who may have certified the broker and the KME
    const char *certificate; // PEM file: this application's chain, its common name the SAE ID
    const char *key;         // PEM file: PKCS#8, not encrypted
    const char *platform;    // the platform's member ID
    const char *kme_url;     // https://HOST:PORT; NULL: as qkdnf_register() learns it
    const char *kme_id;      // common name of the KME's certificate; NULL: any that `ca` certified
};

// Starts to connect, and connects again whenever it has to; what is asked meanwhile is sent when
// the bus is there. NULL on what no retry can mend, such as an unusable file; then `ret_error`,
// which may be NULL, says why.
QKDNF_API struct qkdnf *qkdnf_connect(const struct qkdnf_config *config,
                                      struct qkdnf_error *ret_error);
// As an application of a federation that `qkdnf up` described in a file (federation.json).
QKDNF_API struct qkdnf *qkdnf_connect_federation(const char *path, const char *sae,
                                                 struct qkdnf_error *ret_error);
// Disconnects within two seconds. What is not answered yet never will be. Not from a callback.
QKDNF_API void qkdnf_close(struct qkdnf *q);

// 1 while the bus is there.
QKDNF_API int qkdnf_is_connected(const struct qkdnf *q);
// Why the bus is not there, as far as is known, for a person; "" otherwise. Until the next call.
QKDNF_API const char *qkdnf_trouble(const struct qkdnf *q);

// For a loop of the caller's: when the descriptor is readable, or after so many milliseconds (-1:
// no matter), call qkdnf_process(). It never blocks, and all callbacks come from within it. The
// time may become shorter with anything that is asked. What callbacks ask for leaves together, when
// all of them are done. The blocking functions below need no loop, and are not for callbacks.
QKDNF_API int qkdnf_fd(const struct qkdnf *q);
QKDNF_API int qkdnf_timeout_ms(const struct qkdnf *q);
QKDNF_API void qkdnf_process(struct qkdnf *q);

// Where the keys of a request went, one per target and disjoint path.
struct qkdnf_path {
    const char *target;
    size_t n_providers;
    const char *const *providers; // first to last
};

// Where to fetch a request's keys.
struct qkdnf_delivery {
    const char *sae;
    const char *provider;
    const char *kme_url;
};

// The one final answer to a request.
struct qkdnf_reply {
    char id[37]; // of the request, a UUID
    enum qkdnf_status status;
    const char *text; // for a person
    // Granted:
    size_t n_key_ids;
    const char *const *key_ids;
    unsigned size_bits;
    size_t n_paths;
    const struct qkdnf_path *paths;
    size_t n_deliveries;
    const struct qkdnf_delivery *deliveries; // the initiator's, then the targets'
    // QKDNF_INSUFFICIENT_KEY: how many keys could be had now, and in how many milliseconds as many
    // as asked for are expected (0: never at the present rates).
    unsigned available;
    uint64_t available_in_ms;
    unsigned n_attempts;
};
QKDNF_API void qkdnf_reply_free(struct qkdnf_reply *reply);

// Set it to zeros, then what is wanted; 0 and NULL stand for what is in parentheses.
struct qkdnf_request {
    const char *const *targets; // SAE IDs
    size_t n_targets;
    unsigned number;            // of keys (1)
    unsigned size_bits;         // of each, a multiple of 8 (256)
    unsigned n_paths;           // without a common transit provider (1)
    const char *const *exclude; // providers that no path may cross (none)
    size_t n_exclude;
    unsigned timeout_ms; // how long the platform may try (10000)
};

// `reply` is valid until the callback returns.
typedef void (*qkdnf_reply_fn)(void *data, const struct qkdnf_reply *reply);

// Asks the platform for keys. The request is repeated, with the same ID and growing pauses, until
// it is answered; a second after its time the library itself answers QKDNF_EXPIRED, or
// QKDNF_UNREACHABLE when there is no bus. While 1024 requests of this handle are under way, more
// are answered QKDNF_BUSY and not sent. The callback comes once, never from within this call.
// `ret_id`, which may be NULL, gets the request's ID. Returns QKDNF_OK, or QKDNF_BAD_REQUEST when
// the request cannot be sent as it is; then there is no callback.
QKDNF_API enum qkdnf_status qkdnf_request_keys(struct qkdnf *q, const struct qkdnf_request *request,
                                               qkdnf_reply_fn callback, void *data,
                                               char ret_id[37]);
// The callback of this request will not come; 0 when it is not under way. A call that waits for it,
// from within whose callback this may be called, returns with QKDNF_CANCELLED. What the platform
// grants nevertheless stays at the KMEs until it expires.
QKDNF_API int qkdnf_cancel(struct qkdnf *q, const char *id);
// The same, waiting for the reply. Never NULL.
QKDNF_API struct qkdnf_reply *qkdnf_request_keys_wait(struct qkdnf *q,
                                                      const struct qkdnf_request *request);

// How this application is known to the platform.
struct qkdnf_registration {
    enum qkdnf_status status;
    const char *text;
    const char *home;    // the provider
    const char *kme_url; // where it fetches its keys
};
QKDNF_API void qkdnf_registration_free(struct qkdnf_registration *registration);

typedef void (*qkdnf_registration_fn)(void *data, const struct qkdnf_registration *registration);

// Tells the platform what this application offers: a type of service, for people and
// qkdnf_discover() (NULL: none), and whether others may find it. Otherwise as qkdnf_request_keys().
QKDNF_API void qkdnf_register(struct qkdnf *q, const char *service, int visible,
                              unsigned timeout_ms, qkdnf_registration_fn callback, void *data);
QKDNF_API struct qkdnf_registration *qkdnf_register_wait(struct qkdnf *q, const char *service,
                                                         int visible, unsigned timeout_ms);

// An application that can be reached.
struct qkdnf_service {
    const char *sae;
    const char *service;
    const char *provider;
    const char *region;
    const char *kme_id;
    const char *kme_url;
};

struct qkdnf_services {
    enum qkdnf_status status;
    const char *text;
    size_t n_services;
    const struct qkdnf_service *services;
};
QKDNF_API void qkdnf_services_free(struct qkdnf_services *services);

// NULL matches all.
struct qkdnf_query {
    const char *sae;
    const char *region;
    const char *service;
    unsigned timeout_ms; // 0: 10000
};

typedef void (*qkdnf_services_fn)(void *data, const struct qkdnf_services *services);

// Which applications can be reached. Otherwise as qkdnf_request_keys().
QKDNF_API void qkdnf_discover(struct qkdnf *q, const struct qkdnf_query *query,
                              qkdnf_services_fn callback, void *data);
QKDNF_API struct qkdnf_services *qkdnf_discover_wait(struct qkdnf *q,
                                                     const struct qkdnf_query *query);

/* --- sessions: a buffer of keys that is kept filled at both ends --- */

// What is asked of a session, granted to it, or offered instead. 0 stands for what is in
// parentheses.
struct qkdnf_session_qos {
    uint64_t rate_bps;    // key bits per second that the initiator means to use
    unsigned size_bits;   // of each key, a multiple of 8 (256)
    unsigned buffer;      // keys that are kept ready (what the rate uses up while a way is changed)
    uint64_t lifetime_ms; // it ends by itself after this (when it is closed)
    unsigned priority;    // to 7; what is higher is moved first when something fails (0)
    int is_protected;     // a second way is reserved beforehand
    unsigned n_paths;     // without a common transit provider (1)
};

// Set it to zeros, then what is wanted.
struct qkdnf_session_request {
    const char *id; // a UUID; opening the same session again changes nothing (a new one)
    const char *const *targets; // SAE IDs
    size_t n_targets;
    struct qkdnf_session_qos qos;
    const char *const *exclude; // providers that its keys may not cross (none)
    size_t n_exclude;
    unsigned timeout_ms; // how long to wait for the answer (10000)
};

enum qkdnf_session_phase {
    QKDNF_SESSION_OPENING = 1, // admitted; the buffer is filled for the first time
    QKDNF_SESSION_ACTIVE = 2,
    QKDNF_SESSION_DEGRADED = 3, // the buffer cannot be kept filled now
    QKDNF_SESSION_CLOSED = 4,
};
// Such as "ACTIVE"; "UNKNOWN" for one that this version does not have. Static.
QKDNF_API const char *qkdnf_session_phase_name(enum qkdnf_session_phase phase);

struct qkdnf_session {
    const char *id;
    const char *initiator;
    size_t n_targets;
    const char *const *targets;
    enum qkdnf_session_phase phase;
    const char *text; // why it is DEGRADED or CLOSED
    struct qkdnf_session_qos qos;
    size_t n_paths;
    const struct qkdnf_path *paths; // where its keys go now
    size_t n_protection;
    const struct qkdnf_path *protection; // and would go if that failed
    size_t n_deliveries;
    const struct qkdnf_delivery *deliveries; // the initiator's, then the targets'
    // Keys are numbered from 0: those below `n_granted` are or were ready at both ends, those below
    // `n_delivered` were fetched by the initiator, as far as the platform has heard.
    uint64_t n_granted;
    uint64_t n_delivered;
    uint64_t opened_at_us; // since 1970-01-01 UTC
};

struct qkdnf_sessions {
    enum qkdnf_status status;
    const char *text;
    size_t n_sessions; // that was opened or closed, or those that were found
    const struct qkdnf_session *sessions;
    // QKDNF_INSUFFICIENT_KEY: what could be had; a rate of 0: nothing.
    struct qkdnf_session_qos offer;
};
QKDNF_API void qkdnf_sessions_free(struct qkdnf_sessions *sessions);

typedef void (*qkdnf_sessions_fn)(void *data, const struct qkdnf_sessions *sessions);

// Opens a session; its keys are then fetched as any others, with qkdnf_get_keys(). `ret_id`, which
// may be NULL, gets the session's ID. Otherwise as qkdnf_request_keys().
QKDNF_API enum qkdnf_status qkdnf_session_open(struct qkdnf *q,
                                               const struct qkdnf_session_request *request,
                                               qkdnf_sessions_fn callback, void *data,
                                               char ret_id[37]);
QKDNF_API struct qkdnf_sessions *qkdnf_session_open_wait(
    struct qkdnf *q, const struct qkdnf_session_request *request);
// What was fetched as initiator can still be fetched by the targets for a while. QKDNF_BAD_REQUEST
// when `id` is no UUID; then there is no callback.
QKDNF_API enum qkdnf_status qkdnf_session_close(struct qkdnf *q, const char *id,
                                                unsigned timeout_ms, qkdnf_sessions_fn callback,
                                                void *data);
QKDNF_API struct qkdnf_sessions *qkdnf_session_close_wait(struct qkdnf *q, const char *id,
                                                          unsigned timeout_ms);
// This application's sessions; `id` NULL: all.
QKDNF_API enum qkdnf_status qkdnf_session_list(struct qkdnf *q, const char *id, unsigned timeout_ms,
                                               qkdnf_sessions_fn callback, void *data);
QKDNF_API struct qkdnf_sessions *qkdnf_session_list_wait(struct qkdnf *q, const char *id,
                                                         unsigned timeout_ms);

/* --- handover: to be served by another provider, or at another node, with all sessions --- */

// Set it to zeros, then what is wanted: a provider, with or without an access node of it, or a
// region, of which the platform finds the best provider.
struct qkdnf_handover {
    const char *provider;
    const char *node;
    const char *region;
    unsigned timeout_ms; // until this application has come to the new KME (30000)
};

enum qkdnf_handover_phase {
    QKDNF_HANDOVER_UNHEARD = 0, // nothing was heard of it
    QKDNF_HANDOVER_REQUESTED = 1,
    QKDNF_HANDOVER_AUTHORISED = 2, // home and visited provider agree
    // The new KME has what the old one has, and waits for this application to come; the old one
    // still serves.
    QKDNF_HANDOVER_PREPARED = 3,
    QKDNF_HANDOVER_SWITCHED = 4,    // it has come, and the new KME serves
    QKDNF_HANDOVER_RELEASED = 5,    // done: nothing is left at the old one
    QKDNF_HANDOVER_REFUSED = 6,     // the last, instead
    QKDNF_HANDOVER_FALLEN_BACK = 7, // the last, instead: the old KME goes on
};
// Such as "PREPARED"; "UNKNOWN" for one that this version does not have. Static.
QKDNF_API const char *qkdnf_handover_phase_name(enum qkdnf_handover_phase phase);

struct qkdnf_handover_state {
    char id[37];
    enum qkdnf_handover_phase phase;
    enum qkdnf_status status;
    const char *text;
    // Where this application is served from PREPARED on.
    const char *provider;
    const char *node;
    const char *kme_url;
    const char *kme_id;
    unsigned n_sessions;  // that move with it
    uint64_t duration_us; // since it was asked for
};
QKDNF_API void qkdnf_handover_state_free(struct qkdnf_handover_state *state);

// `state` is valid until the callback returns.
typedef void (*qkdnf_handover_fn)(void *data, const struct qkdnf_handover_state *state);

// Asks to be moved. The callback comes for each phase that is heard of, in order, none twice; the
// last is RELEASED, REFUSED, FALLEN_BACK, or any with a status of this library's own when there is
// no word of the end in time. With PREPARED the application goes on at the new KME, for which
// qkdnf_kme_move() is made; from then on qkdnf_kme_of() gives that one. With FALLEN_BACK it goes
// back. QKDNF_BAD_REQUEST when it cannot be sent as it is; then there is no callback. `ret_id`,
// which may be NULL, gets the handover's ID.
QKDNF_API enum qkdnf_status qkdnf_handover(struct qkdnf *q, const struct qkdnf_handover *handover,
                                           qkdnf_handover_fn callback, void *data, char ret_id[37]);
struct qkdnf_kme;
// The same, waiting for the end; `callback` may be NULL. `kme`, which may be NULL, is pointed at
// the new KME and calls there as soon as that is PREPARED, and is pointed back if it must be. Never
// NULL.
QKDNF_API struct qkdnf_handover_state *qkdnf_handover_wait(struct qkdnf *q,
                                                           const struct qkdnf_handover *handover,
                                                           struct qkdnf_kme *kme,
                                                           qkdnf_handover_fn callback, void *data);
// For handovers of this application that somebody else asks for, such as an operator: what happens
// then is told by this callback (NULL: no more), in the same way.
QKDNF_API void qkdnf_on_handover(struct qkdnf *q, qkdnf_handover_fn callback, void *data);

/* --- the key management entity, over ETSI GS QKD 014 V1.1.1 --- */

// `id` is the common name that its certificate must have (clause 4.1 of the standard); NULL: any
// that `ca` certified. The host of the URL is checked in any case. Connects with the first call; no
// proxy is ever used. NULL when the URL is not https or memory is short.
QKDNF_API struct qkdnf_kme *qkdnf_kme_new(const char *url, const char *id, const char *ca,
                                          const char *certificate, const char *key,
                                          struct qkdnf_error *ret_error);
// The KME of a connected application, with its certificate. NULL, too, when its URL is not known.
QKDNF_API struct qkdnf_kme *qkdnf_kme_of(const struct qkdnf *q, struct qkdnf_error *ret_error);
QKDNF_API void qkdnf_kme_free(struct qkdnf_kme *kme);
// Points it at another KME, with the same files; as in qkdnf_kme_new(). 0 when the URL cannot be
// used: then nothing is changed.
QKDNF_API int qkdnf_kme_move(struct qkdnf_kme *kme, const char *url, const char *id,
                             struct qkdnf_error *ret_error);

struct qkdnf_key {
    char id[37]; // UUID, lower case
    const unsigned char *bytes;
    size_t n_bytes;
};

struct qkdnf_keys {
    enum qkdnf_status status;
    const char *text; // for a person; never part of a key
    int http_code;    // 0: no answer
    size_t n_keys;    // 0 unless QKDNF_OK
    const struct qkdnf_key *keys;
};
// Wipes the keys.
QKDNF_API void qkdnf_keys_free(struct qkdnf_keys *keys);

// Set it to zeros, then what is wanted; 0 and NULL stand for what the KME does of itself.
struct qkdnf_key_query {
    const char *const *targets; // SAE IDs; at least one
    size_t n_targets;
    unsigned number;
    unsigned size_bits;
    unsigned n_paths;           // extension qkdnf_paths
    const char *const *exclude; // extension qkdnf_exclude
    size_t n_exclude;
    const char *request; // extension qkdnf_request: only keys of this granted request
    const char *session; // extension qkdnf_session: only keys of this session
};

// As the initiator (Get key, clause 5.2): keys that the targets can fetch, too. Across providers
// this takes as long as a federation request. Blocks for at most `timeout_ms` (0: 10000); never
// NULL.
QKDNF_API struct qkdnf_keys *qkdnf_get_keys(struct qkdnf_kme *kme,
                                            const struct qkdnf_key_query *query,
                                            unsigned timeout_ms);
// As the initiator: the keys that a request was granted.
QKDNF_API struct qkdnf_keys *qkdnf_fetch(struct qkdnf_kme *kme, const struct qkdnf_reply *reply,
                                         unsigned timeout_ms);
// As a target (Get key with key IDs, clause 5.3): all of them or none; each key only once.
QKDNF_API struct qkdnf_keys *qkdnf_get_keys_by_id(struct qkdnf_kme *kme, const char *initiator,
                                                  const char *const *key_ids, size_t n_key_ids,
                                                  unsigned timeout_ms);

#ifdef __cplusplus
}
#endif

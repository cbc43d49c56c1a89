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
    // Of this library:
    QKDNF_UNREACHABLE = 1000, // the broker or KME: no connection, or not the right one
    QKDNF_UNAVAILABLE = 1001, // the KME cannot serve now (its 503)
    QKDNF_BAD_ANSWER = 1002,  // an answer that is not of the standard
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
// time may become shorter with anything that is asked. The blocking functions below need no loop.
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
// QKDNF_UNREACHABLE when there is no bus. The callback comes once, never from within this call.
// `ret_id`, which may be NULL, gets the request's ID. Returns QKDNF_OK, or QKDNF_BAD_REQUEST when
// the request cannot be sent as it is; then there is no callback.
QKDNF_API enum qkdnf_status qkdnf_request_keys(struct qkdnf *q, const struct qkdnf_request *request,
                                               qkdnf_reply_fn callback, void *data,
                                               char ret_id[37]);
// The callback of this request will not come; 0 when it is not under way. What the platform grants
// nevertheless stays at the KMEs until it expires.
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

/* --- the key management entity, over ETSI GS QKD 014 V1.1.1 --- */

struct qkdnf_kme;

// `id` is the common name that its certificate must have (clause 4.1 of the standard); NULL: any
// that `ca` certified. The host of the URL is checked in any case. Connects with the first call; no
// proxy is ever used. NULL when the URL is not https or memory is short.
QKDNF_API struct qkdnf_kme *qkdnf_kme_new(const char *url, const char *id, const char *ca,
                                          const char *certificate, const char *key,
                                          struct qkdnf_error *ret_error);
// The KME of a connected application, with its certificate. NULL, too, when its URL is not known.
QKDNF_API struct qkdnf_kme *qkdnf_kme_of(const struct qkdnf *q, struct qkdnf_error *ret_error);
QKDNF_API void qkdnf_kme_free(struct qkdnf_kme *kme);

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

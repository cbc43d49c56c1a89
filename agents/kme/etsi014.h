#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// ETSI GS QKD 014 V1.1.1 between bytes and calls: an HTTP request in, a checked call or an error
// answer out; the agent's answer in, a status code and a JSON body out. No I/O, any thread.
//
// The standard's words master and slave stay in here; everywhere else it is initiator and target.
//
// Where the standard leaves room:
// - Members of a body that it does not name are ignored: a later edition may add some, and what
//   must not be ignored has its own place (extension_mandatory). Parameters of a query that it does
//   not name are refused, because clause 5.2 allows GET for `number` and `size` only: a client that
//   put anything else there would be served something other than what it asked for. A member named
//   twice is refused.
// - `null` is a value of the wrong type, not an absent one.
// - A body is read as JSON whatever its Content-Type says; an empty one is an empty Key request.
// - An extension of ours in extension_optional is met or the call fails, as in extension_mandatory;
//   but where its value is of no use it is ignored. In doubt extension_mandatory counts.

#include "agents/federation/agent.h"

// The largest body that is read, in bytes; more than enough for a thousand key IDs.
#define ETSI014_MAX_BODY_BYTES (256 * 1024)

#define ETSI014_BAD_FORMAT    "Bad request format."
#define ETSI014_SERVER_FAILED "Error on server side."

// What came in. Nothing is owned.
typedef struct {
    const char *method; // such as "GET"
    const char *path;   // still percent-encoded
    const char *query;  // what follows the `?`, still encoded; or NULL
    const guint8 *body;
    gsize n_bytes;
} Etsi014Request;

// The methods of clause 5.
typedef enum {
    ETSI014_GET_STATUS,
    ETSI014_GET_KEY,
    ETSI014_GET_KEY_WITH_IDS,
} Etsi014Method;

// A call that keeps to the standard and to the limits; owns everything in it.
typedef struct {
    Etsi014Method method;
    char *peer; // the SAE ID in the path: slave of Get status and Get key, else master
    // Get key (clause 6.2):
    char **targets; // the peer, then additional_slave_SAE_IDs; NULL-terminated
    guint number;
    guint size_bits;
    guint n_paths;  // extension qkdnf_paths, an integer of at least 1
    char **exclude; // extension qkdnf_exclude, provider IDs; NULL-terminated, or NULL
    char *request;  // extension qkdnf_request, a UUID in lower case, or NULL
    char *session;  // extension qkdnf_session, a UUID in lower case, or NULL
    // Get key with key IDs (clause 6.4): UUIDs in lower case, none twice; NULL-terminated
    char **key_ids;
} Etsi014Call;

// What goes out.
typedef struct {
    guint code;        // HTTP
    const char *allow; // for the Allow header, or NULL
    Secret *body;      // JSON; NULL: none
} Etsi014Answer;

// NULL when the request is refused; then `ret_answer` is what to answer: 400 with the text that the
// standard fixes (clause 5) and what was wrong where, 404, 405 or 413.
Etsi014Call *etsi014_parse(const Etsi014Request *request, const KeyLimits *limits,
                           Etsi014Answer **ret_answer);
void etsi014_call_free(Etsi014Call *call);

// Status (clause 6.1), Key container (6.3), Error (6.5), or 401 without a body. The keys are copied
// into the body and nowhere else.
Etsi014Answer *etsi014_answer(Etsi014Method method, const KeyAnswer *answer,
                              const KeyLimits *limits);
// An Error with one detail `{"where": "what"}`; none where `where` is NULL.
Etsi014Answer *etsi014_refuse(guint code, const char *message, const char *where, const char *what);
// Wipes the body; takes NULL.
void etsi014_answer_free(Etsi014Answer *answer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Etsi014Call, etsi014_call_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Etsi014Answer, etsi014_answer_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One call at the key management entity while it waits. Inside the agent core: call.c keeps them
// and answers them, service.c gets keys for them, service-status.c says where an SAE is served.

#include "agents/federation/core.h"

// What is asked of the platform is asked again after this long, then after twice as long.
#define CALL_REPEAT_US (500 * G_TIME_SPAN_MILLISECOND)

// ETSI GS QKD 014 V1.1.1 fixes these texts.
#define TEXT_BAD_REQUEST "Bad request format."
#define TEXT_NOT_FOUND   "one or more keys specified are not found on KME"
#define TEXT_NOT_MET     "not all extension_mandatory request options could be met"

// What a call waits for is a request's ID, this and an SAE, LEG_WAIT and an end of a session, or
// DOOR_WAIT and an SAE: no ID begins like these.
#define CALL_SAE_PREFIX "sae "

typedef enum {
    CALL_STATUS,
    CALL_GET,
    CALL_GET_REQUEST,
    CALL_GET_SESSION,
    CALL_GET_BY_ID,
    CALL_AT_DOOR,
} CallType;

typedef struct Asked Asked;

typedef struct {
    guint64 number;
    CallType type;
    char *caller;
    char *
        waits_for; // a request, for STATUS where an SAE is served, an end of a session, or the door
    char *initiator;   // GET_BY_ID
    char **key_ids;    // GET_BY_ID
    guint n_keys;      // GET_SESSION
    WireRequest *wire; // GET: what was asked of the platform
    Asked *asked;      // AT_DOOR
    gboolean is_granted;
    gint64 repeat_us;
} Call;

// A call that is answered at the latest when the agent's patience ends.
Call *call_new(Agent *agent, guint64 number, CallType type, const char *caller);
void call_remove(Agent *agent, Call *call);

void call_wait_for(Agent *agent, Call *call, const char *what);
// The calls that wait for this, by number, since answering one may end others; to be freed.
GArray *call_list_waiting(Agent *agent, const char *what);
// The call that made a federation key request, or NULL.
Call *call_find_requester(Agent *agent, const char *request);

// The answer to a call that was not kept.
void call_answer(Agent *agent, guint64 number, const KeyAnswer *what);
void call_refuse_number(Agent *agent, guint64 number, KeyVerdict verdict, const char *message,
                        const char *detail);
// The answer to one that was, which ends it.
void call_refuse(Agent *agent, Call *call, KeyVerdict verdict, const char *message,
                 const char *detail);
void call_deliver(Agent *agent, Call *call, const GPtrArray *keys);

// service.c: hands out the keys that the call names, if all of them can be.
void service_try_key_ids(Agent *agent, Call *call);

// service-session.c
// FALSE when no session is asked for, and none fits.
gboolean session_get_keys(Agent *agent, guint64 number, const KeyQuery *query);
// Whether a target can have this key now. With KEY_WAITING, what to wait for; to be freed.
KeyLookup session_look_up(const Agent *agent, const Call *call, const char *key_id,
                          char **ret_wait);
// After KEY_FOUND.
void session_take_by_id(Agent *agent, const Call *call, const char *key_id, GPtrArray *ret_keys);
// Why a call has waited in vain for an end of a session; NULL when it did not wait for one.
const char *session_timeout_text(const Agent *agent, const Call *call);
// How many keys the initiator could be given now.
guint session_n_ready(const Agent *agent, const KeyAudience *audience, guint size_bits);

// service-status.c
void status_ask_again(Agent *agent, const char *sae);

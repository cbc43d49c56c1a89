#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Users away from home. Inside the agent core: visitor.c keeps what the platform said of them,
// visitor-door.c the calls of those whom this agent does not serve, or not yet, until the platform
// says whether it may.

#include "agents/federation/call.h"

// One that the platform has spoken of: another provider's user, or an own one.
typedef struct {
    WireVisit *visit; // the last
} Visitor;

Visitor *visitor_find(const Agent *agent, const char *sae);

typedef enum {
    ADMIT,         // it is served here
    ADMIT_LEAVING, // to what is here for it already
    ADMIT_LATER,   // it is new here: the platform has to say
    ADMIT_NOT,     // it comes with another certificate than its home says
} Admission;
Admission visitor_admit(const Agent *agent, const KeyCaller *caller);

// What was asked, to be asked again when the door opens.
struct Asked {
    CallType type;              // CALL_STATUS, CALL_GET or CALL_GET_BY_ID
    KeyQuery query;             // the caller; for GET all of it
    const char *peer;           // STATUS: the target; GET_BY_ID: the initiator
    const char *const *key_ids; // GET_BY_ID
};
void asked_free(Asked *asked);

// Whether the caller may go on. If not, the call is refused, or waits at the door.
gboolean door_pass(Agent *agent, guint64 number, const Asked *asked);
// The same for what only one who is served here can have, after door_pass().
gboolean door_pass_served(Agent *agent, guint64 number, const Asked *asked);

// The platform has spoken: whoever waits is let in, or refused.
void door_open(Agent *agent, const char *sae);
void door_refuse(Agent *agent, const char *sae, Status status, const char *text);
void door_on_timer(Agent *agent, const char *sae);

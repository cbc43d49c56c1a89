#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A virtual application: asks the platform for keys over the bus, repeats until it is answered or
// its time is up, and keeps every answer that it was given. An operator is one, too, that asks for
// other things; so is a monitor, which only listens.

#include "tests/sim/broker.h"
#include "tests/sim/dice.h"
#include "topics/dispatch.h"

typedef Qkdnf__V1__HandoverPhase HandoverPhase;
#define HANDOVER(phase) QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_##phase

// One request, and what came of it.
typedef struct {
    char *id;
    WireRequest *wire;
    gint64 asked_at_us;
    gint64 repeat_us;
    GPtrArray *replies; // WireReply, as they came
} Ask;

typedef struct {
    char *sae;
    Role role;
    const char *at; // the provider at whose KME it calls
    Agenda *agenda;
    Broker *broker;
    Dice dice;
    Outbox *outbox;
    Dispatcher *dispatcher;
    Authentication *authentication; // or NULL
    GTree *asks;                    // request ID → Ask
    GTree *session_states;          // ID → WireSessionState
    GTree *handover_states;         // ID → WireHandoverState
    WireAdminReply *members;        // as an operator was told last; or NULL
    BrokerReceivedFn received;      // or NULL
    gpointer owner;                 // of that
} Application;

Application *application_new(Agenda *agenda, Broker *broker, const char *sae, Role role,
                             guint64 seed, gboolean is_authenticated);
void application_free(Application *application);

void application_connect(Application *application);

// A request that says who asks, for whom, and what; its ID is made up. Belongs to the application.
Ask *application_ask(Application *application, const WireRequest *request);
// Says it again now.
void application_repeat(Application *application, const Ask *ask);

// Anything else that an application says to the platform, or an operator to anybody.
void application_say(Application *application, KindId kind, const ProtobufCMessage *message);
void application_say_to(Application *application, KindId kind, const char *to,
                        const ProtobufCMessage *message);
// The last answer to what was said of sessions under this ID, or NULL.
const WireSessionState *application_session_state(const Application *application, const char *id);
// The last that was said of a handover, or NULL.
const WireHandoverState *application_handover_state(const Application *application, const char *id);

// The first answer, or NULL.
const WireReply *ask_reply(const Ask *ask);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A stage for users away from home, with the real cores: what they, and an operator, do and see.

#include "tests/sim/stage.h"

#define OPERATOR "ops"
#define MOVE_ID  "01234567-89ab-4cde-8f01-23456789abcd"
#define OTHER_ID "01234567-89ab-4cde-8f01-23456789abce"
#define SESSION  "5e551011-0000-4000-8000-000000000001"

#define PHASE(phase) QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_##phase

// alpha - beta - gamma; anybody may serve anybody's users.
Network *network_roaming(void);
RoamingPolicy *policy_of(Network *network, const char *site);
Stage *stage_roaming(void);

// One key of 256 bits for a user who calls at that agent.
const Fetch *call_with(Stage *stage, const char *agent, const KeyCaller *caller, const char *to);
const Fetch *call(Stage *stage, const char *agent, const char *sae, const char *to);
// The target gets, at that agent, the key that the initiator has.
void assert_same_at(Stage *stage, const Fetch *mine, const char *agent, const char *target);
// A user or an operator tells the platform.
void say(Stage *stage, const char *sender, KindId kind, const ProtobufCMessage *message);

// --- handovers -----------------------------------------------------------------------------------

WireHandover make_move(const char *provider);
void ask_as(Stage *stage, const char *sender, const WireHandover *wire);
// The last that was said of a handover, or NULL.
const WireHandoverState *find_state(const Stage *stage, const char *id);
const WireHandoverState *await_phase_of(Stage *stage, const char *id,
                                        Qkdnf__V1__HandoverPhase phase);
// Of MOVE_ID.
const WireHandoverState *await_phase(Stage *stage, Qkdnf__V1__HandoverPhase phase);
void assert_event(const Stage *stage, const char *name, const char *subject);

// --- sessions ------------------------------------------------------------------------------------

// SESSION of sae-a at alpha, with sae-b at beta or another target.
void start_session(Stage *stage);
void start_session_with(Stage *stage, const char *target);

// A consumer at both ends of a session of sae-a with sae-b.
typedef struct {
    Stage *stage;
    const char *initiator_at, *target_at;
    GHashTable *ids; // of all keys so far
    guint n_keys;
} Consumer;

Consumer consumer_new(Stage *stage);
// The next key of the session, for its initiator.
const Fetch *take_next(const Consumer *consumer);
// One key, which is the next of the session, new, and the same at both ends.
void consume(Consumer *consumer);
void consume_some(Consumer *consumer, guint n);
// Keys are handed out in their order: as many as were, and so none was left out.
void assert_unbroken(const Consumer *consumer);

// What the agent said last of the initiator's end; or NULL.
const WireLegState *find_leg_state(const Stage *stage, const char *agent);
// That the agent was sent keys which another one held.
gboolean has_seen_copies(const Stage *stage, const char *agent);

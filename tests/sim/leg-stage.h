#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A stage on which the platform is played by hand, for sessions of sae-a at alpha with sae-b at
// beta. Each is configured as a user of both, as if it had roaming agreements with them.

#include "tests/sim/stage.h"

#define SESSION  "5e551011-0000-4000-8000-000000000001"
#define SESSION2 "5e551011-0000-4000-8000-000000000002"
#define MS       ((gint64)G_TIME_SPAN_MILLISECOND)
#define SECOND   ((gint64)G_TIME_SPAN_SECOND)

#define PHASE(name) QKDNF__V1__LEG_PHASE__LEG_PHASE_##name

typedef struct {
    Stage *stage;
    gboolean restarts; // both agents, after everything that they are told
    guint n_told;
    guint64 n_slots; // of the border link that were used
} LegStage;

Network *leg_network(void);
// Takes over the network; NULL: as it is.
LegStage *leg_stage_new(Network *network);
void leg_stage_free(LegStage *legs);

void tell(LegStage *legs, KindId kind, const char *to, const ProtobufCMessage *message);
void restart(LegStage *legs, const char *agent);

// Legs in the session of these two, with keys of 256 bits, a buffer of 16 and reports every 4.
WireLeg leg_of(const char *sae, guint64 version, Qkdnf__V1__LegPhase phase);
// The last that the agent said of this end since the last stage_forget(), or NULL.
const WireLegState *heard(const LegStage *legs, const char *agent, const char *sae);
// Each tells it, and gives what is answered.
const WireLegState *tell_leg(LegStage *legs, const char *agent, const WireLeg *leg);
const WireLegState *tell_phase(LegStage *legs, const char *agent, const char *sae, guint64 version,
                               Qkdnf__V1__LegPhase phase);
// With one range that is left.
const WireLegState *tell_left(LegStage *legs, const char *agent, const char *sae, guint64 version,
                              Qkdnf__V1__LegPhase phase, guint64 first, guint64 end,
                              guint64 resume);
// That this is all that is left.
void assert_left(const WireLegState *state, guint64 first, guint64 end);
// Both serve, the initiator at alpha and the target at beta.
void open_session(LegStage *legs);

// Requests are numbered.
char *request_id(guint n);

typedef struct {
    guint request;
    guint attempt;
    guint64 first; // number of the first key
    guint number;
    const WireKeyCopy *copy;
    const char *mover; // of the copy
    gboolean is_back;  // from beta to alpha
} Split;

// Orders to both agents, for keys that cross the border.
void order(LegStage *legs, const Split *split);
void release(LegStage *legs, const char *agent, guint request, guint attempt, gboolean deliver);
void grant(LegStage *legs, guint request);
// Keys from number `first` on, by a request that is numbered like it.
void fill(LegStage *legs, guint64 first, guint number);
// Copies of the keys of a request.
void copy(LegStage *legs, guint request, guint attempt, guint copied, guint number,
          const char *mover, gboolean is_back);

const Fetch *get_at(LegStage *legs, const char *agent, guint number, const char *session);
const Fetch *get(LegStage *legs, guint number);
const Fetch *get_id_at(LegStage *legs, const char *agent, guint request, guint attempt,
                       guint index);
const Fetch *get_id(LegStage *legs, guint request, guint index);
// That it was given these keys of a request.
void assert_got(const Fetch *fetch, guint request, guint attempt, guint index, guint number);
void assert_same_key(const Fetch *a, const Fetch *b);
void assert_refused(const Fetch *fetch, KeyVerdict verdict);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LegStage, leg_stage_free)

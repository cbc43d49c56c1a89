#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Legs: the ends of sessions that this agent serves, and what of their keys may be handed out here.
// Inside the agent core: leg.c is the conversation with the platform, leg-keys.c decides about
// keys, leg-report.c says how far a leg is, leg-store.c keeps it.
//
// One number of a session is handed out at most once at an end, wherever that is served. So a leg
// remembers the numbers that are spent: handed out here, or said by the platform not to be left
// when the leg came here. Spent numbers only ever become more.

#include "agents/federation/core.h"
#include "agents/federation/sequence.h"

#define LEG_PHASE(name) QKDNF__V1__LEG_PHASE__LEG_PHASE_##name

// Before the name of an end, in what calls wait for.
#define LEG_WAIT "leg "

typedef struct {
    char *name;    // "session/sae", as the key store names this end
    WireLeg *told; // by the platform, last
    SequenceSet *spent;
    gint64 since_us;
    gint64 forget_at_us; // once it has ended
    char *pair;          // whom its keys are for, and their size

    // Not kept over a restart.
    gboolean owes_state;
    gboolean is_wanted;   // in PREPARE: the application has called
    gboolean is_overrun;  // the target does not fetch; told once, until it does
    guint64 n_unreported; // handed out since the platform was told
    gint64 repeat_us;     // between reports while somebody waits; 0: nobody does
} Leg;

struct LegTable {
    GTree *legs;       // name → Leg
    GHashTable *pairs; // initiator, targets and size → GPtrArray of Leg of the initiator, by age
    GHashTable *held;  // SAE → GPtrArray of Leg in PREPARE or FREEZE
    GPtrArray *owing;  // Leg that have to report, in the order in which that came about
    char *beat;        // the last leg that the heartbeat got to, or NULL
};

Leg *leg_find(const Agent *agent, const char *session, const char *sae);
gboolean leg_is_initiator(const Leg *leg);
// How many keys can be asked for at once: what the platform always keeps ready.
guint leg_n_most(const Leg *leg);
// The oldest leg of which the initiator could be given so many keys of this size; or NULL.
Leg *leg_find_for(const Agent *agent, const KeyAudience *audience, guint number, guint size_bits);
// A leg of this application that waits for the word of the platform, in a session of this
// initiator; or NULL.
Leg *leg_find_held(const Agent *agent, const char *sae, const char *initiator);
// An application calls here, which a leg in PREPARE may be waiting for.
void leg_note_call(Agent *agent, const char *sae);

// service-session.c: what calls wait for may have come about.
void service_on_leg(Agent *agent, Leg *leg);

// leg-keys.c
typedef enum {
    LEG_ALLOWS, // to hand it out
    LEG_HOLDS,  // it back, for now
    LEG_DENIES, // it for good
} LegVerdict;
LegVerdict leg_verdict(const Leg *leg, guint64 number);
// So many keys, in their order, or none.
gboolean leg_take(Agent *agent, Leg *leg, guint number, GPtrArray *ret_keys);
guint leg_n_ready(const Agent *agent, const Leg *leg);
// A target has fetched it.
void leg_spend(Agent *agent, Leg *leg, guint64 number);
void leg_wipe(Agent *agent, const Leg *leg);
// What is spent and still here.
void leg_sweep(Agent *agent, Leg *leg);
// Which numbers are here and were not handed out.
SequenceSet *leg_list_left(const Agent *agent, const Leg *leg);
// Keys were stored, or copies became keys, for an end that may be known here.
void leg_on_stored(Agent *agent, const char *session, const char *sae);

// leg-report.c
// Says at the end of the pass how far the leg is.
void leg_owe(Agent *agent, Leg *leg);
// Again and again, as somebody waits.
void leg_urge(Agent *agent, Leg *leg);
void leg_stop_urging(Agent *agent, Leg *leg);
void leg_count_handed_out(Agent *agent, Leg *leg, guint number);
void leg_refuse(Agent *agent, const WireLeg *told, Status status, const char *text);
void leg_forget_owing(Agent *agent, const Leg *leg);
void leg_repeat(Agent *agent, Leg *leg);

// leg-store.c
void leg_save(Agent *agent, const Leg *leg);

// What calls wait for that wait for this end of a session; to be freed.
char *leg_wait_name(const char *end);

Leg *leg_insert(Agent *agent, const char *name, const WireLeg *told, gint64 since_us);
// Puts it where it is looked for in this phase, after all of it has changed.
void leg_index(Agent *agent, Leg *leg);

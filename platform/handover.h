#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An application moves. Inside the federation core: handover.c is the procedure, handover-start.c
// how it begins, handover-move.c what agents are told, handover-copy.c sends keys along,
// handover-check.c says who may move where, handover-store.c keeps it; roaming.c
// knows the providers' policies, and visit.c tells the agents.

#include "platform/request.h"
#include "platform/route.h"

typedef Qkdnf__V1__HandoverPhase HandoverPhase;
#define HANDOVER(phase)   QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_##phase
#define N_HANDOVER_PHASES (HANDOVER(FALLEN_BACK) + 1)

// Keys of a block of a session that are copied to where the application goes.
typedef struct {
    guint64 first;
    guint n_failed; // requests for it
    gboolean is_done;
    gint64 retry_at_us;
} HandoverCopy;

// A session that moves along.
typedef struct {
    char *session;
    char *agent;  // the new one; in the end the one that it has left
    WireLeg *leg; // what that is told last
    gboolean is_answered;
    WireLegState *frozen; // what the old one said when it was frozen; NULL: it is not
    GArray *copies;       // HandoverCopy
} HandoverMove;

typedef struct {
    char *id;
    char *sender; // who asked; empty: nobody, the application has come by itself
    char *sae;
    HandoverPhase phase;
    Status status; // of what ended it
    char *text;
    Provider *provider; // where to
    char *node;
    Provider *old_provider; // where from
    char *old_node;
    gboolean is_by_operator;
    gboolean has_called;  // the application has called at the new KME
    gboolean is_forced;   // the old one may not serve it any more
    gboolean is_freezing; // the old one hands out no more keys of its sessions
    GPtrArray *moves;     // HandoverMove
    gint64 repeat_us;     // until what its agents have not answered is said again
    gint64 asked_at_us;
    gint64 deadline_us;  // to be switched by; then, to be released by
    gint64 forget_at_us; // once it is over
} Handover;

// --- handover.c ----------------------------------------------------------------------------------

Handover *handover_new(Federation *federation, const char *id, const char *sender, const char *sae);
gboolean handover_is_over(const Handover *handover);
// The one under way for an application, or NULL.
Handover *handover_find_running(const Federation *federation, const char *sae);
// How many of an application are under way or remembered.
guint handover_n_of(const Federation *federation, const char *sae);

// The only place where the phase changes; saves it.
void handover_enter(Federation *federation, Handover *handover, HandoverPhase phase);
// Tells one member how it stands.
void handover_send_state(Federation *federation, const Handover *handover, const char *to);
// Does what can be done now.
void handover_proceed(Federation *federation, Handover *handover);
// It cannot be prepared: everything stays as it was.
void handover_fail(Federation *federation, Handover *handover, Status status, const char *text);

// --- handover-start.c ----------------------------------------------------------------------------

// Its agent may not serve it any more, but can still speak: it goes home, or goes on to where it is
// under way to.
void handover_take_home(Federation *federation, Application *application);

// --- handover-move.c -----------------------------------------------------------------------------

// What agents have not answered is said again after this, then after twice as long, and so on.
#define HANDOVER_REPEAT_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)

HandoverMove *handover_move_new(const char *session, const char *agent, const WireLeg *leg);
void handover_move_free(gpointer move);
HandoverMove *handover_find_move(const Handover *handover, const char *session);
guint handover_n_sessions(const Handover *handover);
void handover_repeat_legs(Federation *federation, Handover *handover);
// The new agent prepares, and has copies of all keys. FALSE: not yet.
gboolean handover_prepare_sessions(Federation *federation, Handover *handover);
// The old agent has stopped handing out, and the new one has all that is left. FALSE: not yet.
gboolean handover_freeze_sessions(Federation *federation, Handover *handover);
// The new agent serves; the old one forgets.
void handover_switch_sessions(Federation *federation, Handover *handover);
// The old agent serves again; the new one forgets.
void handover_return_sessions(Federation *federation, Handover *handover);
// Whoever was told to forget has done so.
gboolean handover_has_left_sessions(const Handover *handover);

// --- handover-copy.c -----------------------------------------------------------------------------

// Starts the copies that are missing. Whether all are there.
gboolean handover_copy_blocks(Federation *federation, Handover *handover, HandoverMove *move);
void handover_call_off_copies(Federation *federation, const Handover *handover);

// --- handover-check.c ----------------------------------------------------------------------------

// Under way or remembered, of one application, whoever asked for them.
#define HANDOVER_KEPT_MAX 32

// Where a handover leads to.
typedef struct {
    Provider *provider;
    const char *node;
} HandoverGoal;
Verdict handover_check(const Federation *federation, const Sender *sender, const WireHandover *wire,
                       HandoverGoal *ret_goal);
// Whether the application may go to the provider, whoever asks.
Verdict handover_check_goal(const Federation *federation, const Application *application,
                            Provider *provider, const char *node, HandoverGoal *ret_goal);

// --- handover-store.c ----------------------------------------------------------------------------

void handover_save(Federation *federation, const Handover *handover);

// --- roaming.c -----------------------------------------------------------------------------------

// Whether home and the other provider let it be served there.
Verdict roaming_check(const Federation *federation, const Application *application,
                      const Provider *to);
// How the keys of the application travel while it is away.
Qkdnf__V1__RoamingMode roaming_mode(const Application *application);
// Leads the keys of a visitor whose home wants that through its home.
void roaming_lead_home(RouteQuery *query, const Application *from, const Application *to);
// The access node that it is attached to there if it does not name one; NULL: there is none.
const char *roaming_node(const Application *application, const Provider *to);
// The provider in the region from which the `others` (Application) are reached best, or without
// any its home; NULL when nobody there may serve it.
Provider *roaming_find_best(const Federation *federation, const Application *application,
                            const char *region, const GPtrArray *others);

// --- visit.c -------------------------------------------------------------------------------------

// What an agent is told of an application, until it has answered. Says nothing twice.
void visit_tell(Federation *federation, const Application *application, const Provider *agent,
                const char *node, gboolean has_come);
void visit_end(Federation *federation, const char *sae, const char *agent);
// Whether the agent has answered what it was told last.
gboolean visit_is_answered(const Federation *federation, const char *sae, const char *agent);
// Says the last once more.
void visit_repeat(Federation *federation, const char *sae, const char *agent);
// One at the door may not come in; not repeated, because the agent asks again.
void visit_turn_away(Federation *federation, const char *sae, const char *agent, Status status,
                     const char *text);

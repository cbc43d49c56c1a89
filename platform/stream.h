#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A session as the platform keeps it: a stream of numbered keys for an initiator and its targets.
// (The bus has a Session of its own.) Inside the federation core:
//
//   stream.c         its life and its timers; stream-store.c as it survives the platform
//   stream-open.c    opening, closing and listing; stream-check.c who may, and what is bad
//   stream-offer.c   what could be had instead; stream-answer.c what askers are told
//   stream-block.c   its keys: each block of them is a request of the platform's own
//   stream-leg.c     its ends at their agents
//   stream-way.c     its ways through the federation, and the capacity reserved on them
//   stream-fault.c   when these fail, and when better ones are back
//   stream-recover.c when the agent of an end is lost, with the keys that it had
//
// Keys are numbered 0, 1, 2, ... A block that fails is made again under the same numbers, so there
// is never a gap.

#include "platform/request.h"
#include "topics/base/id.h"

typedef enum {
    STREAM_OPENING = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_OPENING,
    STREAM_ACTIVE = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_ACTIVE,
    STREAM_DEGRADED = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_DEGRADED,
    STREAM_CLOSED = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_CLOSED,
    N_STREAM_PHASES,
} StreamPhase;

typedef enum {
    BLOCK_RUNNING = PLATFORM__STATE__BLOCK_STATE__RUNNING,
    BLOCK_WAITING = PLATFORM__STATE__BLOCK_STATE__WAITING, // failed, and to be tried again
    BLOCK_DONE = PLATFORM__STATE__BLOCK_STATE__DONE,
} BlockState;

typedef struct {
    guint64 first;
    guint number;
    guint n_failed; // requests for it
    BlockState state;
    guint attempt; // of the request that was granted
} StreamBlock;

typedef struct {
    char *agent;
    WireLeg *wire; // what the agent is told last
    gboolean is_answered;
    gboolean is_recovering; // its keys are lost, and it has not answered since
    char *refusal;          // why the agent cannot serve it; NULL: it can, as far as is known
} StreamLeg;

// A way to a target, with capacity reserved on all its links.
typedef struct {
    guint target;
    char **links;     // IDs, in the order in which the key crosses them; empty within one provider
    char **providers; // IDs, first to last
    char *buyer;      // whose user the initiator is, while it is one of the session's ways
    gboolean is_spare;
} StreamWay;

typedef struct Stream {
    char *id;
    WireSessionOpen *open; // as it was asked for
    WireSessionQos *qos;   // with all that was left to the platform
    StreamPhase phase;
    char *text; // why it is DEGRADED or CLOSED
    gint64 opened_at_us;
    gint64 stage_ends_at_us; // 0: never
    guint64 next;            // the first key number that no block has
    guint64 delivered;       // keys below it were handed out to the initiator
    GPtrArray *blocks;       // StreamBlock, by their numbers
    GPtrArray *legs;         // StreamLeg: the initiator's, the targets' in their order
    GPtrArray *ways;         // StreamWay, by target
    GPtrArray *left_links;   // IDs of links that it was moved from
    char *failure;           // what its last failed block died of
    gint64 lost_us;          // since when it has been without a way; 0: it has one
    gint64 repeat_us;        // until what its agents have not answered is said again
    gint64 mend_us;          // until what has failed is tried again
    gboolean is_mend_armed;  // that time runs
} Stream;

// --- life (stream.c) -----------------------------------------------------------------------------

Stream *stream_find(const Federation *federation, const char *id);
// NULL when it is closed, too.
Stream *stream_find_open(const Federation *federation, const char *id);
// Not saved, without legs and ways.
Stream *stream_new(Federation *federation, const WireSessionOpen *open, const WireSessionQos *qos);
void stream_free(gpointer stream);
void stream_save(Federation *federation, const Stream *stream);
void stream_drop(Federation *federation, Stream *stream);
// After a restart.
void stream_resume(Federation *federation, Stream *stream);

// Looks whether it is well, and does for it what is due: to be called after any change. Saves it.
void stream_review(Federation *federation, Stream *stream);
// Ends it: `text` says why. Nothing changes for one that is closed.
void stream_close(Federation *federation, Stream *stream, const char *text);
void stream_arm_stage(Federation *federation, Stream *stream, gint64 ends_at_us);
void stream_event(Federation *federation, const Stream *stream, const EventHead *what);

// --- asking for it (stream-check.c, stream-offer.c, stream-answer.c)
// -------------------------------

gboolean stream_may_command(const Federation *federation, const Sender *sender,
                            const char *initiator);
Verdict stream_check_open(const Federation *federation, const Sender *sender,
                          const WireSessionOpen *open);
// With a buffer of 0 replaced; to be freed with wire_free().
WireSessionQos *stream_resolve_qos(const FederationConfig *config, const WireSessionQos *asked);
// What could be had at once instead of what was asked for; FALSE: nothing.
gboolean stream_find_offer(Federation *federation, const WireSessionOpen *open,
                           const WireSessionQos *asked, WireSessionQos *ret_offer);
// One answer about some sessions; `offer` may be NULL.
void stream_answer(Federation *federation, const Sender *sender, const char *id,
                   const Verdict *verdict, const GPtrArray *streams, WireSessionQos *offer);

// --- keys (stream-block.c) -----------------------------------------------------------------------

// How many keys are made together.
guint stream_block_size(const FederationConfig *config, guint buffer);
// Keys below it are or were ready at both ends.
guint64 stream_granted(const Stream *stream);
gboolean stream_has_failed_block(const Stream *stream);
gboolean stream_has_running_block(const Stream *stream);
// The request that was granted for a block.
void stream_block_request(const Stream *stream, const StreamBlock *block,
                          char ret_id[UUID_CHARS + 1]);
// Starts what the buffer lacks.
void stream_top_up(Federation *federation, Stream *stream);
void stream_retry_blocks(Federation *federation, Stream *stream);
void stream_call_off_blocks(Federation *federation, Stream *stream, const char *text);
// Takes in how many keys the initiator has got.
void stream_take_delivered(Stream *stream, guint64 delivered);
void stream_on_block_end(Federation *federation, Request *request);

// --- ends (stream-leg.c) -------------------------------------------------------------------------

StreamLeg *stream_find_leg(const Stream *stream, const char *sae, const char *agent);
StreamLeg *stream_leg_new(const char *agent, const WireLeg *wire);
void stream_leg_free(gpointer leg);
void stream_add_legs(Federation *federation, Stream *stream);
// A new version of the leg, told at once and again until it is answered.
void stream_tell_leg(Federation *federation, Stream *stream, StreamLeg *leg,
                     Qkdnf__V1__LegPhase phase);
// An end is served by that agent from now on: of the keys below `end`, only these are left.
typedef struct {
    guint64 version;
    guint64 end;
    WireSequenceRange **left;
    gsize n_left;
} StreamResume;
void stream_move_leg(Federation *federation, Stream *stream, StreamLeg *leg, const char *agent,
                     const StreamResume *resume);
// The agent forgets an end, unless it knows of a later version.
void stream_end_at(Federation *federation, const char *agent, const char *session, const char *sae,
                   guint64 version);
void stream_repeat_legs(Federation *federation, Stream *stream);
gboolean stream_has_all_legs(const Stream *stream);
const char *stream_find_refusal(const Stream *stream);
// It is closed: the next step towards the end of its legs, however far they are.
void stream_start_draining(Federation *federation, Stream *stream);
void stream_end_legs(Federation *federation, Stream *stream);
// All have been told to end.
gboolean stream_has_ended_legs(const Stream *stream);

// --- ways (stream-way.c) -------------------------------------------------------------------------

StreamWay *stream_way_new(guint target, char **links, char **providers, gboolean is_spare);
void stream_way_free(gpointer way);
// Adds a way and reserves its capacity; the way is owned.
void stream_add_way(Federation *federation, Stream *stream, StreamWay *way);
// Gives back what is reserved, for one target or with -1 all of them.
void stream_drop_ways(Federation *federation, Stream *stream, int target);
void stream_drop_way(Federation *federation, Stream *stream, StreamWay *way);
// FALSE when one of the ends is not known any more.
gboolean stream_query(const Federation *federation, const WireSessionOpen *open, guint target,
                      RouteQuery *ret_query);
// Slots that so many keys take on a link when they are made in blocks, and the capacity that the
// session takes.
guint64 stream_slots(const FederationConfig *config, const WireSessionQos *qos, guint number);
guint64 stream_rate_bps(const FederationConfig *config, const WireSessionQos *qos);
// Finds and takes ways to all targets, with stock for the whole buffer. OK, or why there are none,
// and then none is taken.
Status stream_take_ways(Federation *federation, Stream *stream);
// Finds and takes ways to one target that has none, with stock for `number` keys.
Status stream_take_ways_to(Federation *federation, Stream *stream, guint target, guint number);
// Adds a spare way to those that it has, when one is wanted and can be had.
void stream_take_spare(Federation *federation, Stream *stream, guint target);
// The routes that keys to the target go now; NULL when not all of them can take what the query
// wants. To be freed with g_ptr_array_unref().
GPtrArray *stream_routes(Federation *federation, const Stream *stream, guint target,
                         const RouteQuery *query);
gboolean stream_way_is_usable(Federation *federation, const Stream *stream, const StreamWay *way,
                              guint number);
// Of all its ways to a target, for comparison; G_MAXUINT64 when there is none.
guint64 stream_cost(Federation *federation, const Stream *stream, guint target);
guint stream_n_ways(const Stream *stream, guint target, gboolean is_spare);

// --- faults (stream-fault.c) ---------------------------------------------------------------------

// Why it is without a way; NULL: it has one to each target. To be freed.
char *stream_find_loss(Federation *federation, const Stream *stream);
// Leaves the ways that cannot take `number` keys, where there are others.
void stream_mend(Federation *federation, Stream *stream, guint number, const char *cause);
// Looks for a better way, and for a spare one that is missing, after the hold-down.
void stream_arm_revert(Federation *federation, const Stream *stream);
void stream_revert(Federation *federation, Stream *stream);
void stream_leave_link(Federation *federation, Stream *stream, const char *link);
void stream_forget_left_links(Federation *federation, Stream *stream);

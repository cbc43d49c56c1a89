#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One key request as the platform works on it. Inside the federation core: request.c is its life,
// attempt.c what is tried for it, request-release.c tells who took part that it is over, plan.c
// makes the split, plan-explain.c says why there is none.

#include "platform/core.h"
#include "platform/route.h"
#include "platform/state.pb-c.h"

typedef enum {
    REQUEST_RECEIVED = PLATFORM__STATE__REQUEST_STATE__RECEIVED,
    REQUEST_ROUTED = PLATFORM__STATE__REQUEST_STATE__ROUTED,
    REQUEST_ORDERED = PLATFORM__STATE__REQUEST_STATE__ORDERED,
    REQUEST_GRANTED = PLATFORM__STATE__REQUEST_STATE__GRANTED,
    REQUEST_REJECTED = PLATFORM__STATE__REQUEST_STATE__REJECTED,
    REQUEST_EXPIRED = PLATFORM__STATE__REQUEST_STATE__EXPIRED,
    N_REQUEST_STATES,
} RequestState;

// What one agent was told to do and has not answered, or has.
typedef struct Part {
    char *agent;
    WireOrder *order;     // of an attempt, or
    WireRelease *release; // what became of one
    gboolean is_answered;
    gint64 answered_at_us; // the order, in this life of the platform; 0: it is not
    // With a release: what its order took of a quota was given back, unless the agent says that it
    // has used it; NULL: nothing.
    Platform__State__QuotaUse *given_back;
} Part;

typedef struct Request {
    char *id;
    char *sender;
    WireRequest *wire;
    RequestState state;
    guint attempt;
    gint64 received_at_us;
    gint64 deadline_us;
    gint64 ordered_at_us;           // the attempt, in this life of the platform; 0: not yet
    GPtrArray *parts;               // Part with an order, of this attempt
    GPtrArray *releases;            // Part with a release, of this and earlier ones
    GHashTable *excluded_providers; // set of IDs: what failed this request before
    GHashTable *excluded_links;
    Status last_failure; // of an attempt; 0: none failed
    char *last_text;
    WireReply *reply; // once it is final
    gint64 repeat_us; // until what is not answered is said again
    gint64 forget_at_us;
    WireKeyCopy *copy;        // the keys that are copied for an application that moves; or NULL
    WireSessionKeys *session; // the block of a session's keys that it is for; NULL: of nobody else
} Request;

Request *request_new(Federation *federation, const char *sender, const WireRequest *wire);
void request_save(Federation *federation, const Request *request);
void request_resume(Federation *federation, Request *request);
// How many requests of a sender are under way.
guint request_n_running(const Federation *federation, const char *sender);

// And how many are under way or answered and not yet forgotten.
guint request_n_kept(const Federation *federation, const char *sender);

// The only place where the state changes; saves it.
void request_enter(Federation *federation, Request *request, RequestState state);
gboolean request_is_final(const Request *request);
// Each ends it, for good.
void request_reject(Federation *federation, Request *request, Status status, const char *text);
void request_grant(Federation *federation, Request *request);

// A request of the platform itself, for a block of a session's keys; or where `copy` is not NULL
// for copies of them, for an application under way from one agent to another. Sets its time. Nobody
// is sent a reply: its end is told to the session or the handover, as is that of one that is called
// off.
void request_start_own(Federation *federation, WireRequest *wire, const WireSessionKeys *session,
                       const WireKeyCopy *copy);
void request_call_off(Federation *federation, Request *request, const char *text);

// What is not answered is said again after this, then after twice as long, and so on.
#define REQUEST_REPEAT_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
void request_send_parts(Federation *federation, const GPtrArray *parts);
void request_arm_repeat(Federation *federation, Request *request);
// The providers that its sender wants no path to cross.
void request_exclude_asked(Request *request);
// Tells everyone who took part in the attempt, but for those whom a grant does not concern.
void request_release_attempt(Federation *federation, Request *request,
                             Qkdnf__V1__Disposition disposition);
// It is answered, or given up.
void request_drop_release(Federation *federation, Request *request, Part *release);
// The agent has used what it was thought not to.
void request_use_after_all(Federation *federation, const Part *release);
// Subject and duration are the request's.
void request_event(Federation *federation, const Request *request, const EventHead *what);

// Plans and orders; where there is no way now but may be one soon, waits for it.
void attempt_start(Federation *federation, Request *request);
// It took too long, or it is time to look for a way again.
void attempt_on_timer(Federation *federation, Request *request);

// STATUS_OK, or why a request is not taken in; the text is to be freed.
typedef struct {
    Status status;
    char *text;
} Verdict;
Verdict request_check(const Federation *federation, const Sender *sender, const WireRequest *wire);
// One was taken in: it counts for what the home provider lets its user have in a second.
void request_charge(const Federation *federation, const char *initiator);
// What is asked for, whoever asks.
Verdict request_check_contents(const Federation *federation, const WireRequest *wire);
Verdict request_refuse(Status status, const char *format, ...) G_GNUC_PRINTF(2, 3);

// To be freed with wire_free().
WireReply *request_grant_reply(Federation *federation, const Request *request);

// Finds routes for all targets, gives out slots and fills `parts` with the orders of the attempt.
// OK, or why not, and then nothing was given out; `ret_why_not` says more where there is more to
// say, and is to be freed; it may be NULL.
Status plan_make(Federation *federation, Request *request, char **ret_why_not);

// Slots of a border link that so many keys take.
guint64 plan_slots(guint number, guint size_bits);
// What an order takes of the quota of an agreement.
guint64 plan_order_bits(const Request *request, const WireOrder *order);
// Exactly so many routes (route.h), or NULL.
GPtrArray *plan_find_routes(const Topology *topology, const RouteQuery *query, guint n_paths);
// Why there are none: not the ways, not the agreements, or not the key. `ret_text` may be NULL.
Status plan_explain(const Topology *topology, const RouteQuery *query, guint n_paths,
                    char **ret_text);
gboolean plan_is_too_long(const GPtrArray *routes);

// What could be had instead of a plan that failed with INSUFFICIENT_KEY: how many keys now, and
// after how long as many as were asked for (0: never at present rates).
void plan_counter_offer(Federation *federation, const Request *request, guint *ret_number,
                        guint64 *ret_in_ms);

// The providers of the first path to a target, NULL-terminated; NULL before there is a plan. To be
// freed with g_strfreev().
char **plan_path(const Request *request, guint target);

// All slots that an order gave to an agent, to be burned. To be freed, not what it points at.
GPtrArray *part_ranges(const WireOrder *order);
// Whether who serves it keeps the keys for an application.
gboolean order_holds_keys(const WireOrder *order);
// Key bits that an order carries: those of all keys, for each branch.
guint64 part_bits(const WireOrder *order);
Part *part_new(const char *agent, const WireOrder *order, const WireRelease *release);

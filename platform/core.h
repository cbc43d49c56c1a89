#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of the federation core, shared by its parts and by nobody else:
//
//   federation.c   creation, messages in, time
//   member.c       members, what they registered, who is there; member-state.c the states of
//                  membership, member-apply.c what members change of them, member-store.c
//   agreement.c    what members let each other use, and its parts (agreement.h)
//   admin.c        what operators change of them; admin-list.c what they ask; audit.c the trail
//   fault.c        what is wrong; notice.c who is told
//   directory.c    applications, and finding them; attachment.c where they are served now
//   topology.c     the graph of domains; route-cheapest.c and route-disjoint.c search it for what
//                  route.c lets them cross; booking.c keeps what is reserved of its links
//   plan.c         from a request to the split: routes, slots, orders
//   visit.c        agents are told of applications that are away from home
//   handover.c     an application moves; roaming.c says where it may
//   request.c      the life of a request; attempt.c what is tried for it
//   stream.c       the life of a session: a key stream; stream-open.c, stream-block.c,
//                  stream-leg.c, stream-way.c and stream-fault.c its parts
//   accounts.c     what was granted, and what providers say they did for it; settle.c settles it
//   rating.c       how providers serve; rating-blame.c whose doing it was that an order failed
//   affected.c     which requests and sessions a link, provider or application concerns
//
// `now` is the time of the call that is being handled.

#include "platform/affected.h"
#include "platform/federation.h"
#include "platform/state.pb-c.h"
#include "platform/topology.h"
#include "schemas/status.h"
#include "topics/base/timers.h"
#include "topics/presence.h"

// After its start the platform does not know yet who is there.
#define FEDERATION_SETTLE_US (3 * G_TIME_SPAN_SECOND)

typedef enum {
    TIMER_STALE,    // member: not heard of for too long
    TIMER_DRAIN,    // member: it withdraws, and may be done
    TIMER_POLICY,   // member: it has not agreed to the policy in time
    TIMER_TERM,     // agreement: its time begins or ends, or that of its quota
    TIMER_TELL,     // agreement: say again what was not acknowledged
    TIMER_FAULT,    // fault: cleared long enough ago to be forgotten
    TIMER_REPEAT,   // request: say again what was not answered
    TIMER_ATTEMPT,  // request: the attempt has taken too long
    TIMER_FORGET,   // request: its answer need not be repeated any more
    TIMER_VISIT,    // visit: say again what was not answered
    TIMER_HANDOVER, // handover: go on, or forget it once it is over
    TIMER_MOVE,     // handover: say again what agents have not answered of its sessions
    TIMER_OPENING,  // session: look again for a way to open it
    TIMER_LEG,      // session: say again what its agents have not answered
    TIMER_MEND,     // session: try again what has failed
    TIMER_REVERT,   // session: see whether a better way is back
    TIMER_PERIOD,   // "": a period of settlement ends
    TIMER_BATCH,    // seller and buyer: say again what they have not answered
    TIMER_RATING,   // "": what was counted of providers is looked at
    TIMER_STAGE,    // session: its life, its draining or the memory of it ends
} TimerId;

typedef struct Member Member;
typedef struct Accounts Accounts;
struct Request;

// Where an application is served while that is not where its home registered it.
typedef struct {
    Provider *provider; // NULL: it is at home
    char *node;
} Attachment;

// An SAE and its home, which vouches for it wherever it is served.
typedef struct {
    char *sae;
    Provider *home;
    const WireApplication *registration; // in the home's resource
    Attachment attachment;
    const Provider *left; // that it was attached to before, until `left_us`; or NULL
    gint64 left_us;
    char *service;         // what it announced itself; NULL: as registered by its home
    gboolean is_announced; // it said itself whether it is visible
    gboolean visible;
    gint64 second_us;    // in which requests are counted
    guint64 n_of_second; // requests that were taken in then
} Application;

struct Federation {
    const FederationConfig *config;
    Store *store;
    const Random *random;
    gint64 now;
    gint64 started_us;
    Outbox *outbox;
    Dispatcher *dispatcher;
    Authentication *authentication; // the shell's; NULL: none yet
    Timers *timers;
    Topology *topology;
    GTree *members;           // ID → Member
    GQueue audit;             // WireAuditRecord, oldest first
    GTree *faults;            // "member fault" → Fault
    GTree *applications;      // SAE → Application
    GTree *visits;            // SAE and agent → Visit
    guint64 visit_version;    // the last that was given to one
    GHashTable *handovers;    // ID → Handover
    GHashTable *handovers_of; // SAE → GPtrArray of Handover, oldest first
    GPtrArray *stale;         // Stale: what was loaded and is to go
    GHashTable *requests;     // ID → Request
    guint64 n_answered[64];   // requests, by status; more room than there are
    GTree *alarms;            // warnings and alarms that were raised, by name
    GHashTable *n_running;    // sender → how many of its requests are under way
    GHashTable *n_kept;       // sender → how many of its requests are in memory and store
    Affected *running;        // requests with something under way, by provider
    GTree *streams;           // session ID → Stream
    GTree *openings;          // session ID → what is to be opened as soon as there is a way
    Accounts *accounts;
    GTree *ratings;            // provider → how it serves
    Affected *streaming;       // sessions, by all that concerns them
    GTree *agreements;         // ID → Agreement
    Affected *agreed;          // agreements, by who made them
    guint64 agreement_version; // the last that was given to one
};

// It has just started: who is not there may be in a moment.
gboolean federation_is_settling(const Federation *federation);

void federation_send(Federation *federation, KindId kind, const char *to,
                     const ProtobufCMessage *message);

// A record of the store that does not fit what else was loaded: goes once everything is.
void federation_drop_later(Federation *federation, const char *table, const char *key);

typedef struct {
    Qkdnf__V1__Severity severity;
    const char *name;
    const char *subject;
    const char *cause;
    char **old_path; // NULL-terminated, or NULL
    char **new_path;
    gint64 duration_us;
} EventHead;
void federation_event(Federation *federation, const EventHead *head, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

// audit.c
typedef struct {
    const char *actor;
    const char *member;
    const char *command;
    Qkdnf__V1__MemberState from, to;
    Status status;
    const char *text;
} AuditEntry;
// Durable, and an event.
void audit_add(Federation *federation, const AuditEntry *entry);
gboolean audit_load(Federation *federation, GError **error);

// admin.c
void admin_on_admin(gpointer federation, const Sender *sender, gconstpointer message);

// member.c; more of it in member.h
void member_free(gpointer member);
gboolean member_load(Federation *federation, GError **error);
Member *member_find(const Federation *federation, const char *id);
// The state of its membership.
Qkdnf__V1__MemberState member_state(const Federation *federation, const char *id);
void member_on_apply(gpointer federation, const Sender *sender, gconstpointer message);
void member_on_withdraw(gpointer federation, const Sender *sender, gconstpointer message);
void member_on_presence(gpointer federation, const Sender *sender, gconstpointer message);
void member_on_resource(gpointer federation, const Sender *sender, gconstpointer message);
void member_on_stock(gpointer federation, const Sender *sender, gconstpointer message);
// After a start: the federation's policy may be another one than that under which members were let
// in.
void member_policy_review(Federation *federation);
void member_on_timer(Federation *federation, TimerId timer, const char *id);

// agreement.c and its parts; more of it in agreement.h
void agreement_free(gpointer agreement);
// After members, and before what runs by agreements.
gboolean agreement_load(Federation *federation, GError **error);
// Once everything is loaded.
void agreement_settle(Federation *federation);
void agreement_on_agreement(gpointer federation, const Sender *sender, gconstpointer message);
void agreement_on_timer(Federation *federation, TimerId timer, const char *id);
// A member was born: it is told what it may have lost, and offered the standing terms.
void agreement_on_birth(Federation *federation, Member *member);
// It can be used now, or not any more.
void agreement_on_presence(Federation *federation, const Provider *seller);
// It is no member any more.
void agreement_on_member_gone(Federation *federation, const Provider *member);
// Whether the buyer may use the seller for one of these purposes; if not, why (to be freed).
gboolean agreement_covers(const Provider *buyer, const Provider *seller, Purposes purposes);
char *agreement_explain(const Provider *buyer, const Provider *seller, Purposes purposes,
                        Status *ret_status);
// The ID of the agreement by which it may; to be freed.
char *agreement_name(const Provider *buyer, const Provider *seller);
// So much of the quota is used, in the period that is returned; 0: there is none.
guint64 agreement_use(Federation *federation, Provider *buyer, Provider *seller, guint64 n_bits);
// So much was granted under an agreement; TRUE: what goes beyond its soft quota, for that was used
// up before.
gboolean agreement_use_soft(Federation *federation, const char *id, guint64 n_bits);
// That was not used; or it was after all. A period that is over is not counted again.
void agreement_correct(Federation *federation, const Platform__State__QuotaUse *use,
                       gboolean is_used);

// fault.c; more of it in fault.h
void fault_free(gpointer fault);
gboolean fault_load(Federation *federation, GError **error);
void fault_on_fault(gpointer federation, const Sender *sender, gconstpointer message);
void fault_on_timer(Federation *federation, const char *key);
// A member that should be there is not, or is again.
void fault_on_silence(Federation *federation, const char *member, const char *cause);
void fault_on_return(Federation *federation, const char *member);
// How it answered an order; STATUS_EXPIRED: not in time.
void fault_on_order(Federation *federation, const char *member, Status status);
// What it reported in earlier lives is over: it reports anew what is still so. G_MAXUINT64: all,
// for it takes no part any more.
void fault_clear_all(Federation *federation, const char *member, guint64 before_incarnation);
// notice.c: what a member that is there again was told of is told again.
void notice_repeat(Federation *federation, const char *member);

// accounts.c, accounts-store.c; more of them in accounts.h
Accounts *accounts_new(const FederationAccounts *config);
void accounts_free(Accounts *accounts);
gboolean accounts_load(Federation *federation, GError **error);
// Each provider that took part is expected to report it.
// FALSE when a request of this ID would be taken for one that is in the accounts.
gboolean accounts_is_new(const Federation *federation, const char *request);
void accounts_on_grant(Federation *federation, const struct Request *request);
void accounts_on_usage(gpointer federation, const Sender *sender, gconstpointer message);
// accounts-list.c
void accounts_on_command(Federation *federation, const Sender *sender, const WireAdmin *admin);
// settle.c, settle-tell.c
// A period begins to close: what there is goes into batches, in this pass and as many more as that
// takes. Nothing, while one does so already.
void settle_close(Federation *federation);
// What is due of that; or a period closes because it is over.
void settle_continue(Federation *federation);
void settle_resume(Federation *federation);
void settle_on_timer(Federation *federation, TimerId timer, const char *id);
void settle_on_dispute(gpointer federation, const Sender *sender, gconstpointer message);

// rating.c; what is counted in rating.h
struct RatingOrder;
struct Part;
void ratings_free(gpointer rated);
// After members.
gboolean ratings_load(Federation *federation, GError **error);
// What is retained may be lost: all ratings are said again.
void ratings_resume(Federation *federation);
void ratings_on_timer(Federation *federation);
void ratings_count_order(Federation *federation, const char *provider,
                         const struct RatingOrder *order);
// A record of usage in which it took part; how much of a dispute about it is taken for its own, in
// thousandths.
void ratings_count_record(Federation *federation, const char *provider, guint disputed_milli);
// Whether it can be used may have changed.
void ratings_on_presence(Federation *federation, const Member *member);
// The rating as it is now; the provider's ID is not copied. FALSE: nothing was measured.
gboolean ratings_find(Federation *federation, const char *provider, WireRating *ret_wire);
void ratings_list(Federation *federation, const Sender *sender, const WireAdmin *admin);
// rating-blame.c: what became of the orders of an attempt.
void ratings_on_grant(Federation *federation, const struct Request *request);
// This one did not do its part, and said so or is gone.
void ratings_on_refusal(Federation *federation, const struct Request *request,
                        const struct Part *culprit, Status status);
// Not everybody has answered in time.
void ratings_on_timeout(Federation *federation, const struct Request *request);

// directory.c
void directory_free(gpointer application);
// What applications announced themselves; after the providers' resources.
gboolean directory_load(Federation *federation, GError **error);
Application *directory_find(const Federation *federation, const char *sae);
// Takes over the applications that a provider vouches for now, and drops those it does not any
// more.
void directory_update(Federation *federation, Provider *home);
// The first of these that another provider vouches for, or NULL.
const char *directory_find_conflict(const Federation *federation, const Provider *home,
                                    const WireResource *resource);
// FALSE: who sends this has the name of an application, but not the certificate that its home
// provider has registered.
gboolean directory_is_vouched_for(const Federation *federation, const Sender *sender);
#define DIRECTORY_OTHER_CERTIFICATE "its certificate is not the one that its provider registered"
void directory_on_register(gpointer federation, const Sender *sender, gconstpointer message);
void directory_on_discover(gpointer federation, const Sender *sender, gconstpointer message);

// attachment.c
// Where an application is served now: what routes, the ends of orders and deliveries go by.
Provider *attachment_provider(const Application *application);
const char *attachment_node(const Application *application);
gboolean attachment_is_with(const Application *application, const char *provider);
// The access node of this ID, or with NULL the first; NULL when there is none.
const WireNode *attachment_find_access(const Provider *provider, const char *node);
// It is served there from now on, durably. Its home's registered node: it is at home again.
void attachment_move(Federation *federation, Application *application, Provider *provider,
                     const char *node);
// It is at home again at once; what the agent that it leaves had for its sessions is lost.
void attachment_fall(Federation *federation, Application *application);
// It cannot stay where it is: it is handed over to its home while the agent there can still speak.
void attachment_leave(Federation *federation, Application *application);
// The provider registered anew, or is gone for good: whoever is attached to what it does not have
// any more, or may not be there any more by its or their home's policy, is at home again.
void attachment_review(Federation *federation, const Provider *provider);
// After members and directory.
gboolean attachment_load(Federation *federation, GError **error);
// Nobody can be attached there any more: it is no member, and will not be one again by itself.
gboolean attachment_is_lost(const Federation *federation, const Provider *provider);
// Once everything is loaded: those whose place is gone are at home again, and agents are told.
void attachment_settle(Federation *federation);

// visit.c
void visit_free(gpointer visit);
gboolean visit_load(Federation *federation, GError **error);
void visit_on_state(gpointer federation, const Sender *sender, gconstpointer message);
void visit_on_timer(Federation *federation, const char *id);
// Agents are told what follows from where the application is now.
void visit_follow(Federation *federation, const Application *application);
// The application is not registered any more.
void visit_end_all(Federation *federation, const char *sae);

// handover.c
void handover_free(gpointer handover);
gboolean handover_load(Federation *federation, GError **error);
void handover_on_handover(gpointer federation, const Sender *sender, gconstpointer message);
void handover_on_timer(Federation *federation, TimerId timer, const char *id);
// An agent has answered a visit.
void handover_on_visit(Federation *federation, const char *sae, const char *agent, Status status,
                       const char *text);
struct Stream;
struct Request;
// An agent speaks of an end that comes to it, or has left it: TRUE, then nobody else needs to look.
gboolean handover_take_leg_state(Federation *federation, const char *agent,
                                 const WireLegState *state);
// The old agent has said what is left of an end.
void handover_on_frozen(Federation *federation, const struct Stream *stream, const char *sae,
                        const WireLegState *state);
// There are new keys of a session.
void handover_on_block(Federation *federation, const struct Stream *stream);
void handover_on_copy_end(Federation *federation, const struct Request *request);
// Whether no more keys may be made for it until an end of it has moved.
gboolean handover_holds_back(const Federation *federation, const struct Stream *stream);
// The application has called at an agent that does not serve it, or for the first time.
void handover_at_the_door(Federation *federation, const char *sae, const char *agent);

// request.c
void request_free(gpointer request);
gboolean request_load(Federation *federation, GError **error);
void request_on_request(gpointer federation, const Sender *sender, gconstpointer message);
void request_on_outcome(gpointer federation, const Sender *sender, gconstpointer message);
void request_on_timer(Federation *federation, TimerId timer, const char *id);
// A member is gone: its part in running attempts will not be done. (A border link that is down
// stops no attempt under way: its slots are in stock at both ends, and what is made of them goes
// over the bus. Only new attempts go another way; who cannot do its part answers that, and that is
// enough.)
void request_on_member_lost(Federation *federation, const char *member);
// It has a part in a running attempt, or has not answered what became of one.
gboolean request_concerns(const Federation *federation, const char *member);
// Of those, one for that buyer; NULL: for any.
gboolean request_is_under(const Federation *federation, const char *member, const Provider *buyer);
// IDs of those that have a part in a running attempt together with it.
GHashTable *request_companions(const Federation *federation, const char *member);

// stream.c and its parts
void stream_free(gpointer stream);
void stream_opening_free(gpointer opening);
gboolean stream_load(Federation *federation, GError **error);
void stream_on_session(gpointer federation, const Sender *sender, gconstpointer message);
void stream_on_leg_state(gpointer federation, const Sender *sender, gconstpointer message);
void stream_on_timer(Federation *federation, TimerId timer, const char *id);
void stream_retry_opening(Federation *federation, const char *session);
// What cannot carry key any more, or can again; before requests hear of it, so that they find the
// sessions' new ways.
void stream_on_link_lost(Federation *federation, const char *link);
void stream_on_link_back(Federation *federation, const char *link);
void stream_on_member_lost(Federation *federation, const Provider *member, const char *cause);
void stream_on_agreement(Federation *federation, const Provider *seller, const char *cause);
// What its users have may go other ways now than before, by whomever these lead.
void stream_on_buyer(Federation *federation, const Provider *buyer, const char *cause);
// Whether a session of the buyer's users leads over it; NULL: of anybody's.
gboolean stream_is_under(const Federation *federation, const char *member, const Provider *buyer);
void stream_on_member_back(Federation *federation, const Provider *member);
void stream_on_resource(Federation *federation, const Provider *member);
// Ends of sessions of the application that are not where it is: the agents that had them are lost.
void stream_recover_legs(Federation *federation, const Application *application);
// The application is not registered any more.
void stream_end_all(Federation *federation, const char *sae);

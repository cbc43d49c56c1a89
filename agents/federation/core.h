#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of the agent core, shared by its parts and by nobody else:
//
//   agent.c      creation, messages in, time, the tables that tie the parts together
//   membership.c the provider's membership: to apply, and to leave
//   assent.c     what others may use, and whether orders are covered (assent.h)
//   discovery.c  what the provider has, registered with the platform (RD)
//   notice.c     faults, its own and those that the platform shares
//   border.c     border links: filling ledgers together with the neighbour; stock.c reports them
//   order.c      orders and releases (RO), relay values
//   keystore.c   keys of this provider's users
//   usage.c      what this provider did for others, metered and reported; usage-meter.c meters it,
//                statement.c checks what is made of it
//   leg.c        ends of sessions that are served here
//   visitor.c    users of other providers that are served here, and own ones that are not;
//                visitor-door.c keeps whoever calls and is not known as one
//   service.c    what users ask of the KME; call.c keeps what waits, service-status.c knows who is
//                served where, service-session.c serves from sessions
//
// `now` is the time of the call that is being handled.

#include "agents/federation/agent.h"
#include "agents/federation/keystore.h"
#include "agents/federation/ledger.h"
#include "topics/base/timers.h"
#include "topics/presence.h"

typedef enum {
    TIMER_MEMBER,    // "": apply, or withdraw, again until answered
    TIMER_ASSENT,    // agreement: say again what was not taken in, or forget it
    TIMER_RESOURCE,  // "": register again until acknowledged
    TIMER_HEARTBEAT, // "": report stock
    TIMER_TAKE,      // link: try for key again
    TIMER_FILL,      // link: say again what was not answered
    TIMER_CLAIM,     // link: try to claim again
    TIMER_ORDER,     // order: forget it
    TIMER_RELAYS,    // order: forget relay values that came before it
    TIMER_REQUEST,   // request: ask again
    TIMER_CALL,      // call number: answer that it took too long
    TIMER_LOOKUP,    // SAE: ask the platform again
    TIMER_KEYS,      // "": wipe keys that were not fetched
    TIMER_USAGE,     // "": report what was metered, again until it is answered
    TIMER_RESTED,    // session: its next record begins anew
    TIMER_LEG,       // end of a session: say again that somebody waits; or forget it
    TIMER_VISITOR,   // SAE: forget that it was here, unless there is still something for it
    TIMER_DOOR,      // SAE: knock again for it, or forget that it was refused
} TimerId;

// Which part a driver call belongs to, and to what in it.
typedef enum { CALL_TAKE, CALL_CLAIM, CALL_RELAY } DriverCallType;

typedef struct {
    DriverCallType type;
    guint64 number;
    char *id; // link, or order
} DriverCall;

typedef struct OrderEarly OrderEarly;
typedef struct LegTable LegTable;
typedef struct UsageBook UsageBook;

typedef struct {
    WireApply *application; // as last made
    guint64 judged_version; // that the platform has judged, as far as it has said since its birth
    Qkdnf__V1__MemberState state; // that it said last
    char *reason;                 // why; NULL: it has not said since this agent started
    gboolean is_leaving;          // an operator of the provider wants that
    char *leave_reason;
    gint64 repeat_us; // until it is said again
} Membership;

struct Agent {
    const AgentConfig *config;
    Store *store;
    Driver *driver;
    const Random *random;
    gint64 now;
    Outbox *outbox;
    Dispatcher *dispatcher;
    Timers *timers;

    guint64 n_driver_calls;
    GHashTable *driver_calls; // call number → DriverCall

    GTree *borders; // link ID → Border
    KeyStore *keys;
    LegTable *legs;
    GHashTable *orders; // order ID → Order
    OrderEarly *early;
    UsageBook *usage;
    GTree *statements; // "seller buyer" → Agent__State__Series

    Membership membership;

    GTree *agreements;   // ID → Assent
    GTree *quotas;       // agreement ID → Quota
    guint64 n_uncovered; // orders that no agreement covered

    // discovery
    WireResource *resource; // as last registered
    guint64 last_version;
    guint64 refused_version; // that was told
    PresenceState platform;
    GTree *reported;    // fault ID → WireFault: those of the provider itself
    GTree *notices;     // "member fault" → WireNotice: others' that the platform shares
    GHashTable *faults; // scope and subject → number by which it is told

    GTree *visitors;   // SAE → Visitor
    GHashTable *doors; // SAE → Door
    guint n_knocks;    // in the second that began at `knocks_since_us`
    gint64 knocks_since_us;

    // service
    guint64 n_calls[N_KEY_VERDICTS]; // that were answered
    guint64 n_keys_delivered;
    guint rating;  // of 1000, as the platform said last; 0: it has not
    GTree *alarms; // warnings and alarms that were raised, by name
    KeyAnswerFn answer;
    gpointer answer_data;
    GHashTable *calls;     // call number → Call
    GHashTable *waiting;   // what calls wait for → GPtrArray of Call
    GHashTable *directory; // SAE → where it is served
};

// Starts to track a driver call; its number.
guint64 agent_driver_call(Agent *agent, DriverCallType type, const char *id);
// Ends it; its completion is not heard of any more.
void agent_driver_cancel(Agent *agent, guint64 number);

// What the platform does not take in this state of the membership is not said to it.
void agent_send(Agent *agent, KindId kind, const char *to, const ProtobufCMessage *message);
void agent_event(Agent *agent, Qkdnf__V1__Severity severity, const char *name, const char *subject,
                 const char *format, ...) G_GNUC_PRINTF(5, 6);

// membership.c
gboolean membership_load(Agent *agent, GError **error);
void membership_clear(Agent *agent);
// After a change of the configuration: whether what the provider says of itself is another now.
gboolean membership_refresh(Agent *agent);
void membership_announce(Agent *agent);
void membership_on_member(Agent *agent, const WireMember *member);
void membership_on_timer(Agent *agent);
void membership_on_rating(gpointer agent, const Sender *sender, gconstpointer message);
// Whether the platform takes this kind now.
gboolean membership_allows(const Agent *agent, KindId kind);
// That the provider is suspended or does not take part any more, and why; NULL when it is neither.
// Free with g_free().
char *membership_explain(const Agent *agent);
Status membership_command(Agent *agent, const WireAgentCommand *command, char **ret_text);

// assent.c and its parts; more of it in assent.h
void assent_free(gpointer agreement);
gboolean assent_load(Agent *agent, GError **error);
void assent_on_agreement(gpointer agent, const Sender *sender, gconstpointer message);
void assent_on_timer(Agent *agent, const char *id);
Status assent_command(Agent *agent, const WireAgreementCommand *command, char **ret_text);
void assent_list(Agent *agent, const char *asker, const WireAdmin *admin);
// NULL, or why no agreement of this provider covers the order; to be freed.
char *assent_find_fault(const Agent *agent, const WireOrder *order, Status *ret_status);
// What the order takes of a quota is held for it; it is closed, having used that or not.
void assent_hold(Agent *agent, const WireOrder *order);
void assent_close(Agent *agent, const WireOrder *order, gboolean is_used);
// quota.c
void quota_free(gpointer quota);
gboolean quota_load(Agent *agent, GError **error);

// discovery.c
// The provider takes part now, or not any more.
void discovery_join(Agent *agent);
void discovery_leave(Agent *agent);
gboolean discovery_load(Agent *agent, guint64 *ret_incarnation, GError **error);
void discovery_refresh(Agent *agent);
void discovery_announce(Agent *agent);
void discovery_on_member(gpointer agent, const Sender *sender, gconstpointer message);
void discovery_on_presence(gpointer agent, const Sender *sender, gconstpointer message);
void discovery_on_driver_event(gpointer agent, const DriverEvent *event);
void discovery_on_admin(gpointer agent, const Sender *sender, gconstpointer message);
const AgentApplication *discovery_find_application(const Agent *agent, const char *sae);
// FALSE: it may come with any certificate.
gboolean application_certificate(const AgentApplication *application,
                                 guint8 ret_sha256[CERTIFICATE_SHA256_BYTES]);

// notice.c
void fault_report(Agent *agent, const WireFault *fault);
// What the platform may not have heard, or has forgotten.
void fault_report_all(Agent *agent);
void notice_on_notice(gpointer agent, const Sender *sender, gconstpointer message);
void notice_list(Agent *agent, const char *operator_id, const WireAdmin *admin);

// border.c
typedef struct Border Border;
void border_add(Agent *agent, const DriverBorder *description);
// What the store holds of all that were added.
gboolean borders_load(Agent *agent, GError **error);
void border_free(gpointer border);
void border_update(Agent *agent, const DriverBorder *description);
Ledger *border_find_ledger(const Agent *agent, const char *link);
void border_on_block(Agent *agent, const DriverCall *call, Status status, const DriverBlock *block);
void border_on_fill(gpointer agent, const Sender *sender, gconstpointer message);
void border_on_filled(gpointer agent, const Sender *sender, gconstpointer message);
void border_on_timer(Agent *agent, TimerId timer, const char *link);
// At the end of a pass: takes key where ledgers want it, says what became due to say.
void border_pump(Agent *agent);
// From time to time, and when the bus is there: fills up, reports everything.
void border_heartbeat(Agent *agent);

// stock.c: all links, or those of which there is news.
void border_report(Agent *agent, gboolean all);

// order.c
gboolean order_load(Agent *agent, GError **error);
void order_free(gpointer order);
void order_on_order(gpointer agent, const Sender *sender, gconstpointer message);
void order_on_release(gpointer agent, const Sender *sender, gconstpointer message);
void order_on_relay(gpointer agent, const Sender *sender, gconstpointer message);
void order_on_relayed(Agent *agent, const DriverCall *call, Status status);
void order_on_timer(Agent *agent, TimerId timer, const char *order);

// order-early.c: relay values that came before their order.
OrderEarly *order_early_new(void);
void order_early_free(OrderEarly *early);
// What is kept of them, as it is counted.
gsize order_early_bytes(const OrderEarly *early);

// usage.c, usage-meter.c
UsageBook *usage_book_new(void);
void usage_book_free(UsageBook *book);
gboolean usage_load(Agent *agent, GError **error);
// An order that began then is done: to be called before its answer is saved.
void usage_meter(Agent *agent, const WireOrder *order, gint64 started_us);
// The platform did not grant the attempt.
void usage_void(Agent *agent, const char *request, guint attempt);
// So much waits for the platform that nothing new may be done.
gboolean usage_is_full(const Agent *agent);
void usage_on_state(gpointer agent, const Sender *sender, gconstpointer message);
void usage_on_timer(Agent *agent, TimerId timer, const char *id);
// The platform is back.
void usage_report_again(Agent *agent);

// statement.c: batches to which the provider is a party
gboolean statement_load(Agent *agent, GError **error);
void statement_on_statement(gpointer agent, const Sender *sender, gconstpointer message);

// leg.c, leg-store.c, leg-report.c
LegTable *leg_table_new(void);
void leg_table_free(LegTable *table);
gboolean leg_load(Agent *agent, GError **error);
void leg_on_leg(gpointer agent, const Sender *sender, gconstpointer message);
void leg_on_timer(Agent *agent, const char *name);
// Keys of this session were granted.
void leg_on_granted(Agent *agent, const char *session);
void leg_heartbeat(Agent *agent);
// The platform is back: whoever waits does so at once.
void leg_ask_again(Agent *agent);
// At the end of a pass: says what became due to say.
void leg_pump(Agent *agent);
// visitor.c
void visitor_free(gpointer visitor);
gboolean visitor_load(Agent *agent, GError **error);
void visitor_on_visit(gpointer agent, const Sender *sender, gconstpointer message);
void visitor_on_timer(Agent *agent, TimerId timer, const char *sae);
// An own user, or a visitor, even one that is leaving: keys for it can be kept here.
gboolean visitor_is_known(const Agent *agent, const char *sae);
// It is served here now.
gboolean visitor_is_served(const Agent *agent, const char *sae);

// service.c
void service_call_free(gpointer call);
void service_directory_free(gpointer entry);
void service_on_reply(gpointer agent, const Sender *sender, gconstpointer message);
void service_on_services(gpointer agent, const Sender *sender, gconstpointer message);
void service_on_timer(Agent *agent, TimerId timer, const char *id);
// The bus or the platform is there again, and may never have heard what waits for an answer.
void service_ask_again(Agent *agent);
// Keys of this request became deliverable, or were voided.
void service_on_release(Agent *agent, const char *request);

// SPDX-License-Identifier: Apache-2.0

#include "platform/core.h"
#include "platform/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/record.h"

#include <stdarg.h>

// --- what the parts share ------------------------------------------------------------------------

void federation_send(Federation *federation, KindId kind, const char *to,
                     const ProtobufCMessage *message)
{
    outbox_add(federation->outbox, kind, to, message);
}

void federation_event(Federation *federation, const EventHead *head, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    WireEvent event = WIRE_EVENT_INIT;
    event.at_us = (guint64)federation->now;
    event.severity = head->severity;
    event.name = (char *)head->name;
    event.subject = (char *)head->subject;
    event.text = text;
    event.cause = (char *)(head->cause ? head->cause : "");
    event.old_path = head->old_path;
    event.n_old_path = head->old_path ? g_strv_length(head->old_path) : 0;
    event.new_path = head->new_path;
    event.n_new_path = head->new_path ? g_strv_length(head->new_path) : 0;
    event.duration_us = (guint64)head->duration_us;
    if (head->severity >= QKDNF__V1__SEVERITY__SEVERITY_WARNING)
        metrics_count(federation->alarms, head->name);
    federation_send(federation, KIND_EVENT, NULL, &event.base);
}

// --- messages in ---------------------------------------------------------------------------------

static Role role_of(gpointer data, const char *id)
{
    const Federation *federation = data;
    if (member_find(federation, id))
        return ROLE_AGENT;
    if (federation->config->operators &&
        g_strv_contains((const char *const *)federation->config->operators, id))
        return ROLE_OPERATOR;
    return ROLE_APPLICATION;
}

static Qkdnf__V1__MemberState state_of(gpointer data, const char *id)
{
    return member_state(data, id);
}

static const DispatchTable dispatch_table = {
    .handlers =
        {
            [KIND_PRESENCE] = member_on_presence,
            [KIND_APPLY] = member_on_apply,
            [KIND_WITHDRAW] = member_on_withdraw,
            [KIND_ADMIN] = admin_on_admin,
            [KIND_AGREEMENT] = agreement_on_agreement,
            [KIND_RESOURCE] = member_on_resource,
            [KIND_STOCK] = member_on_stock,
            [KIND_FAULT] = fault_on_fault,
            [KIND_REGISTER] = directory_on_register,
            [KIND_DISCOVER] = directory_on_discover,
            [KIND_HANDOVER] = handover_on_handover,
            [KIND_VISIT_STATE] = visit_on_state,
            [KIND_REQUEST] = request_on_request,
            [KIND_OUTCOME] = request_on_outcome,
            [KIND_SESSION] = stream_on_session,
            [KIND_LEG_STATE] = stream_on_leg_state,
            [KIND_USAGE] = accounts_on_usage,
            [KIND_DISPUTE] = settle_on_dispute,
        },
    .role_of = role_of,
    .state_of = state_of,
};

Refusal federation_receive(Federation *federation, const char *topic, const guint8 *payload,
                           gsize n_bytes, gint64 now_us)
{
    federation->now = now_us;
    return dispatcher_receive(federation->dispatcher, topic, payload, n_bytes, now_us);
}

gboolean federation_is_settling(const Federation *federation)
{
    return federation->now < federation->started_us + FEDERATION_SETTLE_US;
}

// --- time ----------------------------------------------------------------------------------------

static void on_timer(Federation *federation, TimerId timer, const char *id)
{
    switch (timer) {
    case TIMER_STALE:
    case TIMER_DRAIN:
    case TIMER_POLICY:
        member_on_timer(federation, timer, id);
        break;
    case TIMER_TERM:
    case TIMER_TELL:
        agreement_on_timer(federation, timer, id);
        break;
    case TIMER_FAULT:
        fault_on_timer(federation, id);
        break;
    case TIMER_REPEAT:
    case TIMER_ATTEMPT:
    case TIMER_FORGET:
        request_on_timer(federation, timer, id);
        break;
    case TIMER_VISIT:
        visit_on_timer(federation, id);
        break;
    case TIMER_HANDOVER:
    case TIMER_MOVE:
        handover_on_timer(federation, timer, id);
        break;
    case TIMER_OPENING:
        stream_retry_opening(federation, id);
        break;
    case TIMER_PERIOD:
    case TIMER_BATCH:
        settle_on_timer(federation, timer, id);
        break;
    case TIMER_RATING:
        ratings_on_timer(federation);
        break;
    case TIMER_LEG:
    case TIMER_MEND:
    case TIMER_REVERT:
    case TIMER_STAGE:
        stream_on_timer(federation, timer, id);
        break;
    }
}

gint64 federation_tick(Federation *federation, gint64 now_us)
{
    federation->now = now_us;
    guint what;
    char *id;
    while (timers_pop(federation->timers, now_us, &what, &id)) {
        on_timer(federation, (TimerId)what, id);
        g_free(id);
    }
    return timers_next(federation->timers);
}

void federation_connected(Federation *federation, gint64 now_us)
{
    federation->now = now_us;
    // Members answer the platform's birth, and requests repeat themselves.
    ratings_resume(federation);
}

Outbox *federation_outbox(Federation *federation)
{
    return federation->outbox;
}

// --- life ----------------------------------------------------------------------------------------

static void load_incarnation(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    guint64 *incarnation = loading->core;
    Platform__State__Self *self = record_unpack(&platform__state__self__descriptor, value);
    if (self)
        *incarnation = self->incarnation;
    else
        record_fail(loading, "record", "self", "is damaged");
    wire_free(self);
}

static void save_incarnation(Federation *federation)
{
    Platform__State__Self self = PLATFORM__STATE__SELF__INIT;
    self.incarnation = outbox_incarnation(federation->outbox);
    g_autoptr(GBytes) value = message_pack(&self.base);
    store_put_text(federation->store, "self", "self", value);
}

static void load_link(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Platform__State__Link *state = record_unpack(&platform__state__link__descriptor, value);
    if (state)
        topology_restore_link(federation->topology, id, state->next);
    else
        record_fail(loading, "link", id, "is damaged");
    wire_free(state);
}

typedef struct {
    const char *table;
    char *key;
} Stale;

static void stale_free(gpointer data)
{
    g_free(((Stale *)data)->key);
    g_free(data);
}

void federation_drop_later(Federation *federation, const char *table, const char *key)
{
    Stale *stale = g_new(Stale, 1);
    *stale = (Stale){table, g_strdup(key)};
    g_ptr_array_add(federation->stale, stale);
}

static void drop_stale(Federation *federation)
{
    for (guint i = 0; i < federation->stale->len; i++) {
        const Stale *stale = federation->stale->pdata[i];
        store_delete_text(federation->store, stale->table, stale->key);
    }
    g_ptr_array_set_size(federation->stale, 0);
}

static gboolean load(Federation *federation, GError **error)
{
    guint64 last = 0;
    if (!record_load(federation->store, "self", load_incarnation, &last, error) ||
        !record_load(federation->store, "link", load_link, federation, error))
        return FALSE;
    guint64 incarnation = MAX(last + 1, (guint64)federation->now);
    federation->outbox = outbox_new(federation->config->id, incarnation);
    federation->dispatcher = dispatcher_new(federation->config->id, &dispatch_table, federation);
    return audit_load(federation, error) && fault_load(federation, error) &&
           member_load(federation, error) && agreement_load(federation, error) &&
           directory_load(federation, error) && attachment_load(federation, error) &&
           visit_load(federation, error) && handover_load(federation, error) &&
           request_load(federation, error) && stream_load(federation, error) &&
           accounts_load(federation, error) && ratings_load(federation, error);
}

Federation *federation_new(const FederationConfig *config, Store *store, const Random *random,
                           gint64 now_us, GError **error)
{
    g_autoptr(Federation) federation = g_new0(Federation, 1);
    federation->config = config;
    federation->store = store;
    federation->random = random;
    federation->now = federation->started_us = now_us;
    federation->timers = timers_new();
    federation->topology = topology_new();
    federation->members = g_tree_new_full(id_compare, NULL, NULL, member_free);
    federation->agreements = g_tree_new_full(id_compare, NULL, NULL, agreement_free);
    federation->agreed = affected_new();
    federation->faults = g_tree_new_full(id_compare, NULL, NULL, fault_free);
    federation->applications = g_tree_new_full(id_compare, NULL, NULL, directory_free);
    federation->visits = g_tree_new_full(id_compare, NULL, NULL, visit_free);
    federation->handovers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, handover_free);
    federation->handovers_of =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    federation->stale = g_ptr_array_new_with_free_func(stale_free);
    federation->requests = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, request_free);
    federation->alarms = metrics_counts_new();
    federation->n_running = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    federation->n_kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    federation->running = affected_new();
    federation->streams = g_tree_new_full(id_compare, NULL, NULL, stream_free);
    federation->openings = g_tree_new_full(id_compare, NULL, NULL, stream_opening_free);
    federation->streaming = affected_new();
    federation->accounts = accounts_new(&config->accounts);
    federation->ratings = g_tree_new_full(id_compare, NULL, NULL, ratings_free);
    if (!load(federation, error))
        return NULL;
    drop_stale(federation);
    agreement_settle(federation);
    attachment_settle(federation);
    member_policy_review(federation);
    save_incarnation(federation);
    settle_resume(federation);
    ratings_resume(federation);
    return g_steal_pointer(&federation);
}

void federation_free(Federation *federation)
{
    if (!federation)
        return;
    g_tree_unref(federation->ratings);
    accounts_free(federation->accounts);
    affected_free(federation->streaming);
    g_tree_unref(federation->openings);
    g_tree_unref(federation->streams);
    affected_free(federation->running);
    g_hash_table_unref(federation->n_kept);
    g_hash_table_unref(federation->n_running);
    g_tree_unref(federation->alarms);
    g_hash_table_unref(federation->requests);
    g_ptr_array_unref(federation->stale);
    g_hash_table_unref(federation->handovers_of);
    g_hash_table_unref(federation->handovers);
    g_tree_unref(federation->visits);
    g_tree_unref(federation->applications);
    g_tree_unref(federation->faults);
    affected_free(federation->agreed);
    g_tree_unref(federation->agreements);
    g_tree_unref(federation->members);
    g_queue_clear_full(&federation->audit, wire_free);
    topology_free(federation->topology);
    dispatcher_free(federation->dispatcher);
    outbox_free(federation->outbox);
    timers_free(federation->timers);
    g_free(federation);
}

// --- as a shell drives it ------------------------------------------------------------------------

static Refusal receive(gpointer core, const char *topic, const guint8 *payload, gsize n_bytes,
                       gint64 now_us)
{
    return federation_receive(core, topic, payload, n_bytes, now_us);
}

static gint64 tick(gpointer core, gint64 now_us)
{
    return federation_tick(core, now_us);
}

static void connected(gpointer core, gint64 now_us)
{
    federation_connected(core, now_us);
}

static Outbox *outbox(gpointer core)
{
    return federation_outbox(core);
}

static void authenticate(gpointer core, Authentication *authentication)
{
    Federation *federation = core;
    federation->authentication = authentication;
    dispatcher_set_authentication(federation->dispatcher, authentication);
    outbox_set_authentication(federation->outbox, authentication);
}

static void measure(gconstpointer core, Metrics *metrics)
{
    federation_measure(core, metrics);
}

const CoreOps federation_ops = {receive, tick, connected, outbox, authenticate, measure};

// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/core.h"
#include "topics/base/id.h"

#include <stdarg.h>
#include <string.h>

// Completions of one pass may ask the driver for more; so often the driver is asked again at once.
#define DRIVER_ROUNDS_MAX 8

// --- what the parts share ------------------------------------------------------------------------

static void driver_call_free(gpointer data)
{
    DriverCall *call = data;
    g_free(call->id);
    g_free(call);
}

guint64 agent_driver_call(Agent *agent, DriverCallType type, const char *id)
{
    DriverCall *call = g_new(DriverCall, 1);
    *call = (DriverCall){type, ++agent->n_driver_calls, g_strdup(id)};
    g_hash_table_insert(agent->driver_calls, &call->number, call);
    return call->number;
}

void agent_driver_cancel(Agent *agent, guint64 number)
{
    if (g_hash_table_remove(agent->driver_calls, &number))
        agent->driver->ops->cancel(agent->driver, number);
}

void agent_send(Agent *agent, KindId kind, const char *to, const ProtobufCMessage *message)
{
    if (strcmp(to ? to : "", agent->config->platform) != 0 || membership_allows(agent, kind))
        outbox_add(agent->outbox, kind, to, message);
}

void agent_event(Agent *agent, Qkdnf__V1__Severity severity, const char *name, const char *subject,
                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    WireEvent event = WIRE_EVENT_INIT;
    event.at_us = (guint64)agent->now;
    event.severity = severity;
    event.name = (char *)name;
    event.subject = (char *)subject;
    event.text = text;
    if (severity >= QKDNF__V1__SEVERITY__SEVERITY_WARNING)
        metrics_count(agent->alarms, name);
    agent_send(agent, KIND_EVENT, NULL, &event.base);
}

// --- messages in ---------------------------------------------------------------------------------

// Only the platform and the operators are known by role; what others say counts by who they are:
// the neighbour of a link, a provider on the path of an order.
static Role role_of(gpointer data, const char *member)
{
    const Agent *agent = data;
    if (strcmp(member, agent->config->platform) == 0)
        return ROLE_PLATFORM;
    if (agent->config->operators &&
        g_strv_contains((const char *const *)agent->config->operators, member))
        return ROLE_OPERATOR;
    return ROLE_AGENT;
}

static const DispatchTable dispatch_table = {
    .handlers =
        {
            [KIND_PRESENCE] = discovery_on_presence,
            [KIND_MEMBER] = discovery_on_member,
            [KIND_ADMIN] = discovery_on_admin,
            [KIND_AGREEMENT] = assent_on_agreement,
            [KIND_NOTICE] = notice_on_notice,
            [KIND_FILL] = border_on_fill,
            [KIND_FILLED] = border_on_filled,
            [KIND_ORDER] = order_on_order,
            [KIND_RELEASE] = order_on_release,
            [KIND_RELAY] = order_on_relay,
            [KIND_VISIT] = visitor_on_visit,
            [KIND_REPLY] = service_on_reply,
            [KIND_SERVICES] = service_on_services,
            [KIND_LEG] = leg_on_leg,
            [KIND_USAGE_STATE] = usage_on_state,
            [KIND_RATING] = membership_on_rating,
            [KIND_STATEMENT] = statement_on_statement,
        },
    .role_of = role_of,
};

Refusal agent_receive(Agent *agent, const char *topic, const guint8 *payload, gsize n_bytes,
                      gint64 now_us)
{
    agent->now = now_us;
    return dispatcher_receive(agent->dispatcher, topic, payload, n_bytes, now_us);
}

// --- the driver's word ---------------------------------------------------------------------------

static DriverCall *take_driver_call(Agent *agent, guint64 number)
{
    gpointer call = NULL;
    g_hash_table_steal_extended(agent->driver_calls, &number, NULL, &call);
    return call;
}

static void on_relayed(gpointer data, guint64 number, Status status)
{
    DriverCall *call = take_driver_call(data, number);
    if (!call)
        return;
    order_on_relayed(data, call, status);
    driver_call_free(call);
}

static void on_block(gpointer data, guint64 number, Status status, const DriverBlock *block)
{
    DriverCall *call = take_driver_call(data, number);
    if (!call)
        return;
    border_on_block(data, call, status, block);
    driver_call_free(call);
}

static const DriverListener driver_listener = {
    .relayed = on_relayed,
    .block = on_block,
    .event = discovery_on_driver_event,
};

// --- time ----------------------------------------------------------------------------------------

static void on_timer(Agent *agent, TimerId timer, const char *id)
{
    switch (timer) {
    case TIMER_MEMBER:
        membership_on_timer(agent);
        break;
    case TIMER_ASSENT:
        assent_on_timer(agent, id);
        break;
    case TIMER_RESOURCE:
        discovery_announce(agent);
        break;
    case TIMER_HEARTBEAT:
        border_heartbeat(agent);
        leg_heartbeat(agent);
        break;
    case TIMER_TAKE:
    case TIMER_FILL:
    case TIMER_CLAIM:
        border_on_timer(agent, timer, id);
        break;
    case TIMER_ORDER:
    case TIMER_RELAYS:
        order_on_timer(agent, timer, id);
        break;
    case TIMER_REQUEST:
    case TIMER_CALL:
    case TIMER_LOOKUP:
        service_on_timer(agent, timer, id);
        break;
    case TIMER_VISITOR:
    case TIMER_DOOR:
        visitor_on_timer(agent, timer, id);
        break;
    case TIMER_KEYS:
        timers_arm(agent->timers, TIMER_KEYS, "", keystore_expire(agent->keys, agent->now));
        break;
    case TIMER_LEG:
        leg_on_timer(agent, id);
        break;
    case TIMER_USAGE:
    case TIMER_RESTED:
        usage_on_timer(agent, timer, id);
        break;
    }
}

gint64 agent_tick(Agent *agent, gint64 now_us)
{
    agent->now = now_us;
    guint what;
    char *id;
    while (timers_pop(agent->timers, now_us, &what, &id)) {
        on_timer(agent, (TimerId)what, id);
        g_free(id);
    }
    gint64 driver_next = now_us;
    for (guint i = 0; i < DRIVER_ROUNDS_MAX && driver_next <= now_us; i++) {
        driver_next = agent->driver->ops->tick(agent->driver, now_us);
        guint64 n_calls = agent->n_driver_calls;
        border_pump(agent);
        // A call completes in a tick that follows it.
        if (agent->n_driver_calls > n_calls)
            driver_next = now_us;
    }
    leg_pump(agent);
    return MIN(driver_next, timers_next(agent->timers));
}

void agent_connected(Agent *agent, gint64 now_us)
{
    agent->now = now_us;
    membership_announce(agent);
    discovery_announce(agent);
    border_heartbeat(agent);
    service_ask_again(agent);
    leg_ask_again(agent);
    usage_report_again(agent);
}

void agent_reconfigured(Agent *agent, gint64 now_us)
{
    agent->now = now_us;
    if (membership_refresh(agent))
        membership_announce(agent);
    discovery_refresh(agent);
}

Outbox *agent_outbox(Agent *agent)
{
    return agent->outbox;
}

// --- life ----------------------------------------------------------------------------------------

static void create_tables(Agent *agent)
{
    agent->timers = timers_new();
    agent->driver_calls =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, driver_call_free);
    agent->borders = g_tree_new_full(id_compare, NULL, NULL, border_free);
    agent->agreements = g_tree_new_full(id_compare, NULL, NULL, assent_free);
    agent->quotas = g_tree_new_full(id_compare, NULL, NULL, quota_free);
    agent->orders = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, order_free);
    agent->early = order_early_new();
    agent->legs = leg_table_new();
    agent->usage = usage_book_new();
    agent->statements = g_tree_new_full(id_compare, NULL, g_free, wire_free);
    agent->reported = g_tree_new_full(id_compare, NULL, NULL, wire_free);
    agent->notices = g_tree_new_full(id_compare, NULL, g_free, wire_free);
    agent->faults = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    agent->visitors = g_tree_new_full(id_compare, NULL, g_free, visitor_free);
    agent->doors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    agent->alarms = metrics_counts_new();
    agent->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, service_call_free);
    agent->waiting =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    agent->directory =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, service_directory_free);
}

static gboolean open_borders(Agent *agent, GError **error)
{
    g_autoptr(DriverMap) map = agent->driver->ops->discover(agent->driver);
    for (guint i = 0; i < map->borders->len; i++)
        border_add(agent, map->borders->pdata[i]);
    return borders_load(agent, error);
}

static gboolean load(Agent *agent, GError **error)
{
    guint64 incarnation = 0;
    if (!membership_load(agent, error) || !assent_load(agent, error) || !quota_load(agent, error) ||
        !discovery_load(agent, &incarnation, error))
        return FALSE;
    agent->outbox = outbox_new(agent->config->id, incarnation);
    agent->dispatcher = dispatcher_new(agent->config->id, &dispatch_table, agent);
    agent->keys = keystore_open(agent->store, agent->config->master_key, agent->random, error);
    return agent->keys && visitor_load(agent, error) && open_borders(agent, error) &&
           order_load(agent, error) && leg_load(agent, error) && usage_load(agent, error) &&
           statement_load(agent, error);
}

Agent *agent_new(const AgentConfig *config, Store *store, Driver *driver, const Random *random,
                 gint64 now_us, GError **error)
{
    g_autoptr(Agent) agent = g_new0(Agent, 1);
    agent->config = config;
    agent->store = store;
    agent->driver = driver;
    agent->random = random;
    agent->now = now_us;
    create_tables(agent);
    if (!load(agent, error))
        return NULL;
    driver->ops->listen(driver, &driver_listener, agent);
    membership_refresh(agent);
    membership_announce(agent);
    discovery_refresh(agent);
    timers_arm(agent->timers, TIMER_HEARTBEAT, "", now_us);
    timers_arm(agent->timers, TIMER_KEYS, "", keystore_expire(agent->keys, now_us));
    return g_steal_pointer(&agent);
}

void agent_free(Agent *agent)
{
    if (!agent)
        return;
    g_clear_pointer(&agent->calls, g_hash_table_unref);
    g_clear_pointer(&agent->waiting, g_hash_table_unref);
    g_clear_pointer(&agent->directory, g_hash_table_unref);
    g_clear_pointer(&agent->doors, g_hash_table_unref);
    g_clear_pointer(&agent->visitors, g_tree_unref);
    g_clear_pointer(&agent->faults, g_hash_table_unref);
    g_clear_pointer(&agent->notices, g_tree_unref);
    g_clear_pointer(&agent->reported, g_tree_unref);
    g_clear_pointer(&agent->early, order_early_free);
    g_clear_pointer(&agent->quotas, g_tree_unref);
    g_clear_pointer(&agent->agreements, g_tree_unref);
    g_clear_pointer(&agent->orders, g_hash_table_unref);
    g_clear_pointer(&agent->borders, g_tree_unref);
    g_clear_pointer(&agent->driver_calls, g_hash_table_unref);
    wire_free(agent->resource);
    usage_book_free(agent->usage);
    g_clear_pointer(&agent->statements, g_tree_unref);
    leg_table_free(agent->legs);
    membership_clear(agent);
    keystore_free(agent->keys);
    dispatcher_free(agent->dispatcher);
    g_clear_pointer(&agent->alarms, g_tree_unref);
    outbox_free(agent->outbox);
    timers_free(agent->timers);
    g_free(agent);
}

// --- as a shell drives it ------------------------------------------------------------------------

static Refusal receive(gpointer core, const char *topic, const guint8 *payload, gsize n_bytes,
                       gint64 now_us)
{
    return agent_receive(core, topic, payload, n_bytes, now_us);
}

static gint64 tick(gpointer core, gint64 now_us)
{
    return agent_tick(core, now_us);
}

static void connected(gpointer core, gint64 now_us)
{
    agent_connected(core, now_us);
}

static Outbox *outbox(gpointer core)
{
    return agent_outbox(core);
}

static void authenticate(gpointer core, Authentication *authentication)
{
    Agent *agent = core;
    dispatcher_set_authentication(agent->dispatcher, authentication);
    outbox_set_authentication(agent->outbox, authentication);
}

static void measure(gconstpointer core, Metrics *metrics)
{
    agent_measure(core, metrics);
}

const CoreOps agent_ops = {receive, tick, connected, outbox, authenticate, measure};

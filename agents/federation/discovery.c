// SPDX-License-Identifier: Apache-2.0
//
// Resource discovery: what the provider's QKDN has, cut down to what its policy federates, and
// registered with the platform until the platform says that it has it.

#include "agents/federation/core.h"
#include "topics/record.h"
#include "agents/federation/state.pb-c.h"

#include <string.h>

#define REPEAT_US         (1 * G_TIME_SPAN_SECOND)
#define REFUSED_REPEAT_US (30 * G_TIME_SPAN_SECOND)

// --- durable -------------------------------------------------------------------------------------

static void save_self(Agent *agent, guint64 incarnation, guint64 resource_version)
{
    Agent__State__Self self = AGENT__STATE__SELF__INIT;
    self.incarnation = incarnation;
    self.resource_version = resource_version;
    g_autoptr(GBytes) value = message_pack(&self.base);
    store_put_text(agent->store, "self", "self", value);
}

static void load_self(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent__State__Self *self = record_unpack(&agent__state__self__descriptor, value);
    Agent__State__Self *last = loading->core;
    if (self) {
        last->incarnation = self->incarnation;
        last->resource_version = self->resource_version;
    } else {
        record_fail(loading, "record", "self", "is damaged");
    }
    wire_free(self);
}

gboolean discovery_load(Agent *agent, guint64 *ret_incarnation, GError **error)
{
    Agent__State__Self last = AGENT__STATE__SELF__INIT;
    if (!record_load(agent->store, "self", load_self, &last, error))
        return FALSE;
    *ret_incarnation = MAX(last.incarnation + 1, (guint64)agent->now);
    agent->last_version = last.resource_version;
    return TRUE;
}

// --- the abstract QKDN ---------------------------------------------------------------------------

// An empty list allows all.
static gboolean allows(char **list, const char *id)
{
    return !list || !list[0] || g_strv_contains((const char *const *)list, id);
}

static gpointer new_node(const DriverNode *from)
{
    WireNode node = WIRE_NODE_INIT;
    node.id = from->id;
    node.access = from->access;
    node.gateway = from->gateway;
    return message_copy(&node.base);
}

static gpointer new_border(const Agent *agent, const DriverBorder *from)
{
    WireBorderLink border = WIRE_BORDER_LINK_INIT;
    border.id = from->id;
    border.node = from->node;
    border.peer = from->peer;
    border.rate_bps = from->rate_bps * agent->config->policy.share_percent / 100;
    return message_copy(&border.base);
}

static gpointer new_virtual_link(const Agent *agent, const DriverVirtualLink *from)
{
    WireVirtualLink link = WIRE_VIRTUAL_LINK_INIT;
    link.a = from->a;
    link.b = from->b;
    link.rate_bps = from->rate_bps * agent->config->policy.share_percent / 100;
    link.latency_us = from->latency_us;
    link.up = from->up;
    return message_copy(&link.base);
}

gboolean application_certificate(const AgentApplication *application,
                                 guint8 ret_sha256[CERTIFICATE_SHA256_BYTES])
{
    const char *hex = application->certificate_sha256;
    for (guint i = 0; hex && i < CERTIFICATE_SHA256_BYTES; i++)
        ret_sha256[i] =
            (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return hex != NULL;
}

static gpointer new_application(const AgentApplication *from)
{
    WireApplication application = WIRE_APPLICATION_INIT;
    application.sae = from->sae;
    application.node = from->node;
    application.service = from->service;
    application.visible = from->visible;
    application.max_keys_per_request = (guint32)from->max_keys_per_request;
    application.max_requests_per_s = (guint32)from->max_requests_per_s;
    guint8 sha256[CERTIFICATE_SHA256_BYTES];
    if (application_certificate(from, sha256))
        application.certificate_sha256 = (ProtobufCBinaryData){sizeof sha256, sha256};
    return message_copy(&application.base);
}

// Everything registered, as arrays of messages until it is packed.
typedef struct {
    GPtrArray *nodes, *borders, *virtual_links, *applications;
} Parts;

static void parts_collect(const Agent *agent, const DriverMap *map, Parts *parts)
{
    const AgentPolicy *policy = &agent->config->policy;
    for (guint i = 0; i < map->nodes->len; i++) {
        const DriverNode *node = map->nodes->pdata[i];
        if (allows(policy->nodes, node->id))
            g_ptr_array_add(parts->nodes, new_node(node));
    }
    for (guint i = 0; i < map->borders->len; i++) {
        const DriverBorder *border = map->borders->pdata[i];
        if (allows(policy->borders, border->id) && allows(policy->nodes, border->node))
            g_ptr_array_add(parts->borders, new_border(agent, border));
    }
    for (guint i = 0; i < map->virtual_links->len; i++) {
        const DriverVirtualLink *link = map->virtual_links->pdata[i];
        if (allows(policy->nodes, link->a) && allows(policy->nodes, link->b))
            g_ptr_array_add(parts->virtual_links, new_virtual_link(agent, link));
    }
    for (guint i = 0; i < agent->config->applications->len; i++)
        g_ptr_array_add(parts->applications,
                        new_application(agent->config->applications->pdata[i]));
}

static gsize n_texts(char **texts)
{
    return texts ? g_strv_length(texts) : 0;
}

// Points at the policy.
static WireRoaming make_roaming(const RoamingPolicy *policy)
{
    WireRoaming roaming = WIRE_ROAMING_INIT;
    roaming.n_may_serve_ours = n_texts(policy->may_serve_ours);
    roaming.may_serve_ours = policy->may_serve_ours;
    roaming.mode = (Qkdnf__V1__RoamingMode)(policy->mode + 1);
    roaming.n_serves = n_texts(policy->serves);
    roaming.serves = policy->serves;
    roaming.n_nodes = n_texts(policy->nodes);
    roaming.nodes = policy->nodes;
    return roaming;
}

static WireResource *build_resource(const Agent *agent, const DriverMap *map)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(wire_free);
    g_autoptr(GPtrArray) borders = g_ptr_array_new_with_free_func(wire_free);
    g_autoptr(GPtrArray) virtual_links = g_ptr_array_new_with_free_func(wire_free);
    g_autoptr(GPtrArray) applications = g_ptr_array_new_with_free_func(wire_free);
    parts_collect(agent, map, &(Parts){nodes, borders, virtual_links, applications});

    WireResource resource = WIRE_RESOURCE_INIT;
    resource.version = agent->last_version;
    resource.n_nodes = nodes->len;
    resource.nodes = (WireNode **)nodes->pdata;
    resource.n_border_links = borders->len;
    resource.border_links = (WireBorderLink **)borders->pdata;
    resource.n_virtual_links = virtual_links->len;
    resource.virtual_links = (WireVirtualLink **)virtual_links->pdata;
    resource.n_applications = applications->len;
    resource.applications = (WireApplication **)applications->pdata;
    resource.kme_url = agent->config->kme_url;
    resource.kme_id = agent->config->kme_id;
    resource.region = agent->config->region;
    WireRoaming roaming = make_roaming(&agent->config->policy.roaming);
    resource.roaming = &roaming;
    return message_copy(&resource.base);
}

static gboolean resources_equal(const WireResource *a, const WireResource *b)
{
    if (!a || !b)
        return FALSE;
    g_autoptr(GBytes) x = message_pack(&a->base);
    g_autoptr(GBytes) y = message_pack(&b->base);
    return g_bytes_equal(x, y);
}

static void refresh_borders(Agent *agent, const DriverMap *map)
{
    for (guint i = 0; i < map->borders->len; i++)
        border_update(agent, map->borders->pdata[i]);
}

// Under a version that the platform takes for newer.
static void announce_anew(Agent *agent)
{
    agent->resource->version = ++agent->last_version;
    save_self(agent, outbox_incarnation(agent->outbox), agent->last_version);
    discovery_announce(agent);
}

void discovery_refresh(Agent *agent)
{
    g_autoptr(DriverMap) map = agent->driver->ops->discover(agent->driver);
    refresh_borders(agent, map);
    WireResource *resource = build_resource(agent, map);
    if (resources_equal(resource, agent->resource)) {
        wire_free(resource);
        return;
    }
    wire_free(agent->resource);
    agent->resource = resource;
    announce_anew(agent);
}

void discovery_announce(Agent *agent)
{
    if (!membership_allows(agent, KIND_RESOURCE))
        return;
    agent_send(agent, KIND_RESOURCE, agent->config->platform, &agent->resource->base);
    timers_arm(agent->timers, TIMER_RESOURCE, "", agent->now + REPEAT_US);
}

void discovery_join(Agent *agent)
{
    discovery_announce(agent);
    border_report(agent, TRUE);
    fault_report_all(agent);
}

// Nobody shall find it any more.
void discovery_leave(Agent *agent)
{
    timers_disarm(agent->timers, TIMER_RESOURCE, "");
    outbox_clear(agent->outbox, KIND_RESOURCE, agent->config->platform);
}

// --- the platform --------------------------------------------------------------------------------

// Said again all the same: what the platform does not like may be another's doing, and pass.
static void on_refused(Agent *agent, const WireMember *member)
{
    timers_arm(agent->timers, TIMER_RESOURCE, "", agent->now + REFUSED_REPEAT_US);
    if (agent->refused_version == member->refused_version)
        return;
    agent->refused_version = member->refused_version;
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "resource.refused", agent->config->id,
                "%s", member->text);
}

void discovery_on_member(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireMember *member = message;
    guint64 version = agent->resource->version;
    membership_on_member(agent, member);
    if (member->state != QKDNF__V1__MEMBER_STATE__MEMBER_STATE_ACTIVE)
        return;
    if (member->resource_version == version) {
        timers_disarm(agent->timers, TIMER_RESOURCE, "");
    } else if (member->resource_version > version && member->resource_version < G_MAXUINT64) {
        // This agent has lost its store: the platform holds something of an earlier life.
        agent->last_version = member->resource_version;
        announce_anew(agent);
    } else if (member->refused_version == version) {
        on_refused(agent, member);
    }
}

void discovery_on_presence(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    if (strcmp(sender->id, agent->config->platform) != 0 ||
        !presence_update(&agent->platform, message) || !agent->platform.alive)
        return;
    membership_announce(agent);
    discovery_announce(agent);
    border_report(agent, TRUE);
    fault_report_all(agent);
    service_ask_again(agent);
    leg_ask_again(agent);
    usage_report_again(agent);
}

const AgentApplication *discovery_find_application(const Agent *agent, const char *sae)
{
    for (guint i = 0; i < agent->config->applications->len; i++) {
        const AgentApplication *application = agent->config->applications->pdata[i];
        if (strcmp(application->sae, sae) == 0)
            return application;
    }
    return NULL;
}

// --- faults and drills ---------------------------------------------------------------------------

static const Qkdnf__V1__FaultScope fault_scopes[] = {
    [DRIVER_SCOPE_LINK] = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_LINK,
    [DRIVER_SCOPE_NODE] = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_NODE,
    [DRIVER_SCOPE_BORDER] = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER,
    [DRIVER_SCOPE_PROVIDER] = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_PROVIDER,
};

// A fault of the interior is told without saying where it is.
static char *fault_id(Agent *agent, const DriverEvent *event)
{
    g_autofree char *name = g_strdup_printf("%d %s", event->scope, event->subject);
    gpointer number = g_hash_table_lookup(agent->faults, name);
    if (!number) {
        number = GUINT_TO_POINTER(g_hash_table_size(agent->faults) + 1);
        g_hash_table_insert(agent->faults, g_steal_pointer(&name), number);
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT "-%u", outbox_incarnation(agent->outbox),
                           GPOINTER_TO_UINT(number));
}

void discovery_on_driver_event(gpointer data, const DriverEvent *event)
{
    Agent *agent = data;
    if (event->type == DRIVER_EVENT_MAP_CHANGED) {
        discovery_refresh(agent);
        return;
    }
    g_autofree char *id = fault_id(agent, event);
    gboolean is_border = event->scope == DRIVER_SCOPE_BORDER;
    WireFault fault = WIRE_FAULT_INIT;
    fault.id = id;
    fault.scope = fault_scopes[event->scope];
    fault.subject = (char *)(is_border ? event->subject : "");
    fault.cause = (char *)event->cause;
    fault.cleared = event->cleared;
    fault_report(agent, &fault);
}

static Status run_drill(Agent *agent, const WireDrill *drill, char **ret_text, char ***ret_lines)
{
    const DriverOps *ops = agent->driver->ops;
    if (!ops->drill)
        return STATUS_UNSUPPORTED;
    if (drill->action == QKDNF__V1__DRILL_ACTION__DRILL_ACTION_LIST) {
        *ret_lines = ops->drills(agent->driver);
        return STATUS_OK;
    }
    gboolean inject = drill->action == QKDNF__V1__DRILL_ACTION__DRILL_ACTION_INJECT;
    if (!inject && drill->action != QKDNF__V1__DRILL_ACTION__DRILL_ACTION_CLEAR) {
        *ret_text = g_strdup("unknown drill action");
        return STATUS_BAD_REQUEST;
    }
    for (guint scope = 0; scope < G_N_ELEMENTS(fault_scopes); scope++) {
        if (fault_scopes[scope] == drill->scope)
            return ops->drill(agent->driver, inject, (DriverScope)scope, drill->subject, ret_text);
    }
    *ret_text = g_strdup("unknown fault scope");
    return STATUS_BAD_REQUEST;
}

void discovery_on_admin(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireAdmin *admin = message;
    if (admin->command_case == QKDNF__V1__ADMIN__COMMAND_FAULTS) {
        notice_list(agent, sender->id, admin);
        return;
    }
    if (admin->command_case == QKDNF__V1__ADMIN__COMMAND_AGREEMENTS) {
        assent_list(agent, sender->id, admin);
        return;
    }
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    Status status = STATUS_UNSUPPORTED;
    if (admin->command_case == QKDNF__V1__ADMIN__COMMAND_DRILL)
        status = run_drill(agent, admin->drill, &text, &lines);
    else if (admin->command_case == QKDNF__V1__ADMIN__COMMAND_AGENT)
        status = membership_command(agent, admin->agent, &text);
    else if (admin->command_case == QKDNF__V1__ADMIN__COMMAND_AGREEMENT)
        status = assent_command(agent, admin->agreement, &text);
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.id = admin->id;
    reply.status = status;
    reply.text = text ? text : (char *)status_text(status);
    reply.n_lines = lines ? g_strv_length(lines) : 0;
    reply.lines = lines;
    agent_send(agent, KIND_ADMIN_REPLY, sender->id, &reply.base);
}

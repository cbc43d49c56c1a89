// SPDX-License-Identifier: Apache-2.0
//
// Members: which providers take part, what they registered, and whether they are there.

#include "platform/core.h"

#include <string.h>

void member_free(gpointer data)
{
    Member *member = data;
    g_free(member->refused_text);
    g_free(member);
}

Member *member_find(const Federation *federation, const char *id)
{
    return g_hash_table_lookup(federation->members, id);
}

static void update_usable(Federation *federation, Member *member)
{
    gint64 stale_us = (gint64)federation->config->stale_ms * G_TIME_SPAN_MILLISECOND;
    member->provider->is_usable = member->state == QKDNF__V1__MEMBER_STATE__MEMBER_STATE_ACTIVE &&
                                  member->provider->resource && member->heard_at_us > 0 &&
                                  federation->now < member->heard_at_us + stale_us;
}

static void member_heard(Federation *federation, Member *member)
{
    gboolean was_usable = member->provider->is_usable;
    member->heard_at_us = federation->now;
    update_usable(federation, member);
    timers_arm(federation->timers, TIMER_STALE, member->provider->id,
               federation->now + (gint64)federation->config->stale_ms * G_TIME_SPAN_MILLISECOND);
    if (!was_usable && member->provider->is_usable)
        federation_event(federation,
                         &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                      .name = "member.up",
                                      .subject = member->provider->id},
                         "%s takes part", member->provider->id);
}

static void member_lost(Federation *federation, Member *member, const char *cause)
{
    gboolean was_usable = member->provider->is_usable;
    member->heard_at_us = 0;
    update_usable(federation, member);
    if (!was_usable)
        return;
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "member.down",
                                  .subject = member->provider->id,
                                  .cause = cause},
                     "%s is gone", member->provider->id);
    request_on_member_lost(federation, member->provider->id);
}

static void send_state(Federation *federation, const Member *member)
{
    WireMember message = WIRE_MEMBER_INIT;
    message.state = member->state;
    message.resource_version = member->provider->resource ? member->provider->resource->version : 0;
    message.refused_version = member->refused_version;
    message.text = member->refused_text ? member->refused_text : (char *)"";
    federation_send(federation, KIND_MEMBER, member->provider->id, &message.base);
}

// --- messages ------------------------------------------------------------------------------------

void member_on_presence(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    Member *member = member_find(federation, sender->id);
    if (!member || !presence_update(&member->presence, message))
        return;
    if (!member->presence.alive) {
        member_lost(federation, member, "presence: its connection to the bus ended");
        return;
    }
    send_state(federation, member);
    member_heard(federation, member);
}

static void resource_refuse(Federation *federation, Member *member, guint64 version, char *why)
{
    g_free(member->refused_text);
    member->refused_text = why;
    member->refused_version = version;
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "resource.refused",
                                  .subject = member->provider->id},
                     "%s", why);
}

static void resource_accept(Federation *federation, Member *member, const WireResource *resource)
{
    topology_register(federation->topology, member->provider, message_copy(&resource->base));
    directory_update(federation, member->provider);
    attachment_review(federation, member->provider);
    g_autoptr(GBytes) value = message_pack(&resource->base);
    store_put_text(federation->store, "resource", member->provider->id, value);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                  .name = "resource.registered",
                                  .subject = member->provider->id},
                     "version %" G_GUINT64_FORMAT ": %zu nodes, %zu border links, %zu applications",
                     resource->version, resource->n_nodes, resource->n_border_links,
                     resource->n_applications);
}

static char *resource_check(const Federation *federation, const Member *member,
                            const WireResource *resource)
{
    char *fault = topology_check(member->provider, resource);
    const char *sae =
        fault ? NULL : directory_find_conflict(federation, member->provider, resource);
    return sae ? g_strdup_printf("application '%s' is registered by another provider", sae) : fault;
}

void member_on_resource(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireResource *resource = message;
    Member *member = member_find(federation, sender->id);
    guint64 known = member->provider->resource ? member->provider->resource->version : 0;
    if (resource->version > known) {
        char *fault = resource_check(federation, member, resource);
        if (fault)
            resource_refuse(federation, member, resource->version, fault);
        else
            resource_accept(federation, member, resource);
    }
    send_state(federation, member);
    // Retained, so it may come from one that is not there any more.
    if (member->presence.alive)
        member_heard(federation, member);
}

static void report_link(Federation *federation, const Member *member, const WireLinkStock *stock)
{
    const Link *link = topology_find_link(federation->topology, stock->link);
    gboolean was_up = link && link_is_up(link);
    if (!topology_report(federation->topology, member->provider, stock) ||
        link_is_up(link) == was_up)
        return;
    federation_event(federation,
                     &(EventHead){.severity = was_up ? QKDNF__V1__SEVERITY__SEVERITY_WARNING
                                                     : QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                  .name = was_up ? "link.down" : "link.up",
                                  .subject = link->id},
                     "border link between %s and %s is %s", link->ends[0].provider->id,
                     link->ends[1].provider->id, was_up ? "down" : "up");
}

void member_on_stock(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireStock *stock = message;
    Member *member = member_find(federation, sender->id);
    for (gsize i = 0; i < stock->n_links; i++)
        report_link(federation, member, stock->links[i]);
    // It has a newer registration than this platform: it will say so once it hears from it.
    if (!member->provider->resource ||
        stock->resource_version != member->provider->resource->version)
        send_state(federation, member);
    member_heard(federation, member);
}

void member_on_fault(gpointer data, const Sender *sender, gconstpointer message)
{
    const WireFault *fault = message;
    const char *subject = fault->subject[0] ? fault->subject : sender->id;
    federation_event(data,
                     &(EventHead){.severity = fault->cleared
                                                  ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                                                  : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = fault->cleared ? "fault.cleared" : "fault.raised",
                                  .subject = subject,
                                  .cause = fault->cause},
                     "%s reports fault %s", sender->id, fault->id);
}

void member_on_timer(Federation *federation, const char *id)
{
    Member *member = member_find(federation, id);
    if (member)
        member_lost(federation, member, "silence: no report for too long");
}

// --- store ---------------------------------------------------------------------------------------

static void member_add(Federation *federation, const char *id)
{
    Member *member = g_new0(Member, 1);
    member->provider = topology_add(federation->topology, id);
    // Approved beforehand by the configuration.
    member->state = QKDNF__V1__MEMBER_STATE__MEMBER_STATE_ACTIVE;
    g_hash_table_insert(federation->members, member->provider->id, member);
}

typedef struct {
    Federation *federation;
    GError **error;
    gboolean failed;
} Loading;

// What could be registered once need not fit the members that there are now.
static void restore(Federation *federation, Member *member, WireResource *resource)
{
    char *fault = resource_check(federation, member, resource);
    if (fault) {
        resource_refuse(federation, member, resource->version, fault);
        wire_free(resource);
        return;
    }
    topology_register(federation->topology, member->provider, resource);
    directory_update(federation, member->provider);
}

static void load_resource(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    gsize n_key = 0, n_value = 0;
    const char *text = g_bytes_get_data(key, &n_key);
    const guint8 *bytes = g_bytes_get_data(value, &n_value);
    g_autofree char *id = g_strndup(text, n_key);
    Member *member = member_find(loading->federation, id);
    if (!member || loading->failed)
        return;
    WireResource *resource = (WireResource *)protobuf_c_message_unpack(
        &qkdnf__v1__resource__descriptor, NULL, n_value, bytes);
    if (resource) {
        restore(loading->federation, member, resource);
        return;
    }
    g_set_error(loading->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "resource of '%s': is damaged",
                id);
    loading->failed = TRUE;
}

gboolean member_load(Federation *federation, GError **error)
{
    for (guint i = 0; i < federation->config->members->len; i++) {
        const FederationMember *member = federation->config->members->pdata[i];
        member_add(federation, member->id);
    }
    Loading loading = {federation, error, FALSE};
    return store_load(federation->store, "resource", load_resource, &loading, error) &&
           !loading.failed;
}

// SPDX-License-Identifier: Apache-2.0
//
// Members: which providers take part, what they registered, and whether they are there.

#include "platform/member.h"

#include "schemas/membership.h"

#include <string.h>

Member *member_find(const Federation *federation, const char *id)
{
    return g_tree_lookup(federation->members, id);
}

MemberState member_state(const Federation *federation, const char *id)
{
    const Member *member = member_find(federation, id);
    return member ? member->state : MEMBER(UNSPECIFIED);
}

gboolean member_is_present(const Federation *federation, const Member *member)
{
    gint64 stale_us = (gint64)federation->config->stale_ms * G_TIME_SPAN_MILLISECOND;
    return member->heard_at_us > 0 && federation->now < member->heard_at_us + stale_us;
}

static gboolean is_usable(const Federation *federation, const Member *member)
{
    return member->state == MEMBER(ACTIVE) && member->provider->resource &&
           member_is_present(federation, member);
}

static void went_up(Federation *federation, const Member *member)
{
    const char *id = member->provider->id;
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                  .name = "member.up",
                                  .subject = id},
                     "%s takes part", id);
    agreement_on_presence(federation, member->provider);
    ratings_on_presence(federation, member);
    stream_on_member_back(federation, member->provider);
    fault_on_return(federation, id);
}

// What runs over one that withdraws may end by itself; nobody else is waited for any more.
static void went_down(Federation *federation, const Member *member, const char *cause)
{
    const char *id = member->provider->id;
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "member.down",
                                  .subject = id,
                                  .cause = cause},
                     "%s is gone", id);
    agreement_on_presence(federation, member->provider);
    ratings_on_presence(federation, member);
    stream_on_member_lost(federation, member->provider, cause && cause[0] ? cause : "it is gone");
    if (member->state == MEMBER(ACTIVE))
        fault_on_silence(federation, id, cause);
    if (member->state != MEMBER(WITHDRAWING))
        request_on_member_lost(federation, id);
}

void member_review(Federation *federation, Member *member, const char *cause)
{
    gboolean was_usable = member->provider->is_usable;
    member->provider->is_usable = is_usable(federation, member);
    if (!was_usable && member->provider->is_usable)
        went_up(federation, member);
    else if (was_usable && !member->provider->is_usable)
        went_down(federation, member, cause);
}

static void member_heard(Federation *federation, Member *member)
{
    member->heard_at_us = federation->now;
    timers_arm(federation->timers, TIMER_STALE, member->provider->id,
               federation->now + (gint64)federation->config->stale_ms * G_TIME_SPAN_MILLISECOND);
    member_review(federation, member, NULL);
}

static void member_lost(Federation *federation, Member *member, const char *cause)
{
    member->heard_at_us = 0;
    member_review(federation, member, cause);
}

void member_send_state(Federation *federation, const Member *member)
{
    const FederationPolicy *federations = &federation->config->policy;
    Qkdnf__V1__Purpose scope[PURPOSES_MAX], demanded[PURPOSES_MAX];
    WireFederationPolicy policy = WIRE_FEDERATION_POLICY_INIT;
    policy.version = federations->version;
    policy.min_share_percent = (guint32)federations->min_share_percent;
    policy.purposes = demanded;
    if (federations->purposes && federations->purposes[0])
        policy.n_purposes = purposes_list(purposes_from_names(federations->purposes), demanded);
    WireMember message = WIRE_MEMBER_INIT;
    message.state = member->state;
    message.resource_version = member->provider->resource ? member->provider->resource->version : 0;
    message.refused_version = member->refused_version;
    message.text = member->refused_text ? member->refused_text : (char *)"";
    message.application_version = member->judged_version;
    const char *reason = member->objection ? member->objection : member->reason;
    message.reason = (char *)(reason ? reason : "");
    message.scope = scope;
    message.n_scope =
        member->state == MEMBER(ACTIVE) ? purposes_list(member_scope(member), scope) : 0;
    message.policy = &policy;
    federation_send(federation, KIND_MEMBER, member->provider->id, &message.base);
}

char *member_explain(const Federation *federation, const char *provider, gboolean to_its_own)
{
    const Member *member = member_find(federation, provider);
    if (!member || (member->state != MEMBER(SUSPENDED) && member->state != MEMBER(EXPELLED)))
        return NULL;
    gboolean tells_why = to_its_own && member->reason && member->reason[0];
    return g_strdup_printf("provider '%s' is %s%s%s", provider, member_state_name(member->state),
                           tells_why ? ": " : "", tells_why ? member->reason : "");
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
    member_send_state(federation, member);
    fault_clear_all(federation, sender->id, member->presence.incarnation);
    notice_repeat(federation, sender->id);
    agreement_on_birth(federation, member);
    member_heard(federation, member);
}

void member_refuse_resource(Federation *federation, Member *member, guint64 version, char *why)
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

// A border link is the two's that name each other; who else claims it hears that it stands back.
static void say_claims(Federation *federation, Member *member)
{
    const WireResource *resource = member->provider->resource;
    for (gsize i = 0; i < resource->n_border_links; i++) {
        const char *id = resource->border_links[i]->id;
        Link *link = topology_find_link(federation->topology, id);
        if (!link || link_end_of(link, member->provider))
            continue;
        const Provider *a = link->ends[0].provider, *b = link->ends[1].provider;
        federation_event(federation,
                         &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                      .name = "link.claim-stands-back",
                                      .subject = id},
                         "%s claims it, but it belongs to %s and %s", member->provider->id,
                         a ? a->id : "nobody", b ? b->id : "nobody");
    }
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
    say_claims(federation, member);
    stream_on_resource(federation, member->provider);
}

char *member_check_resource(const Federation *federation, const Member *member,
                            const WireResource *resource)
{
    char *fault = topology_check(member->provider, resource);
    guint64 max_applications = federation->config->policy.max_applications;
    if (!fault && max_applications > 0 && resource->n_applications > max_applications)
        return g_strdup_printf("%zu applications; the federation's policy allows a provider "
                               "%" G_GUINT64_FORMAT,
                               resource->n_applications, max_applications);
    const char *sae =
        fault ? NULL : directory_find_conflict(federation, member->provider, resource);
    return sae ? g_strdup_printf("application '%s' is registered by another provider", sae) : fault;
}

void member_drop_resource(Federation *federation, Member *member)
{
    Provider *provider = member->provider;
    WireResource nothing = WIRE_RESOURCE_INIT;
    if (!provider->resource)
        return;
    topology_register(federation->topology, provider, message_copy(&nothing.base));
    directory_update(federation, provider);
    attachment_review(federation, provider);
    g_clear_pointer(&provider->resource, wire_free);
    store_delete_text(federation->store, "resource", provider->id);
    stream_on_resource(federation, provider);
}

void member_on_resource(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireResource *resource = message;
    Member *member = member_find(federation, sender->id);
    guint64 known = member->provider->resource ? member->provider->resource->version : 0;
    if (resource->version > known) {
        char *fault = member_check_resource(federation, member, resource);
        if (fault)
            member_refuse_resource(federation, member, resource->version, fault);
        else
            resource_accept(federation, member, resource);
    }
    member_send_state(federation, member);
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
    if (was_up) {
        stream_on_link_lost(federation, link->id);
    } else {
        stream_on_link_back(federation, link->id);
    }
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
        member_send_state(federation, member);
    member_heard(federation, member);
}

void member_on_timer(Federation *federation, TimerId timer, const char *id)
{
    Member *member = member_find(federation, id);
    if (!member)
        return;
    if (timer == TIMER_DRAIN)
        member_on_drain(federation, member);
    else if (timer == TIMER_POLICY)
        member_policy_on_timer(federation, member);
    else
        member_lost(federation, member, "silence: no report for too long");
}

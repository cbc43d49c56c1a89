// SPDX-License-Identifier: Apache-2.0
//
// Members as they are kept: the state of each, and what it registered.

#include "platform/member.h"
#include "platform/state.pb-c.h"
#include "topics/record.h"

void member_free(gpointer data)
{
    Member *member = data;
    wire_free(member->application);
    g_free(member->objection);
    g_free(member->reason);
    g_free(member->actor);
    g_free(member->refused_text);
    g_free(member);
}

Member *member_add(Federation *federation, const char *id)
{
    Member *member = g_new0(Member, 1);
    member->provider = topology_add(federation->topology, id);
    g_tree_insert(federation->members, member->provider->id, member);
    return member;
}

void member_save(Federation *federation, const Member *member)
{
    Platform__State__Member state = PLATFORM__STATE__MEMBER__INIT;
    state.state = member->state;
    state.application = member->application;
    state.judged_version = member->judged_version;
    state.objection = member->objection ? member->objection : (char *)"";
    state.granted = member->granted;
    state.reason = member->reason ? member->reason : (char *)"";
    state.actor = member->actor ? member->actor : (char *)"";
    state.since_us = (guint64)member->since_us;
    state.policy_due_us = (guint64)member->policy_due_us;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "member", member->provider->id, value);
}

// --- loading -------------------------------------------------------------------------------------

static char *text_or_null(const char *text)
{
    return text[0] ? g_strdup(text) : NULL;
}

static gboolean is_durable(MemberState state)
{
    return state > MEMBER(APPLIED) && state <= MEMBER(EXPELLED);
}

static void take_over(Federation *federation, Member *member, const Platform__State__Member *state)
{
    member->state = state->state;
    member->application = state->application ? message_copy(&state->application->base) : NULL;
    member->judged_version = state->judged_version;
    member->objection = text_or_null(state->objection);
    member->granted = state->granted;
    member->reason = text_or_null(state->reason);
    member->actor = text_or_null(state->actor);
    member->since_us = (gint64)state->since_us;
    member->policy_due_us = (gint64)state->policy_due_us;
    member->provider->denied = PURPOSES_ALL & ~member_scope(member);
    if (member->state == MEMBER(WITHDRAWING))
        timers_arm(federation->timers, TIMER_DRAIN, member->provider->id, federation->now);
}

static void load_member(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    if (loading->failed)
        return;
    Platform__State__Member *state = record_unpack(&platform__state__member__descriptor, value);
    Member *member = member_find(federation, id);
    if (!state || !is_durable(state->state))
        record_fail(loading, "membership of", id, "is damaged");
    else
        take_over(federation, member ? member : member_add(federation, id), state);
    wire_free(state);
}

// What could be registered once need not fit the members that there are now.
static void restore(Federation *federation, Member *member, WireResource *resource)
{
    char *fault = member_check_resource(federation, member, resource);
    if (fault) {
        member_refuse_resource(federation, member, resource->version, fault);
        wire_free(resource);
        return;
    }
    topology_register(federation->topology, member->provider, resource);
    directory_update(federation, member->provider);
}

static void load_resource(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Member *member = member_find(federation, id);
    if (!member || loading->failed)
        return;
    WireResource *resource = record_unpack(&qkdnf__v1__resource__descriptor, value);
    if (resource)
        restore(federation, member, resource);
    else
        record_fail(loading, "resource of", id, "is damaged");
}

gboolean member_load(Federation *federation, GError **error)
{
    for (guint i = 0; i < federation->config->members->len; i++) {
        const FederationMember *listed = federation->config->members->pdata[i];
        member_add(federation, listed->id)->listed = listed;
    }
    return record_load(federation->store, "member", load_member, federation, error) &&
           record_load(federation->store, "resource", load_resource, federation, error);
}

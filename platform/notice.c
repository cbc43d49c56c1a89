// SPDX-License-Identifier: Apache-2.0
//
// Who is told about a fault of another member: whose policy asks for it, and whom it concerns at
// its own borders, or because it has key on its way together with that member.

#include "platform/fault.h"
#include "platform/request.h"

#include <string.h>

static gboolean is_told(const Fault *fault, const char *member)
{
    for (guint i = 0; i < fault->notified->len; i++) {
        if (strcmp(fault->notified->pdata[i], member) == 0)
            return TRUE;
    }
    return FALSE;
}

static void tell(Federation *federation, const Fault *fault, const char *member)
{
    const WireFaultInfo *info = fault->info;
    WireNotice notice = WIRE_NOTICE_INIT;
    notice.member = info->member;
    notice.id = info->id;
    notice.scope = info->scope;
    notice.subject = info->subject;
    notice.cause = info->cause;
    notice.cleared = info->cleared_at_us > 0;
    notice.at_us = notice.cleared ? info->cleared_at_us : info->since_us;
    federation_send(federation, KIND_NOTICE, member, &notice.base);
}

// At a border between the two: that border, or all that the other one has.
static gboolean is_at_border(const Fault *fault, const Member *member)
{
    const WireFaultInfo *info = fault->info;
    const GPtrArray *links = member->provider->links;
    for (guint i = 0; i < links->len; i++) {
        Link *link = links->pdata[i];
        const Provider *beyond = link_end_beyond(link, member->provider)->provider;
        if (!beyond || strcmp(beyond->id, info->member) != 0)
            continue;
        if (info->scope == QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_PROVIDER ||
            (info->scope == QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER &&
             strcmp(link->id, info->subject) == 0))
            return TRUE;
    }
    return FALSE;
}

static gboolean is_wanted(const Member *member)
{
    return member->state == MEMBER(ACTIVE) && member->application &&
           member->application->notices != QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_NONE;
}

static gboolean wants_all(const Member *member)
{
    return member->application->notices == QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_ALL;
}

typedef struct {
    Federation *federation;
    Fault *fault;
    GHashTable *companions; // IDs
} Telling;

static gboolean tell_if_concerned(gpointer key, gpointer value, gpointer data)
{
    const Telling *telling = data;
    const Member *member = value;
    const char *id = member->provider->id;
    if (strcmp(id, telling->fault->info->member) == 0 || !is_wanted(member) ||
        is_told(telling->fault, id))
        return FALSE;
    if (!wants_all(member) && !is_at_border(telling->fault, member) &&
        !g_hash_table_contains(telling->companions, id))
        return FALSE;
    tell(telling->federation, telling->fault, id);
    g_ptr_array_add(telling->fault->notified, g_strdup(id));
    return FALSE;
}

static void tell_the_end(Federation *federation, Fault *fault)
{
    for (guint i = 0; i < fault->notified->len; i++)
        tell(federation, fault, fault->notified->pdata[i]);
    g_ptr_array_set_size(fault->notified, 0);
}

void notice_send(Federation *federation, Fault *fault)
{
    if (fault->info->cleared_at_us > 0) {
        tell_the_end(federation, fault);
        return;
    }
    g_autoptr(GHashTable) companions = request_companions(federation, fault->info->member);
    Telling telling = {federation, fault, companions};
    g_tree_foreach(federation->members, tell_if_concerned, &telling);
}

// --- a member that is there again ----------------------------------------------------------------

typedef struct {
    Federation *federation;
    const char *member;
} Again;

static gboolean tell_again(gpointer key, gpointer value, gpointer data)
{
    const Again *again = data;
    if (is_told(value, again->member))
        tell(again->federation, value, again->member);
    return FALSE;
}

void notice_repeat(Federation *federation, const char *member)
{
    Again again = {federation, member};
    g_tree_foreach(federation->faults, tell_again, &again);
}

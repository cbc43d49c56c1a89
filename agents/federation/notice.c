// SPDX-License-Identifier: Apache-2.0
//
// Faults: those of the provider itself, told to the platform until it can have heard of them, and
// those of other members that the platform shares with it.

#include "agents/federation/core.h"

#include <string.h>

// What the platform shares is for people: more than this is not kept.
#define NOTICES_MAX 1000

// Of a list for operators.
#define PAGE 200

// --- one's own -----------------------------------------------------------------------------------

void fault_report(Agent *agent, const WireFault *fault)
{
    WireFault *copy = message_copy(&fault->base);
    g_tree_replace(agent->reported, copy->id, copy);
    agent_send(agent, KIND_FAULT, agent->config->platform, &copy->base);
}

static gboolean say_again(gpointer key, gpointer value, gpointer data)
{
    const WireFault *fault = value;
    agent_send(data, KIND_FAULT, ((Agent *)data)->config->platform, &fault->base);
    return FALSE;
}

void fault_report_all(Agent *agent)
{
    g_tree_foreach(agent->reported, say_again, agent);
}

// --- others' -------------------------------------------------------------------------------------

void notice_on_notice(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireNotice *notice = message;
    g_autofree char *key = g_strconcat(notice->member, " ", notice->id, NULL);
    gboolean is_known = g_tree_lookup(agent->notices, key) != NULL;
    if (is_known != notice->cleared)
        return;
    if (notice->cleared)
        g_tree_remove(agent->notices, key);
    else if (g_tree_nnodes(agent->notices) < NOTICES_MAX)
        g_tree_insert(agent->notices, g_steal_pointer(&key), message_copy(&notice->base));
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_INFO,
                notice->cleared ? "fault.notice-cleared" : "fault.notice", notice->member, "%s: %s",
                notice->id, notice->cause);
}

typedef struct {
    char *after; // "member id"
    WireFaultInfo infos[PAGE];
    WireFaultInfo *pointers[PAGE];
    gsize n;
    gboolean more;
} Page;

static gboolean collect(gpointer key, gpointer value, gpointer data)
{
    Page *page = data;
    const WireNotice *notice = value;
    if (strcmp(key, page->after) <= 0)
        return FALSE;
    if (page->n == PAGE) {
        page->more = TRUE;
        return TRUE;
    }
    WireFaultInfo *info = page->pointers[page->n] = &page->infos[page->n];
    *info = (WireFaultInfo)WIRE_FAULT_INFO_INIT;
    info->member = notice->member;
    info->id = notice->id;
    info->scope = notice->scope;
    info->subject = notice->subject;
    info->cause = notice->cause;
    info->since_us = notice->at_us;
    page->n++;
    return FALSE;
}

void notice_list(Agent *agent, const char *operator_id, const WireAdmin *admin)
{
    g_autofree Page *page = g_new0(Page, 1);
    page->after = g_strconcat(admin->faults->after_member, " ", admin->faults->after_id, NULL);
    g_tree_foreach(agent->notices, collect, page);
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.id = admin->id;
    reply.status = QKDNF__V1__STATUS__STATUS_OK;
    reply.faults = page->pointers;
    reply.n_faults = page->n;
    reply.more = page->more;
    agent_send(agent, KIND_ADMIN_REPLY, operator_id, &reply.base);
    g_free(page->after);
}

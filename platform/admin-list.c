// SPDX-License-Identifier: Apache-2.0
//
// What operators ask: members, the audit trail and faults, in pages that fit a message.

#include "platform/admin.h"
#include "platform/fault.h"

#include <string.h>

// With the longest texts, a page is well below what an answer may hold.
#define MEMBERS_PER_PAGE 100
#define RECORDS_PER_PAGE 200
#define FAULTS_PER_PAGE  200

static void send_page(Federation *federation, const Sender *sender, const WireAdmin *admin,
                      WireAdminReply *reply)
{
    reply->id = admin->id;
    reply->status = QKDNF__V1__STATUS__STATUS_OK;
    federation_send(federation, KIND_ADMIN_REPLY, sender->id, &reply->base);
}

// --- members -------------------------------------------------------------------------------------

typedef struct {
    WireMemberInfo wire;
    Qkdnf__V1__Purpose scope[PURPOSES_MAX];
} Info;

static void fill_info(const Federation *federation, const Member *member, Info *ret_info)
{
    WireMemberInfo *wire = &ret_info->wire;
    *wire = (WireMemberInfo)WIRE_MEMBER_INFO_INIT;
    wire->id = member->provider->id;
    wire->state = member->state;
    wire->n_scope = purposes_list(member_scope(member), ret_info->scope);
    wire->scope = ret_info->scope;
    wire->reason = member->reason ? member->reason : (char *)"";
    wire->since_us = (guint64)member->since_us;
    wire->actor = member->actor ? member->actor : (char *)"";
    wire->application = member->application;
    wire->resource_version = member->provider->resource ? member->provider->resource->version : 0;
    wire->present = member_is_present(federation, member);
    wire->approved_beforehand = member->listed != NULL;
}

typedef struct {
    const Federation *federation;
    const char *after;
    Info infos[MEMBERS_PER_PAGE];
    WireMemberInfo *pointers[MEMBERS_PER_PAGE];
    gsize n;
    gboolean more;
} MemberPage;

static gboolean collect_member(gpointer key, gpointer value, gpointer data)
{
    MemberPage *page = data;
    if (strcmp(key, page->after) <= 0)
        return FALSE;
    if (page->n == MEMBERS_PER_PAGE) {
        page->more = TRUE;
        return TRUE;
    }
    fill_info(page->federation, value, &page->infos[page->n]);
    page->pointers[page->n] = &page->infos[page->n].wire;
    page->n++;
    return FALSE;
}

void admin_list_members(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    g_autofree MemberPage *page = g_new0(MemberPage, 1);
    page->federation = federation;
    page->after = admin->members->after;
    g_tree_foreach(federation->members, collect_member, page);
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.members = page->pointers;
    reply.n_members = page->n;
    reply.more = page->more;
    send_page(federation, sender, admin, &reply);
}

// --- audit trail ---------------------------------------------------------------------------------

void admin_list_audit(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireAuditRecord *pointers[RECORDS_PER_PAGE];
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.audit = pointers;
    for (GList *item = federation->audit.head; item; item = item->next) {
        WireAuditRecord *record = item->data;
        if (record->number <= admin->audit->after)
            continue;
        if (reply.n_audit == RECORDS_PER_PAGE) {
            reply.more = TRUE;
            break;
        }
        pointers[reply.n_audit++] = record;
    }
    send_page(federation, sender, admin, &reply);
}

// --- faults --------------------------------------------------------------------------------------

typedef struct {
    char *after; // "member fault"
    WireFaultInfo *pointers[FAULTS_PER_PAGE];
    gsize n;
    gboolean more;
} FaultPage;

static gboolean collect_fault(gpointer key, gpointer value, gpointer data)
{
    FaultPage *page = data;
    if (strcmp(key, page->after) <= 0)
        return FALSE;
    if (page->n == FAULTS_PER_PAGE) {
        page->more = TRUE;
        return TRUE;
    }
    page->pointers[page->n++] = ((Fault *)value)->info;
    return FALSE;
}

void admin_list_faults(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    FaultPage page = {0};
    const WireFaultQuery *query = admin->faults;
    page.after = g_strconcat(query->after_member, " ", query->after_id, NULL);
    g_tree_foreach(federation->faults, collect_fault, &page);
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.faults = page.pointers;
    reply.n_faults = page.n;
    reply.more = page.more;
    send_page(federation, sender, admin, &reply);
    g_free(page.after);
}

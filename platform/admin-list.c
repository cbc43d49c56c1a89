// SPDX-License-Identifier: Apache-2.0
//
// What operators ask: members, the audit trail and faults, in pages that fit a message.

#include "platform/admin.h"
#include "platform/fault.h"

// With the longest texts, a page is well below what an answer may hold.
#define MEMBERS_PER_PAGE 100
#define RECORDS_PER_PAGE 200
#define FAULTS_PER_PAGE  200

void admin_answer(Federation *federation, const Sender *sender, const WireAdmin *admin,
                  WireAdminReply *reply)
{
    reply->id = admin->id;
    if (reply->status == QKDNF__V1__STATUS__STATUS_UNSPECIFIED)
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

void admin_list_members(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    g_autofree Info *infos = g_new(Info, MEMBERS_PER_PAGE);
    WireMemberInfo *pointers[MEMBERS_PER_PAGE];
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    GTreeNode *node = g_tree_upper_bound(federation->members, admin->members->after);
    reply.members = pointers;
    for (; node && reply.n_members < MEMBERS_PER_PAGE; node = g_tree_node_next(node)) {
        Info *info = &infos[reply.n_members];
        fill_info(federation, g_tree_node_value(node), info);
        pointers[reply.n_members++] = &info->wire;
    }
    reply.more = node != NULL;
    admin_answer(federation, sender, admin, &reply);
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
    admin_answer(federation, sender, admin, &reply);
}

// --- faults --------------------------------------------------------------------------------------

void admin_list_faults(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireFaultInfo *pointers[FAULTS_PER_PAGE];
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    const WireFaultQuery *query = admin->faults;
    g_autofree char *after = g_strconcat(query->after_member, " ", query->after_id, NULL);
    GTreeNode *node = g_tree_upper_bound(federation->faults, after);
    reply.faults = pointers;
    for (; node && reply.n_faults < FAULTS_PER_PAGE; node = g_tree_node_next(node))
        pointers[reply.n_faults++] = ((Fault *)g_tree_node_value(node))->info;
    reply.more = node != NULL;
    admin_answer(federation, sender, admin, &reply);
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/verb.h"
#include "tools/qkdnf/fault-list.h"

#include "tools/qkdnf/admin-print.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/json-read.h"

#include <stdio.h>

static const char *scope_name(Qkdnf__V1__FaultScope scope)
{
    static const char *const names[] = {"unknown", "link", "node", "border", "provider"};
    return (guint)scope < G_N_ELEMENTS(names) ? names[scope] : names[0];
}

static json_t *fault_json(const WireFaultInfo *fault)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "member", fault->member, "id",
                     fault->id, "scope", scope_name(fault->scope), "subject", fault->subject,
                     "cause", fault->cause, "since_us", (json_int_t)fault->since_us,
                     "cleared_at_us", (json_int_t)fault->cleared_at_us, "held_until_us",
                     (json_int_t)fault->held_until_us);
}

static WireAdminReply *ask_page(Access *access, const char *member, const json_t *last,
                                GError **error)
{
    WireFaultQuery query = WIRE_FAULT_QUERY_INIT;
    query.after_member = (char *)json_read_text(last, "member");
    query.after_id = (char *)json_read_text(last, "id");
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_FAULTS;
    question.faults = &query;
    return inquiry_admin(access, member, &question, error);
}

json_t *fault_list_ask(Access *access, const char *member, GError **error)
{
    json_t *faults = json_array();
    for (gboolean more = TRUE; more;) {
        const json_t *last = json_array_get(faults, json_array_size(faults) - 1);
        WireAdminReply *answer = ask_page(access, member, last, error);
        if (!answer) {
            json_decref(faults);
            return NULL;
        }
        for (gsize i = 0; i < answer->n_faults; i++)
            json_array_append_new(faults, fault_json(answer->faults[i]));
        more = answer->more && answer->n_faults > 0;
        wire_free(answer);
    }
    return faults;
}

void fault_list_print(const json_t *faults)
{
    for (gsize i = 0; i < json_array_size(faults); i++) {
        const json_t *fault = json_array_get(faults, i);
        gint64 cleared_at_us = json_read_integer(fault, "cleared_at_us");
        g_autofree char *since = admin_format_time((guint64)json_read_integer(fault, "since_us"));
        g_autofree char *until = admin_format_time((guint64)cleared_at_us);
        const char *subject = json_read_text(fault, "subject");
        verb_print(stdout, "%-16s %-8s %-20s since %s %s%s: %s\n", json_read_text(fault, "member"),
                   json_read_text(fault, "scope"), *subject ? subject : "-", since,
                   cleared_at_us > 0 ? "until " : "", cleared_at_us > 0 ? until : "",
                   json_read_text(fault, "cause"));
    }
}

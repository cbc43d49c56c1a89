// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/verb.h"
#include "tools/qkdnf/admin-print.h"

#include "schemas/membership.h"
#include "schemas/status.h"

#include <stdio.h>

char *admin_format_time(guint64 at_us)
{
    if (at_us == 0)
        return g_strdup("-");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local((gint64)(at_us / G_USEC_PER_SEC));
    return time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("?");
}

static char *format_scope(const WireMemberInfo *member)
{
    return purposes_format(purposes_of(member->scope, member->n_scope));
}

static json_t *application_json(const WireApply *application)
{
    if (!application)
        return json_null();
    g_autofree char *offered =
        purposes_format(purposes_of(application->purposes, application->n_purposes));
    return json_pack("{s:I, s:s, s:s, s:I, s:i}", "version", (json_int_t)application->version,
                     "contact", application->contact, "purposes", offered, "policy_version",
                     (json_int_t)application->policy_version, "share_percent",
                     (int)application->share_percent);
}

json_t *admin_member_json(const WireMemberInfo *member)
{
    g_autofree char *scope = format_scope(member);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:o}", "id", member->id, "state",
        member_state_name(member->state), "scope", scope, "reason", member->reason, "actor",
        member->actor, "since_us", (json_int_t)member->since_us, "resource_version",
        (json_int_t)member->resource_version, "present", member->present, "approved_beforehand",
        member->approved_beforehand, "application", application_json(member->application));
}

json_t *admin_record_json(const WireAuditRecord *record)
{
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "number",
                     (json_int_t)record->number, "at_us", (json_int_t)record->at_us, "actor",
                     record->actor, "member", record->member, "command", record->command, "from",
                     member_state_name(record->from), "to", member_state_name(record->to), "status",
                     status_name((Status)record->status), "text", record->text);
}

void admin_print_member(const WireMemberInfo *member)
{
    g_autofree char *scope = format_scope(member);
    g_autofree char *since = admin_format_time(member->since_us);
    const char *contact = member->application ? member->application->contact : "";
    verb_print(stdout, "%-20s %-13s %-7s since %s by %s: %s; scope: %s%s%s\n", member->id,
               member_state_name(member->state), member->present ? "present" : "absent", since,
               member->actor[0] ? member->actor : "-", member->reason, scope,
               contact[0] ? "; contact: " : "", contact);
}

void admin_print_record(const WireAuditRecord *record)
{
    g_autofree char *at = admin_format_time(record->at_us);
    verb_print(stdout, "%6" G_GUINT64_FORMAT "  %s  %-12s %-9s %-20s %s → %s  %s%s%s\n",
               record->number, at, record->actor, record->command, record->member,
               member_state_name(record->from), member_state_name(record->to),
               record->status == QKDNF__V1__STATUS__STATUS_OK ? ""
                                                              : status_name((Status)record->status),
               record->status == QKDNF__V1__STATUS__STATUS_OK ? "" : ": ", record->text);
}

int admin_report(const WireAdminReply *answer, const char *action, const char *what,
                 const char *subject, gboolean json, const char *verb)
{
    gboolean is_done = answer->status == QKDNF__V1__STATUS__STATUS_OK;
    const char *status = status_name((Status)answer->status);
    if (json) {
        json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "action", action, what, subject,
                                   "status", status, "text", answer->text);
        verb_print_json(object);
        json_decref(object);
    } else if (is_done) {
        verb_print(stdout, "%s\n", answer->text);
    }
    if (!is_done)
        verb_print(stderr, "%s: %s: %s\n", verb, status, answer->text);
    return is_done ? EXIT_DONE : EXIT_REFUSED;
}

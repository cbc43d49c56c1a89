#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What an operator asked for, for a person or a program.

#include "schemas/wire.h"

#include <jansson.h>

json_t *admin_member_json(const WireMemberInfo *member);
json_t *admin_record_json(const WireAuditRecord *record);

// One line each on standard output.
void admin_print_member(const WireMemberInfo *member);
void admin_print_record(const WireAuditRecord *record);

// What became of a command, `action` upon the `subject`, which is a "provider" or such; what
// `verb` ends with.
int admin_report(const WireAdminReply *answer, const char *action, const char *what,
                 const char *subject, gboolean json, const char *verb);

// Local time to the second; "-" for 0. Free with g_free().
char *admin_format_time(guint64 at_us);

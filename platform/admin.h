#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Administration, inside the federation core: admin.c takes the operators' commands, admin-list.c
// answers their questions.

#include "platform/member.h"

// The text is to be freed.
typedef struct {
    Status status;
    char *text;
} AdminResult;

// Answers a command; with STATUS_OK unless the reply says otherwise.
void admin_answer(Federation *federation, const Sender *sender, const WireAdmin *admin,
                  WireAdminReply *reply);
void admin_list_members(Federation *federation, const Sender *sender, const WireAdmin *admin);
void admin_list_audit(Federation *federation, const Sender *sender, const WireAdmin *admin);
void admin_list_faults(Federation *federation, const Sender *sender, const WireAdmin *admin);

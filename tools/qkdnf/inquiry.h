#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A question to a member, as an operator or as an application, and its answer.

#include "schemas/status.h"
#include "schemas/wire.h"
#include "tools/qkdnf/access.h"
#include "topics/kind.h"

typedef struct {
    const char *as;     // ACCESS_OPERATORS or ACCESS_SAES: which list of the federation's members
    const char *member; // who is asked
    KindId kind;
    const ProtobufCMessage *message;
    const char *id; // as in the message
    guint timeout_ms;
    // Hears each answer to a handover, which has one for each of its phases; may be NULL.
    void (*heard)(gpointer data, const ProtobufCMessage *answer);
    gpointer data;
} Inquiry;

// A UUID for an inquiry.
void inquiry_new_id(char ret_id[UUID_CHARS + 1]);

// Connects as the member that `access` names, and asks, repeating the question, until there is the
// last answer or the time is up. NULL and an error without that answer; it is freed with
// wire_free().
ProtobufCMessage *inquiry_ask(Access *access, const Inquiry *inquiry, GError **error);

// An operator's question, of which the ID is filled in; for 10 seconds.
WireAdminReply *inquiry_admin(Access *access, const char *member, WireAdmin *question,
                              GError **error);

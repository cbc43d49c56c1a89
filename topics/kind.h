#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// THE table of message kinds. Topic strings, the dispatch of both cores, the broker's access rules,
// the decoder behind `qkdnf tap` and the fuzz seeds come from it; nothing else names a kind's
// rules.

#include "schemas/wire.h"
#include "topics/base/id.h"

typedef enum {
    KIND_PRESENCE,
    KIND_APPLY,
    KIND_WITHDRAW,
    KIND_MEMBER,
    KIND_ADMIN,
    KIND_ADMIN_REPLY,
    KIND_RESOURCE,
    KIND_STOCK,
    KIND_REGISTER,
    KIND_REGISTERED,
    KIND_DISCOVER,
    KIND_SERVICES,
    KIND_REQUEST,
    KIND_REPLY,
    KIND_ORDER,
    KIND_OUTCOME,
    KIND_RELEASE,
    KIND_FILL,
    KIND_FILLED,
    KIND_RELAY,
    KIND_FAULT,
    KIND_NOTICE,
    KIND_SESSION,
    KIND_SESSION_STATE,
    KIND_LEG,
    KIND_LEG_STATE,
    KIND_HANDOVER,
    KIND_HANDOVER_STATE,
    KIND_VISIT,
    KIND_VISIT_STATE,
    KIND_USAGE,
    KIND_USAGE_STATE,
    KIND_STATEMENT,
    KIND_DISPUTE,
    KIND_AGREEMENT,
    KIND_RATING,
    KIND_EVENT,
    KIND_METRICS,
    N_KINDS,
} KindId;

// A set of roles, as bits.
typedef guint Roles;
#define ROLE_BIT(role) (1u << (role))

// A set of states of membership, as bits.
typedef guint States;
#define STATE_BIT(state) (1u << (state))

typedef struct {
    const char *name;
    const ProtobufCMessageDescriptor *message;
    Roles from;      // who may send it
    States states;   // of an agent that may say it
    Roles to;        // who is to read it
    gboolean to_all; // addressed to `all`, not to one member
    gboolean retained;
    guint8 qos;
    guint32 expiry_ms;    // how long a frame is worth anything; 0: for ever
    gsize max_bytes;      // of one packed message
    guint messages_per_s; // quota of one sender at one receiver; 0: none
    const char *carries;  // for people
} Kind;

// Never NULL for an ID of the enum.
const Kind *kind_get(KindId id);

// The roles with which this one has something to say to each other. For one that speaks with
// nobody, and looks at everybody: all.
Roles kind_partners(Role role);

// FALSE for a name that is not in the table.
gboolean kind_find(const char *name, KindId *ret_id);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Names and sets of what membership.proto defines: states of a member, purposes that it serves.

#include "schemas/wire.h"

// "ACTIVE"; "NONE" for a provider that has never applied.
const char *member_state_name(Qkdnf__V1__MemberState state);

// The longest reason of a command, in bytes.
#define REASON_MAX 256

// A set of purposes, as bits.
typedef guint Purposes;
#define PURPOSE_BIT(purpose) (1u << (purpose))
#define PURPOSES_ALL                                                                               \
    (PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY) |                                              \
     PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_SERVE_VISITOR) |                                      \
     PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_REROUTE) |                                            \
     PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_SHARE))
#define PURPOSES_EXPECTED "relay, serve-visitor, reroute or share"

// FALSE for what names no purpose.
gboolean purpose_find(const char *name, Qkdnf__V1__Purpose *ret_purpose);
// "relay, share"; "none". Free with g_free().
char *purposes_format(Purposes purposes);

// A set from a message; what is not known counts as nothing.
Purposes purposes_of(const Qkdnf__V1__Purpose *list, gsize n);
// And into one: how many of `ret_list` are used, which has room for all.
#define PURPOSES_MAX 4
gsize purposes_list(Purposes purposes, Qkdnf__V1__Purpose ret_list[PURPOSES_MAX]);
// A set from names in a configuration; NULL or none: all. Names that are none count as nothing.
Purposes purposes_from_names(char *const *names);

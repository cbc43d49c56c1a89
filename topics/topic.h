#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The topic grammar: `qkdnf/v1/<kind>/<from>/<to>`, where from and to are member IDs, or to is
// `all`.

#include "topics/base/id.h"
#include "topics/kind.h"

#define TOPIC_PREFIX "qkdnf/v1"

typedef struct {
    KindId kind;
    char from[ID_MAX_BYTES + 1];
    char to[ID_MAX_BYTES + 1];
} Topic;

// Reads a topic as received; FALSE unless it is exactly of the grammar and of a known kind.
gboolean topic_parse(const char *text, Topic *ret_topic);

// The topic on which `from` sends messages of a kind to `to`; free with g_free().
char *topic_format(KindId kind, const char *from, const char *to);

// The topic filters of a member: what is addressed to it, and what is addressed to all and its role
// is to read; a monitor's is the whole bus. NULL-terminated; free with g_strfreev().
char **topic_filters(const char *member, Role role);

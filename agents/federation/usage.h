#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What was metered and the platform has not taken into the accounts yet. Inside the agent core:
// usage-meter.c makes the records, usage.c keeps and reports them.

#include "agents/federation/core.h"

// Where the next record of a session begins.
typedef struct {
    guint64 next; // key number after the last that was recorded
    gint64 until_us;
    guint n_partials;
} UsageSession;

struct UsageBook {
    GTree *records;       // record ID → WireUsage
    GHashTable *sessions; // session ID → UsageSession
    guint n_under_way;    // records reported last that are not answered
    gint64 repeat_us;     // until they are reported again; 0: nothing is under way
};

// Durable with the pass, and reported soon. Takes the record over.
void usage_add(Agent *agent, WireUsage *record);

// usage-meter.c
void usage_keep_session(Agent *agent, const char *session, const UsageSession *kept);

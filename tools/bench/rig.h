#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation core at work without a bus. Agents and applications are played by hand, and do at
// once what they are told, in no time that counts. Frames are not authenticated.

#include "platform/federation.h"

typedef struct Rig Rig;

typedef struct {
    const char *store; // the path of a SQLite file; NULL: in memory
    guint n_providers; // of a random network, between whose users sessions are; 0: the detour
    guint n_sessions;  // that will be opened
    gboolean is_protected;
} RigSettings;

// NULL when the store cannot be made, or a session is not opened.
Rig *rig_new(const RigSettings *settings, GError **error);
void rig_free(Rig *rig);

typedef struct {
    gint64 wall_us;
    gint64 cpu_us; // of this process
} RigTime;

// The first border link of the network fails: one pass of the platform's loop, from the report of
// the fault until all that follows is durable and packed for the bus. How long it took.
RigTime rig_cut(Rig *rig);

// Sessions that were moved to another way since they were opened.
guint rig_n_rerouted(const Rig *rig);

// The platform ends, and starts from its store: until it has loaded all and heard of every provider
// and link again, which is durable then. What was under way is lost.
gboolean rig_restart(Rig *rig, RigTime *ret_took, GError **error);

// That this process has allocated now, but for SQLite's cache of pages, which has a size of its
// own.
gsize rig_n_bytes(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)

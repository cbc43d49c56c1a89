#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The programs of a federation: started in phases, each when the one before is ready; started again
// when one ends by itself, later each time it does so soon; ended in the reverse order. Loop thread
// only.

#include "tools/qkdnf/child.h"

typedef struct Fleet Fleet;

typedef struct {
    // Everything is ready, for the first time.
    void (*ready)(gpointer data);
    // A program was started again and is ready: it has another process ID.
    void (*changed)(gpointer data);
    // Something for people: what was started, ended, and why.
    void (*told)(gpointer data, const char *text);
    // Nothing runs any more; `failure` is NULL after fleet_stop(), else says what did not start.
    void (*stopped)(gpointer data, const char *failure);
} FleetListener;

Fleet *fleet_new(struct event_base *base, const FleetListener *listener, gpointer data);
void fleet_free(Fleet *fleet);

// Before fleet_start(); phases count from 0.
void fleet_add(Fleet *fleet, guint phase, const ChildSpec *spec);
void fleet_start(Fleet *fleet);
void fleet_stop(Fleet *fleet);

// 0 when it does not run.
pid_t fleet_pid(const Fleet *fleet, const char *id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fleet, fleet_free)

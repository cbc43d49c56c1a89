#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What of a simulated QKDN is out of order, by schedule or by drill. Faults may overlap: a thing is
// in order again when the last one has ended. What a fault takes down besides its subject (the
// links of a node, everything of a provider) is for those to judge who look: an outage is only ever
// the subject's own.

#include "agents/qkdn/driver.h"
#include "agents/qkdn/sim-settings.h"

// The state of one thing that can be out of order.
typedef struct {
    DriverScope scope;
    char *subject;     // as in DriverEvent
    const char *cause; // of the present or last fault
    guint n_scheduled; // scheduled faults that have begun and not ended
    gboolean drilled;  // as last told
    gboolean in_force;
} Outage;

typedef struct Outages Outages;

Outages *outages_new(const SimSettings *settings, gint64 now_us);
void outages_free(Outages *outages);

// NULL if there is no such thing; a link may be named from either end. Stays where it is until
// outages_free().
Outage *outages_find(const Outages *outages, DriverScope scope, const char *subject);

// When the schedule goes on; G_MAXINT64: never.
gint64 outages_next_us(const Outages *outages);

// Tells a drill to begin or to end; it does when drills are next applied.
void outages_drill(Outages *outages, Outage *outage, gboolean inject);

// Lets the schedule go on up to `now_us`, or lets drills take effect. Adds each Outage whose
// `in_force` changed to `ret_changed`, once.
void outages_pass(Outages *outages, gint64 now_us, GPtrArray *ret_changed);
void outages_apply_drills(Outages *outages, GPtrArray *ret_changed);

// One line of text for each that is in force or drilled: the provider, nodes, links, border links.
char **outages_list(const Outages *outages);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outages, outages_free)

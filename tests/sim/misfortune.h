#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Everything that goes wrong in a world, by chance from a seed, counted by kind, until it is told
// to stop. What it breaks it mends after a while by itself.

#include "tests/sim/faulty.h"
#include "tests/sim/world.h"

typedef enum {
    // A delivery of the bus
    FAULT_LOST,
    FAULT_REPEATED,
    FAULT_DELAYED,
    FAULT_REORDERED,
    FAULT_TAMPERED,
    // The same, by whoever runs the broker and means harm; where frames are authenticated
    FAULT_MOVED,     // to another topic: kind, sender or receiver
    FAULT_REFLECTED, // to who said it
    FAULT_REPLAYED,  // what was said before, maybe in an earlier life of sender or receiver
    FAULT_ALTERED,   // a bit, or something of the header or of the messages
    FAULT_INVENTED,  // what nobody said
    FAULT_WITHHELD,  // one kind from one member to another, for a while
    FAULT_STALE,     // something earlier, instead of what is retained
    // The bus
    FAULT_PARTITION,  // a member's traffic is lost, and nobody is told
    FAULT_DISCONNECT, // its connection ends, by will
    FAULT_BROKER,     // starts again with nothing kept
    // A process
    FAULT_CRASH_BEFORE_COMMIT,
    FAULT_CRASH_AFTER_COMMIT,
    FAULT_CRASH_SENDING,
    FAULT_KILLED,
    FAULT_SLOW,
    FAULT_CLOCK,
    // A driver
    FAULT_DRIVER_FAILS,
    FAULT_DRIVER_DRY,
    FAULT_DRIVER_UNKNOWN,
    FAULT_DRIVER_LATE,
    FAULT_DRIVER_LIES,
    FAULT_OUTAGE,
    N_FAULTS,
} FaultKind;

extern const char *const fault_names[N_FAULTS];

// Whether this can be the address of a fault.
gboolean fault_address_is_valid(const char *text);

// One that happened. Its address names the chance that it took, such as "lost:alpha:beta:relay#17"
// (the 17th relay value from alpha to beta) or "killed#3" (the third kill): what happens at a
// chance depends on the seed and the address alone, not on what went wrong before.
typedef struct {
    char *address;
    char *detail; // for people
    gint64 at_us;
} Fault;

typedef struct Misfortune Misfortune;

typedef void (*MisfortuneSayFn)(gpointer owner, const char *text);

// `say` is told each time something breaks; the world calls back with `misfortune_fate()` and the
// others, and outlives it. Until misfortune_begin() nothing happens. `only`, which outlives it, is
// the set of addresses of the faults that may happen; NULL: all.
Misfortune *misfortune_new(guint64 seed, GHashTable *only, MisfortuneSayFn say, gpointer owner);
void misfortune_free(Misfortune *misfortune);
void misfortune_begin(Misfortune *misfortune, World *world);
// Mends everything, at once.
void misfortune_end(Misfortune *misfortune);

void misfortune_fate(Misfortune *misfortune, const BrokerLeg *leg, GArray *delays);
GBytes *misfortune_tamper(Misfortune *misfortune, const char *topic, GBytes *payload);
// `is_known`: this agent was given the block before.
FaultyFate misfortune_driver(Misfortune *misfortune, const char *agent, FaultyCall call,
                             const char *block_id, gboolean is_known);

const guint64 *misfortune_counts(const Misfortune *misfortune);
// Fault, as they happened.
GPtrArray *misfortune_faults(const Misfortune *misfortune);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Misfortune, misfortune_free)

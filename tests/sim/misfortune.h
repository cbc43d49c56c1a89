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

typedef struct Misfortune Misfortune;

// What may go wrong, and for how long; so that a failing run can be made smaller.
typedef struct {
    gboolean kinds[N_FAULTS];
    gint64 until_us; // of virtual time; nothing new after it
} Mercy;

typedef void (*MisfortuneSayFn)(gpointer owner, const char *text);

// `say` is told each time something breaks; the world calls back with `misfortune_fate()` and the
// others, and outlives it. Until misfortune_begin() nothing happens.
Misfortune *misfortune_new(guint64 seed, const Mercy *mercy, MisfortuneSayFn say, gpointer owner);
void misfortune_free(Misfortune *misfortune);
void misfortune_begin(Misfortune *misfortune, World *world);
// Mends everything, at once.
void misfortune_end(Misfortune *misfortune);

void misfortune_fate(Misfortune *misfortune, const BrokerLeg *leg, GArray *delays);
GBytes *misfortune_tamper(Misfortune *misfortune, const char *topic, GBytes *payload);
// `is_known`: this agent was given the block before.
FaultyFate misfortune_driver(Misfortune *misfortune, FaultyCall call, const char *block_id,
                             gboolean is_known);

const guint64 *misfortune_counts(const Misfortune *misfortune);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Misfortune, misfortune_free)

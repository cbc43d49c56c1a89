#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of misfortune: misfortune.c decides what goes wrong and when, and does so to
// deliveries and drivers; malice.c to deliveries, on purpose; strike.c does it to members.

#include "tests/sim/misfortune.h"

#define MS ((gint64)G_TIME_SPAN_MILLISECOND)

// Where something can go wrong again and again, such as with each delivery of one kind from one
// member to another.
typedef struct {
    char *name; // NULL: with any member
    guint64 seed;
    guint64 n_chances; // so far
    gint64 withheld_until_us;
} Place;

struct Misfortune {
    guint64 seed;
    GHashTable *only;
    MisfortuneSayFn say;
    gpointer owner;
    World *world;
    gboolean is_on;
    guint per_10000[N_FAULTS]; // 0: not in this run
    gint64 pause_us[N_FAULTS];
    guint64 counts[N_FAULTS];
    GPtrArray *faults;       // Fault
    GHashTable *places;      // name → Place
    Place strikes[N_FAULTS]; // of those that happen to members
    GHashTable *cut_off;     // member → until when (gint64)
    GPtrArray *overheard;    // Overheard (malice.c)
};

// Whether it happens at this chance. `ret_dice` are for how; `detail` is for people.
gboolean misfortune_happens(Misfortune *misfortune, const Place *place, FaultKind kind,
                            const char *detail, Dice *ret_dice);

// malice.c
gboolean malice_is(FaultKind kind);
void malice_overhear(Misfortune *misfortune, const BrokerLeg *leg);
void malice_on_delivery(Misfortune *misfortune, Place *place, const BrokerLeg *leg, GArray *delays);
void malice_overheard_free(gpointer overheard);

// strike.c
void misfortune_strike(Misfortune *misfortune, Node *node, FaultKind kind, Dice *dice);

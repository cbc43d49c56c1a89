#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of misfortune: misfortune.c decides what goes wrong and when, and does so to
// deliveries and drivers; strike.c does it to members.

#include "tests/sim/misfortune.h"

#define MS ((gint64)G_TIME_SPAN_MILLISECOND)

struct Misfortune {
    Dice dice;
    Mercy mercy;
    MisfortuneSayFn say;
    gpointer owner;
    World *world;
    gboolean is_on;
    guint per_10000[N_FAULTS]; // 0: not in this run
    gint64 pause_us[N_FAULTS];
    guint64 counts[N_FAULTS];
    GHashTable *cut_off; // member → until when (gint64)
    guint n_cut_off;
};

// strike.c
void misfortune_strike(Misfortune *misfortune, Node *node, FaultKind kind);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Where the applications of a world go, by chance from a seed: to providers by name or by region,
// asking for it themselves or moved by an operator, at once when told that all is prepared, late,
// or never; and some just come to a foreign door.

#include "tests/sim/operator.h"

typedef struct Moves Moves;

// Lets some providers of a network serve others' users, and puts some into common regions.
void moves_prepare(Network *network, guint64 seed);

Moves *moves_new(guint64 seed, World *world, const Operator *operator);
void moves_free(Moves *moves);

// Moves are begun until then.
void moves_begin(Moves *moves, gint64 until_us);

// How many have come to a foreign door without being announced, and were served there.
guint64 moves_n_came(const Moves *moves);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Moves, moves_free)

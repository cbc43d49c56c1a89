#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An operator in a world, by chance from a seed: suspends members and lets them resume, has them
// withdraw and apply again, and says for others what only an operator may. Repeats itself until the
// platform lists the members as it wants them.

#include "tests/sim/world.h"

#define OPERATOR_ID "ops"

typedef struct Operator Operator;

Operator *operator_new(guint64 seed, World *world);
void operator_free(Operator *operator);

// Members are taken out until then; whoever is out afterwards is let in again.
void operator_begin(Operator *operator, gint64 until_us);

// By which it takes part in the bus.
Application *operator_member(const Operator *operator);

guint64 operator_n_suspended(const Operator *operator);
guint64 operator_n_withdrawn(const Operator *operator);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Operator, operator_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Chance from a seed: the same seed, the same numbers, on every machine and with every compiler
// (splitmix64 by Sebastiano Vigna; public domain).

#include "topics/base/random.h"

typedef struct {
    guint64 state;
} Dice;

Dice dice_make(guint64 seed);

// A seed for something of its own, which does not disturb what else is drawn.
guint64 dice_fork(guint64 seed, const char *what);

guint64 dice_next(Dice *dice);
// 0 up to but not including `n`, which is at least 1.
guint64 dice_below(Dice *dice, guint64 n);
// From `low` to `high`, both included.
gint64 dice_between(Dice *dice, gint64 low, gint64 high);
gboolean dice_chance(Dice *dice, guint percent);
// So many in ten thousand.
gboolean dice_rarely(Dice *dice, guint per_10000);

// Draws from these dice, which outlive it.
Random dice_random(Dice *dice);

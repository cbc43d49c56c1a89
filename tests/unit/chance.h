#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Randomness that a seed determines (splitmix64), so that a test that fails fails again.

#include "topics/base/random.h"

typedef struct {
    guint64 state;
} Chance;

static inline guint64 chance_next(Chance *chance)
{
    guint64 z = chance->state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

// From 0 up to but not including `n`.
static inline guint chance_below(Chance *chance, guint n)
{
    return (guint)(chance_next(chance) % n);
}

static inline void chance_fill(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    for (gsize i = 0; i < n_bytes; i++)
        ret_bytes[i] = (guint8)chance_next(data);
}

static inline Random chance_random(Chance *chance)
{
    return (Random){chance_fill, chance};
}

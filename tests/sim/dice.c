// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/dice.h"

#include <string.h>

#define GOLDEN G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)

Dice dice_make(guint64 seed)
{
    return (Dice){seed};
}

guint64 dice_next(Dice *dice)
{
    guint64 z = (dice->state += GOLDEN);
    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

guint64 dice_fork(guint64 seed, const char *what)
{
    Dice dice = {seed};
    for (; *what; what++)
        dice.state = dice_next(&dice) ^ (guint8)*what;
    return dice_next(&dice);
}

guint64 dice_below(Dice *dice, guint64 n)
{
    return dice_next(dice) % n;
}

gint64 dice_between(Dice *dice, gint64 low, gint64 high)
{
    return low + (gint64)dice_below(dice, (guint64)(high - low) + 1);
}

gboolean dice_chance(Dice *dice, guint percent)
{
    return dice_below(dice, 100) < percent;
}

gboolean dice_rarely(Dice *dice, guint per_10000)
{
    return dice_below(dice, 10000) < per_10000;
}

static void fill(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    for (gsize at = 0; at < n_bytes; at += sizeof(guint64)) {
        guint64 word = GUINT64_TO_LE(dice_next(data));
        memcpy(ret_bytes + at, &word, MIN(n_bytes - at, sizeof word));
    }
}

Random dice_random(Dice *dice)
{
    return (Random){fill, dice};
}

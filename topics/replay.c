// SPDX-License-Identifier: Apache-2.0

#include "topics/replay.h"

#include <string.h>

static guint64 bit_of(guint64 sequence)
{
    return G_GUINT64_CONSTANT(1) << (sequence % 64);
}

static guint64 *word_of(ReplayWindow *window, guint64 sequence)
{
    return &window->seen[sequence % REPLAY_WINDOW / 64];
}

// The numbers between the highest so far and this one have not come.
static void advance(ReplayWindow *window, guint64 sequence)
{
    if (sequence - window->highest >= REPLAY_WINDOW)
        memset(window->seen, 0, sizeof window->seen);
    else
        for (guint64 i = window->highest + 1; i < sequence; i++)
            *word_of(window, i) &= ~bit_of(i);
    *word_of(window, sequence) |= bit_of(sequence);
    window->highest = sequence;
}

gboolean replay_accept(ReplayWindow *window, guint64 sequence)
{
    if (sequence == 0)
        return FALSE;
    if (sequence > window->highest) {
        advance(window, sequence);
        return TRUE;
    }
    if (window->highest - sequence >= REPLAY_WINDOW ||
        (*word_of(window, sequence) & bit_of(sequence)))
        return FALSE;
    *word_of(window, sequence) |= bit_of(sequence);
    return TRUE;
}

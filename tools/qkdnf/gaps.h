#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a monitor has not seen: the frames of a sender are numbered without a gap, so that whatever
// the sender, the broker or the monitor itself has dropped on the way is known. No I/O, no clock.

#include "topics/frame.h"

typedef struct Gaps Gaps;

Gaps *gaps_new(void);
void gaps_free(Gaps *gaps);

// Takes in any publish.
void gaps_take(Gaps *gaps, const char *topic, const guint8 *payload, gsize n_bytes);

// How many frames are missing so far. A frame that is late counts until it comes.
guint64 gaps_n_missing(const Gaps *gaps);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Gaps, gaps_free)

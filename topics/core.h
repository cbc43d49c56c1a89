#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The shape that both cores have, by which a shell drives them without knowing which: the daemon's
// loop, the simulator, benchmarks. A core does no I/O, reads no clock and starts no thread: time
// comes with each call, in microseconds since 1970-01-01 UTC, and never goes back.

#include "topics/frame.h"
#include "topics/metrics.h"
#include "topics/outbox.h"

// `core` is passed to each.
typedef struct {
    // A publish from the bus.
    Refusal (*receive)(gpointer core, const char *topic, const guint8 *payload, gsize n_bytes,
                       gint64 now_us);
    // Does what is due; returns when it wants to be called next.
    gint64 (*tick)(gpointer core, gint64 now_us);
    // The bus is there, for the first time or again: whatever it should know must be said again.
    void (*connected)(gpointer core, gint64 now_us);
    // What is to be published once the pass is durable.
    Outbox *(*outbox)(gpointer core);
    // By which frames are checked and sealed from now on; the shell's. Of the incarnation that the
    // outbox has. NULL for a core that does without.
    void (*authenticate)(gpointer core, Authentication *authentication);
    // What it counts of itself. NULL for a core that counts nothing.
    void (*measure)(gconstpointer core, Metrics *metrics);
} CoreOps;

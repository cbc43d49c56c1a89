#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Which frames of a sender have come already: a window over its sequence numbers, as in RFC 4303
// (clause 3.4.3). The bus may reorder, and repeats; what is older than the window counts as come.

#include <glib.h>

// A sender counts the frames to all its receivers together, and what it sends with QoS 0 can
// overtake what it sends with QoS 1.
#define REPLAY_WINDOW 4096

// Zero at first.
typedef struct {
    guint64 highest;
    guint64 seen[REPLAY_WINDOW / 64]; // by sequence number, in a circle
} ReplayWindow;

// Takes note of a number, from 1 on; FALSE when it has come before, or may have.
gboolean replay_accept(ReplayWindow *window, guint64 sequence);

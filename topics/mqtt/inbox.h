#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What other threads hand to the loop thread: publishes that arrived, in a bounded queue, and a
// descriptor that wakes the loop. Putting and waking is for any thread, the rest for the loop's.

#include <glib.h>

typedef struct Inbox Inbox;

// One publish that arrived; free with g_free().
typedef struct Arrival Arrival;
struct Arrival {
    Arrival *next; // the inbox's own
    gsize n_bytes;
    const guint8 *payload;
    char topic[];
};

Inbox *inbox_new(void);
void inbox_free(Inbox *inbox);

// Readable when there is something to look at; stays so until inbox_clear().
int inbox_fd(const Inbox *inbox);
void inbox_wake(Inbox *inbox);
void inbox_clear(Inbox *inbox);

// Copies what arrived, or drops and counts it when the loop did not keep up.
void inbox_put(Inbox *inbox, const char *topic, const guint8 *payload, gsize n_bytes);

// The oldest arrival, the caller's from here on; NULL when there is none.
Arrival *inbox_take(Inbox *inbox);
gboolean inbox_is_empty(Inbox *inbox);
guint64 inbox_n_dropped(Inbox *inbox);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Inbox, inbox_free)

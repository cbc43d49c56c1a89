#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// When a daemon has its store forget what was replaced or deleted, spent key above all: as soon as
// nothing was committed for JOURNAL_CALM_US, and under load JOURNAL_HELD_US after the first commit
// at the latest. So often costs a busy daemon next to nothing, and bounds how long a key that was
// handed out is in a file. Loop thread only.

#include "topics/base/store.h"

#define JOURNAL_CALM_US G_TIME_SPAN_SECOND
#define JOURNAL_HELD_US G_TIME_SPAN_MINUTE

typedef struct {
    Store *store; // NULL: none
    const char *member;
    gint64 first_us; // of the commits since it was told to forget; 0: there were none
    gint64 last_us;
    gint64 retry_us; // not before, since it failed
} Journal;

// What a process before has left may hold something, too.
Journal journal_of(Store *store, const char *member, gint64 now_us);

// Before each commit: notes whether there is something to commit. Returns when the store is to
// forget, or TIMERS_NEVER.
gint64 journal_note(Journal *journal, gint64 now_us);

// After it: has the store forget when that is due. What fails is logged, and tried again
// JOURNAL_HELD_US later: nothing that was promised depends on it.
void journal_tidy(Journal *journal, gint64 now_us);

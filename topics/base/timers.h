#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a core has to do later. A timer is named by what it is for and an ID, not by a pointer: what
// is gone by then is simply not found. Same arms, same order of firing: timers that are due at the
// same time fire in the order in which they were armed. No clock: the time comes with each call.

#include <glib.h>

typedef struct Timers Timers;

// Later than any time.
#define TIMERS_NEVER G_MAXINT64

Timers *timers_new(void);
void timers_free(Timers *timers);

// Replaces what was armed for the same `what` and `id`.
void timers_arm(Timers *timers, guint what, const char *id, gint64 at_us);
// For what may wait a little: at `at_us` or within TIMERS_SLACK_US after it, together with all else
// that waits so, in one pass and one commit.
#define TIMERS_SLACK_US (100 * G_TIME_SPAN_MILLISECOND)
void timers_arm_loosely(Timers *timers, guint what, const char *id, gint64 at_us);
// For what is said again until it is answered: armed after the pause, which becomes twice as long
// for the next time, up to `max_us`.
void timers_arm_repeat(Timers *timers, guint what, const char *id, gint64 now_us, gint64 *pause_us,
                       gint64 max_us);
void timers_disarm(Timers *timers, guint what, const char *id);

// Takes the earliest timer out when it is due; `ret_id` is to be freed.
gboolean timers_pop(Timers *timers, gint64 now_us, guint *ret_what, char **ret_id);

// When the earliest is due, or TIMERS_NEVER.
gint64 timers_next(const Timers *timers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Timers, timers_free)

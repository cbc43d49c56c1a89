#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How often something happens, and how long it takes, of late. No clock: time comes with each call.

#include <glib.h>

#define TALLY_WINDOW_S  10
#define TALLY_DURATIONS 256

// Happenings per second; all zero at first.
typedef struct {
    guint counts[TALLY_WINDOW_S];
    gint64 second; // that the latest count is of
} TallyRate;

void tally_rate_add(TallyRate *rate, gint64 now_us);
// Over the window that has just passed.
double tally_rate_per_s(TallyRate *rate, gint64 now_us);

// The latest durations; all zero at first.
typedef struct {
    gint64 durations_us[TALLY_DURATIONS];
    guint64 n;
} TallyTimes;

void tally_times_add(TallyTimes *times, gint64 duration_us);
// The duration that this share of them (0 to 1) does not exceed; 0 when there are none.
gint64 tally_times_quantile(const TallyTimes *times, double share);

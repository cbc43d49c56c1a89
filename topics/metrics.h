#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a member counts of itself, as numbers with names: collected from its parts, then said on the
// bus and as Prometheus text. No I/O.

#include "topics/outbox.h"

// A row of somebody's table. Names and units follow Prometheus: `_total` for counters and nothing
// else, seconds and bytes, one label at most.
typedef struct {
    const char *name;
    const char *help;
    gboolean is_counter; // else a gauge
    const char *label;   // what it is divided by; NULL: nothing
} MetricInfo;

typedef struct Metrics Metrics;

Metrics *metrics_new(void);
void metrics_free(Metrics *metrics);

// `of` is the label's value, NULL where the row has no label. All samples of one row follow each
// other.
void metrics_add(Metrics *metrics, const MetricInfo *info, const char *of, double value);

// How often things happened, by name: a tree of counts, one more of `of`, and all of them as the
// samples of a row whose label is that name.
GTree *metrics_counts_new(void);
void metrics_count(GTree *counts, const char *of);
void metrics_add_counts(Metrics *metrics, const MetricInfo *info, GTree *counts);
// How often a member raised each of its alarms, as platform and agents both tell it.
void metrics_add_alarms(Metrics *metrics, GTree *alarms);

// In the text format of Prometheus, version 0.0.4; free with g_free().
char *metrics_format(const Metrics *metrics);

// As messages of the kind `metrics`.
void metrics_send(const Metrics *metrics, Outbox *outbox, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metrics, metrics_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Durations that were measured, and what is said of them.

#include <glib.h>
#include <jansson.h>

typedef struct Samples Samples;

Samples *samples_new(void);
void samples_free(Samples *samples);

void samples_add(Samples *samples, gint64 duration_us);
guint samples_count(const Samples *samples);

// The smallest duration that at least `share` (above 0, at most 1) of all do not exceed; 0 of none.
gint64 samples_quantile(const Samples *samples, double share);

// `{"n", "p50_us", "p90_us", "p99_us", "max_us"}`.
json_t *samples_to_json(const Samples *samples);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Samples, samples_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Key requests under load: so many under way at a time or so many a second, all of them granted. In
// a child: what it leaves behind after a failure ends with it.

#include "tools/bench/in-child.h"

// Requests under way at a time, unless it is said.
#define LOAD_OUTSTANDING 64

typedef struct {
    const char *dir;
    const json_t *pair;
    guint n_requests;
    gboolean fetches;        // afterwards, at both ends, which must have the same keys
    guint n_keys, size_bits; // of a request; 0: one, of the default size
    gboolean waits_for_key;  // where it has run short: asks again
    guint n_outstanding;     // at most; 0: LOAD_OUTSTANDING
    guint64 rate_per_s;      // asked evenly; 0: as soon as one is granted
} LoadMeasure;

// `{"took_us", "n_short", "requests_per_s", "loaded_p50_us", "loaded_p99_us", "cpu_us": {ROLE: …},
// "n_fetched"}`, where the processor time is that of one request.
json_t *load_measure(gpointer measure, InChild *self, GError **error);

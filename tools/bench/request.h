#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Key requests as applications make them, by libqkdnf, timed from the question to the one answer.
// What is granted is fetched at both ends, outside the time, and must be equal. In a child.

#include "agents/application/qkdnf.h"
#include "tools/bench/in-child.h"

// Finds, among the applications of a running federation (`data` is its directory), for each number
// of providers a pair whose keys cross so many: `[{"providers", "initiator", "target"}]`, fewest
// first.
json_t *request_find_pairs(gpointer dir, InChild *self, GError **error);

// Of these, the one to be loaded: across three providers or, where there is none, as many as it can
// be. Borrowed.
json_t *request_choose_pair(const json_t *pairs);

// An application of a running federation, on the bus; NULL when it cannot be made.
struct qkdnf *request_join(const char *dir, const char *sae, GError **error);

typedef struct {
    const char *dir;
    const json_t *pair;
    guint n_rounds;
    guint gap_us; // the mean pause between two requests
} RequestMeasure;

// `{"durations_us": […], "n_waits"}`: how often key ran short and was waited for.
json_t *request_measure(gpointer measure, InChild *self, GError **error);

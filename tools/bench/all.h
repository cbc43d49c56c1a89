#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// All that is measured, one after the other, each by a program of its own: `qkdnf bench NAME`.

#include "tools/bench/bench.h"

// What runs alone gets no description; NULL ends the list.
typedef struct {
    const char *name;
    gboolean is_alone;
} AllMeasure;

// `{"bench": "all", "reports": {NAME: report, or {"error"}}}`; says on stderr what is under way.
json_t *all_run(const AllMeasure *measures, const char *file, const BenchSettings *settings,
                GError **error);

// Whether every measure has a report.
gboolean all_is_whole(const json_t *report);

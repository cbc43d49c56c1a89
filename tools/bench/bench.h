#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What `qkdnf bench` measures, and how it is reported.

#include "tools/bench/floor.h"

// How much is measured; every result is the median of the runs.
typedef struct {
    guint64 n_rounds;
    guint64 n_runs;
    guint64 gap_us;     // the mean pause between two rounds: low load
    guint64 n_sessions; // at most, where they are measured
    guint64 n_records;  // of usage, where they are measured
    guint64 n_seconds;  // of overload and endurance
} BenchSettings;

// Key requests across all numbers of providers that the running federation in `dir` offers, and in
// the same runs the floor through its broker:
// `{"bench", "machine", "versions", "settings", "traffic", "floor": [{"client", "hops",
// "commits", "p50_us", "p99_us", "runs"}], "requests": [{"providers", "initiator", "target",
// "p50_us", "p99_us", "above_floor", "n_waits", "runs"}]}`, where `above_floor` is the ratio of p50
// to each client's, the median of the runs.
json_t *bench_request(const char *dir, const BenchSettings *settings, GError **error);

// The floor alone, by payloads of typical size.
json_t *bench_floor(const char *dir, const BenchSettings *settings, GError **error);

// For what is measured in files of its own: a report that says where and how; the median of one
// figure over the runs; the median of how often the floor's figure goes into ours, run by run,
// because what else the machine does changes from one to the next; the first line of a table.
json_t *bench_report_new(const char *name, const BenchSettings *settings);
// The same, with the "pair" of the running federation in `dir` that is loaded; NULL when there is
// none.
json_t *bench_report_new_of_pair(const char *name, const char *dir, const BenchSettings *settings,
                                 GError **error);
gint64 bench_median(const json_t *runs, const char *figure);
double bench_median_ratio(const json_t *runs, const char *figure, const json_t *floor_runs,
                          const char *floor_figure);
// How the one figure grows with the other: of a straight line through the logarithms, by least
// squares; 0 where the one has not two values.
double bench_exponent(const json_t *rows, const char *from, const char *figure);
// By which factor the row that is farthest from that line is off it: 1 where all are on it.
double bench_misfit(const json_t *rows, const char *from, const char *figure);
void bench_format_head(GString *table, const json_t *report);

// A report as a table for people; free with g_free().
char *bench_format_table(const json_t *report);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What it costs that every promise is on disk before it is made: key requests under load and at low
// load, of daemons that sync each commit and of the same daemons that do not, in turns; and beside
// them the commits of bare SQLite on the same disk.

#include "tools/bench/bench.h"

// Takes over the report, or shows the error; the exit code.
typedef int (*DurabilityDoneFn)(gpointer data, json_t *report, const GError *error);

// Runs two federations of one description, one with each kind of store, and measures both; `done`
// is called in another process. Its exit code, or -1 and an error, as of stage_run().
int durability_run(const char *file, const BenchSettings *settings, DurabilityDoneFn done,
                   gpointer data, GError **error);

// A report as a table for people; free with g_free(). The report:
// `{"bench", "machine", "versions", "settings", "stores": [{"synchronous", "commits_per_s",
// "requests_per_s", "loaded_p50_us", "p50_us", "runs": […]}], "full_over_off": {…}}`, where
// "commits_per_s" are those of bare SQLite and "full_over_off" the ratios of the figures.
char *durability_format_table(const json_t *report);

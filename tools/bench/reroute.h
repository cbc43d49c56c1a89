#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How long sessions are without a way when a border link fails: from the report of the fault until
// the last of them is on another way, and that is durable; by how many are affected, with a spare
// way reserved beforehand (protected) or without.

#include "tools/bench/bench.h"

// With the platform's core in this process, over a store in memory and over SQLite on the disk of
// $TMPDIR. The report:
// `{"bench", "machine", "versions", "settings", "core": [{"store", "protected", "exponent",
// "times": [{"sessions", "p50_us", "cpu_us", "runs": […]}]}]}`, where the CPU time grows like the
// number of sessions to the power of "exponent".
json_t *bench_reroute(const BenchSettings *settings, GError **error);

// A report as a table for people; free with g_free().
char *reroute_format_table(const json_t *report);

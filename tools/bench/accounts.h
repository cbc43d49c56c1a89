#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What accounts cost, and how that grows: records of usage are taken in, reconciled with what their
// buyers metered, rated and put into batches, and netted; by the platform's core with its store on
// disk, where each pass is durable before the next. Agents are played by hand.

#include "tools/bench/bench.h"

// `{…, "rows": [ROW], "exponents": {FIGURE: …}}` for a hundredth, a tenth and all of the records
// that are asked for, where a ROW is `{"records", "take_us", "take_cpu_us", "close_us",
// "close_cpu_us", "longest_us", "passes", "batches", "forget_us", "restart_us", "record_bytes",
// "bytes", "peak_bytes"}`: time to take them in; to rate and batch them, the longest pass of that
// and how many it took; to forget them once both parties have them; to load all of it at a start
// before that; memory of each record that waits for a batch, of all with their batches, and the
// most that the process had.
json_t *bench_accounts(const BenchSettings *settings, GError **error);

char *accounts_format_table(const json_t *report);

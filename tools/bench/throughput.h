#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How many key requests a second a federation grants when many are under way, across the longest
// way it offers, with all guarantees; the keys are then fetched at both ends and compared. Beside
// it the floor: the chain of publishes that a request waits for, one for each request, with as many
// under way. (A request has more publishes than those of the chain: the floor is on the safe side.)

#include "tools/bench/bench.h"

// `{"bench", "machine", "versions", "settings", "pair", "floor": [{"client", "what", "hops",
// "requests_per_s", "runs"}], "requests": {"requests_per_s", "loaded_p50_us", "loaded_p99_us",
// "over_floor": {CLIENT: ratio}, "cpu_us": {ROLE: …}, "publishes": {KIND: {"n", "n_bytes"}},
// "runs"}}`, where the processor time is that of one request and the publishes those of a thousand.
json_t *bench_throughput(const char *dir, const BenchSettings *settings, GError **error);

char *throughput_format_table(const json_t *report);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What grows with a federation, and how: the platform's core with 10, 100 and 1,000 providers, and
// with ever more sessions. The core alone, with everybody else played by hand: its bus and its
// daemon are measured elsewhere.

#include "tools/bench/bench.h"

// `{…, "routing": [{"providers", "p50_us", "p99_us", "disjoint_…"}], "providers": [ROW],
// "sessions": [ROW], "exponents": {"providers": {FIGURE: …}, "sessions": {FIGURE: …}}}`, where a
// ROW is
// `{"providers", "sessions", "provider_bytes", "session_bytes", "restart_us", "fault_us",
// "affected", "affected_us"}`: memory of each; processor time of a restart from the store until all
// have been heard of again, of a fault, and that for each session that it moves.
json_t *bench_scale(const BenchSettings *settings, GError **error);

char *scale_format_table(const json_t *report);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What becomes of key requests when an application asks for three times as many a second as were
// granted just before, with LOAD_OUTSTANDING of them under way: how many are still granted, whether
// each is answered, and how soon afterwards one is granted again.

#include "tools/bench/bench.h"

// `{"bench", "machine", "versions", "settings", "pair", "peak_per_s", "asked_per_s",
// "granted_per_s", "over_peak", "n_unanswered", "open_max", "p99_us", "recovered_us", "runs":
// [{…, "answers": {STATUS: n}}]}`, where "p99_us" is that of an answer and "open_max" the most that
// waited for theirs at a time.
json_t *bench_overload(const char *dir, const BenchSettings *settings, GError **error);

char *overload_format_table(const json_t *report);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Whether a federation at work stays as it is: key requests at an even rate of 70 % of what was
// granted just before, all of them granted and the same at both ends, and how long they take and
// what memory the daemons have, in each tenth of the time.

#include "tools/bench/bench.h"

// `{"bench", "machine", "versions", "settings", "pair", "peak_per_s", "asked_per_s", "parts":
// [{"requests_per_s", "loaded_p50_us", "loaded_p99_us", "n_fetched", "memory_kib",
// "memory_of": {ROLE: …}, …}], "last_over_second": {FIGURE: ratio}}`, where the last tenth of the
// parts is compared with the second, by medians. An error as soon as one is not granted, or not the
// same.
json_t *bench_endurance(const char *dir, const BenchSettings *settings, GError **error);

char *endurance_format_table(const json_t *report);

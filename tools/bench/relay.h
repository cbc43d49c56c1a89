#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How much key is relayed end to end across the longest way of a running federation, in the largest
// requests that there are, beside the fastest QKD link that was published: what is slower than that
// is what a federation of such links would wait for.

#include "tools/bench/bench.h"

// `{…, "pair", "keys", "size_bits", "kbit_per_s", "over_reference", "runs": [{"kbit_per_s",
// "requests_per_s", "loaded_p50_us", "cpu_us"…}]}`.
json_t *bench_relay(const char *dir, const BenchSettings *settings, GError **error);

char *relay_format_table(const json_t *report);

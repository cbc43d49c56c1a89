#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Two reports of `qkdnf bench all --json`, side by side: of the same machine at two times, of two
// machines, or of two versions.

#include "tools/bench/bench.h"

// `{"bench": "compare", "ratios": [{"name", "first", "second", "change"}], "n_apart"}`: every ratio
// that both reports have, `change` being the second by the first less 1; how many are more than 15
// % apart. NULL when a file is no such report.
json_t *compare_reports(const char *first, const char *second, GError **error);

char *compare_format_table(const json_t *report);

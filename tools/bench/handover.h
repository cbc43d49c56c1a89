#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How long an application takes to move to another provider with its session, and what its user
// notices: an initiator goes there and back again and again, while keys are fetched at both ends.

#include "tools/bench/bench.h"

// In the running federation in `dir`, between the first two providers where it may be: one
// handover for ten rounds. The report:
// `{"bench", "machine", "versions", "settings", "sae", "target", "home", "visited", "prepared",
// "switched", "released", "slowest_get_key", "keys", "n_missing", "n_wrong", "n_late"}`. The phases
// are times since it was asked for, and the slowest call is that of each handover, as in Samples;
// "keys" were the same at both ends, "n_missing" calls gave none, "n_wrong" keys were different or
// doubled, and during "n_late" handovers a call took more than a second.
json_t *bench_handover(const char *dir, const BenchSettings *settings, GError **error);

// A report as a table for people; free with g_free().
char *handover_format_table(const json_t *report);

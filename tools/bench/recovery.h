#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How long after kill -9 of a process of the federation an application is granted a key again,
// with many keys in store; and that what was granted before is still the same at both ends. The
// process is started again by `qkdnf up`, after its pause.

#include "tools/bench/bench.h"

// `{"bench", "machine", "versions", "settings", "pair", "keys_stored", "killed": [{"what",
// "recovered_us", "n_lost", "runs"}]}`, where "n_lost" is that of all runs.
json_t *bench_recovery(const char *dir, const BenchSettings *settings, GError **error);

char *recovery_format_table(const json_t *report);

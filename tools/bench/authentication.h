#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What it costs that every frame is authenticated between its ends: CPU time of this process alone,
// without bus and disk.

#include "tools/bench/bench.h"

// `{"bench", "machine", "versions", "settings", "frame_bytes", "figures": {NAME: {"cpu_ns",
// "runs": [{"cpu_ns"}]}}, "sign_over_tag", "verify_over_check", "request_ratio"}`.
//
// One frame of `frame_bytes`: `sign` and `verify` as what is addressed to all, `tag` and `check` as
// what is addressed to one. Then the five frames that a key request waits for, one after the other,
// from the sender's outbox through the receiver's dispatcher up to a handler that does nothing:
// `request_plain` between members without authentication, `request_authenticated` between members
// that know each other. What the cores do with a request is not in either.
json_t *bench_authentication(const BenchSettings *settings, GError **error);

char *authentication_format_table(const json_t *report);

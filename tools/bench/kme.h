#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How many ETSI GS QKD 014 calls a second an agent answers over mutual TLS, one key each: Get key
// (enc_keys) from keys that are in store, and Get key with key IDs (dec_keys) of the same keys at
// the other end, over 1 and 8 kept connections; and how many connections with one call each, with
// full and with resumed handshakes. Beside each the floor: the same client against a server that
// answers the same bytes from a process of its own per connection, and keeps nothing.

#include "tools/bench/bench.h"

// `{"bench", "machine", "versions", "settings", "pair", "calls": [{"what", "connections", "per_s",
// "p50_us", "p99_us", "floor_per_s", "over_floor", "n_refused", "runs"}]}`. Refused is what was
// answered 503.
json_t *bench_kme(const char *dir, const BenchSettings *settings, GError **error);

char *kme_format_table(const json_t *report);

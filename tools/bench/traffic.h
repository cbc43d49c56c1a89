#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How many publishes there are of each kind, and how large they are, as a monitor sees them.

#include "tools/bench/in-child.h"
#include "topics/kind.h"

// Counts until SIGTERM, in a child; `data` is the directory of the federation. The result:
// `{KIND: {"n", "n_bytes"}}`.
json_t *traffic_count(gpointer dir, InChild *self, GError **error);

// The mean size of a kind's publishes; `fallback` when there were none.
gsize traffic_mean_bytes(const json_t *traffic, KindId kind, gsize fallback);

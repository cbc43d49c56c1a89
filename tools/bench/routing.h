#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What it takes to find a way through a network, by the number of its providers: processor time,
// which is the search's own.

#include "tools/bench/network.h"

#include <jansson.h>

// Between so many pairs of users by chance: `{"p50_us", "p99_us"}` of the cheapest way, and the
// same in "short" where many links are short of stock, and in "disjoint" of two ways that share no
// provider.
json_t *routing_measure(const Network *network, guint n_pairs);

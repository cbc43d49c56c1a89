#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What providers ask in random federations: by key, bit and second, in two currencies, at prices of
// which most amounts are no whole minor units; so that money that is lost, doubled or rounded
// twice is seen.

#include "platform/config.h"

// What it points at lives as long as the process.
void money_set_prices(FederationAccounts *accounts);

// WireNetting: the last that a platform's core has made, behind those before it; or NULL.
const GList *money_last_netting(gconstpointer federation);

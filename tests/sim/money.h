#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What providers ask in random federations: by key, bit and second, in two currencies, at prices of
// which most amounts are no whole minor units; so that money that is lost, doubled or rounded
// twice is seen.

#include "platform/config.h"
#include "topics/settlement.h"

// What it points at lives as long as the process.
void money_set_prices(FederationAccounts *accounts);

// WireNetting: the last that a platform's core has made, behind those before it; or NULL.
const GList *money_last_netting(gconstpointer federation);

// --- what it has to be, reckoned without the platform's own means --------------------------------

// member → gint64, in minor units.
GHashTable *money_positions_new(void);
gint64 money_of(GHashTable *positions, const char *member);
void money_give(GHashTable *positions, const char *member, gint64 minor);
gboolean money_is_right(const WireStatement *statement, const WireStatementItem *item);
// Of all batches that are netted. NULL, or which one is not that should be; to be freed.
char *money_add_batches(gconstpointer federation, GHashTable *positions);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of a simulated QKDN: trusted nodes and the QKD links between them. Key is relayed hop
// by hop, one-time-padded on each link with as much of that link's key, which is spent; so n bytes
// over h hops cost h times n.
//
// The route is the one with the fewest hops among the links that are up, hold the key and are above
// their low-water mark; if there is none, links at their mark serve as well. Among routes of equal
// length two nodes stay with the one of that length that they used last; else they take the one
// with the most key on its scarcest link, ties being broken by the order of the links.

#include "agents/qkdn/outages.h"
#include "agents/qkdn/sim-settings.h"

typedef struct Interior Interior;

// `outages` says what is down, and outlives the interior. `settings` are not kept.
Interior *interior_new(const SimSettings *settings, const Outages *outages, gint64 now_us);
void interior_free(Interior *interior);

// Makes key up to `now_us`, on the links that are up. To be called before any change of an outage.
void interior_pass(Interior *interior, gint64 now_us);

// Status as in DriverListener.
Status interior_relay(Interior *interior, const char *from, const char *to, guint64 n_bytes);

// Adds the nodes, and for each pair of them the best that one route can give: its rate is the
// highest that any route's slowest link has, its latency light's in fibre along that route.
void interior_describe(const Interior *interior, DriverMap *map);

// The key in stock between two nodes that share a link.
guint64 interior_stock_bytes(const Interior *interior, const char *a, const char *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Interior, interior_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Graphs of providers for the tests of topology, routes and plans. Provider `p` has the access node
// "home" with its user "sae-p", and one gateway for each of its links, named like the link; its
// interior connects all of them.

#include "platform/topology.h"
#include "tests/unit/chance.h"

typedef struct {
    const char *id;
    const char *a, *b;
    guint64 n_slots; // in stock at both ends
} GraphLink;

// What a provider registers; to be freed with wire_free().
WireResource *graph_resource(const char *provider, const GraphLink *links, gsize n_links);

// Registers every provider that the links name, in that order, as usable, and reports the stock.
void graph_register(Topology *topology, const GraphLink *links, gsize n_links);

// 2 to 6 providers, named from "a" on, and 3 to 10 links with stock of 5 to 64 slots, some down.
Topology *graph_random(Chance *chance);

// Of the interior of a provider; must be there.
WireVirtualLink *graph_interior(const Topology *topology, const char *provider, const char *a,
                                const char *b);
Link *graph_link(const Topology *topology, const char *link);

// The IDs of a route's links with spaces between; NULL for no route. To be freed.
char *graph_text(const GPtrArray *route);

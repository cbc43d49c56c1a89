#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation for benchmarks: who there is, and which border links join them. Every provider has
// one node, at which all its links end and its one user is.

#include "schemas/wire.h"

typedef struct {
    char *id;
    guint a, b; // providers
} NetworkBorder;

typedef struct {
    GPtrArray *providers; // char *: IDs
    GArray *borders;      // NetworkBorder
} Network;

// What every link has and makes: never what is short.
#define NETWORK_SLOTS    G_GUINT64_CONSTANT(100000000)
#define NETWORK_LINK_BPS G_GUINT64_CONSTANT(1000000000000)
#define NETWORK_NODE     "node"

// West and east with a near way between them, by north, and a far one, by south and then southeast.
// The first border is on the near way.
Network *network_new_detour(void);
// A ring with as many chords as it has links, between providers by chance; the same ones for the
// same number.
Network *network_new_random(guint n_providers);
void network_free(Network *network);

const char *network_id(const Network *network, guint provider);
// The ID of its user; free with g_free().
char *network_sae(const Network *network, guint provider);
// What it registers; free with wire_free().
WireResource *network_resource(const Network *network, guint provider);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_free)

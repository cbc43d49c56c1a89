#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation as it would stand in the configuration files of its members: providers with their
// simulated QKDNs, border links, applications. Each provider has the nodes `access` and `gateway`
// with a link between them; all its border links end at the gateway, all its users are at `access`.

#include "agents/federation/config.h"
#include "agents/qkdn/sim-settings.h"
#include "platform/config.h"

#define PLATFORM "platform"

// One provider: what its agent is configured with.
typedef struct {
    AgentConfig config;
    SimSettings qkdn;
} Site;

typedef struct {
    FederationConfig federation;
    GPtrArray *sites;    // Site
    GStringChunk *texts; // everything that is named
} Network;

Network *network_new(void);
void network_free(Network *network);

Site *network_add_site(Network *network, const char *id);
Site *network_find_site(const Network *network, const char *id);

// A border link, filled at `rate_bps` with `initial_slots` in stock. Its ID is "a-b" with the two
// in the order of the alphabet.
void network_add_border(Network *network, const char *a, const char *b, guint64 rate_bps,
                        guint64 initial_slots);
SimBorder *site_find_border(const Site *site, const char *peer);

void network_add_application(Network *network, const char *site, const char *sae);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Simulated QKDNs for the tests: their settings as they would stand in a configuration, and a
// driver whose agent writes down what it hears.

#include "agents/qkdn/sim.h"

// The settings, checked; `*ret_sim` belongs to them.
Settings *network_parse(const char *yaml, const SimSettings **ret_sim);

#define SECOND_US ((gint64)G_USEC_PER_SEC)
#define START_US  (1700000000 * SECOND_US)

// One provider's driver, with everything that it said as text.
typedef struct {
    Settings *settings;
    Random random;
    GRand *seeded;
    Driver *driver;
    GString *trace;
    Secret *key; // of the last block
    char *id;    // likewise
    Status status;
    guint64 again; // a call to make from within the next completion
} Site;

void site_init(Site *site, const char *yaml, guint32 seed);
void site_clear(Site *site);

// Times are seconds after the start.
gint64 site_tick(Site *site, double after_s);

// Calls and ticks; what came of it.
Status site_relay(Site *site, double after_s, const char *from, const char *to, gsize n_bytes);
Status site_take(Site *site, double after_s, const char *border);
Status site_claim(Site *site, double after_s, const char *border, const char *id);
Status site_drill(Site *site, gboolean inject, DriverScope scope, const char *subject);

// That it heard this since it was last asked.
void site_assert_said(Site *site, const char *expected);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Site, site_clear)

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define OTHER  "10112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define NODES  "nodes: [{id: a}, {id: b, gateway: true}, {id: c}]\n"
#define BORDER "id: x, node: b, peer: beta, rate_bps: 8192, secret: " SECRET
#define PLAIN                                                                                      \
    NODES "links: [{a: a, b: b, rate_bps: 8, initial_bytes: 100}]\n"                               \
          "borders: [{" BORDER ", initial_bytes: 4096}]\n"

#define FAULTS                                                                                     \
    "faults:\n"                                                                                    \
    "  - {at_s: 10, for_s: 20, scope: link, subject: b/a, cause: digger}\n"                        \
    "  - {at_s: 15, for_s: 30, scope: link, subject: a/b, cause: storm}\n"                         \
    "  - {at_s: 20, for_s: 5, scope: node, subject: b, cause: power}\n"                            \
    "  - {at_s: 60, scope: provider, cause: strike}\n"

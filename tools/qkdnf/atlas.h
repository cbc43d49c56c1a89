#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The federation as its messages on the bus show it: who is there (`presence`), what each provider
// has registered (`resource`, retained) and how much key its border links hold (`stock`, at every
// heartbeat). No I/O.

#include "tools/qkdnf/decode.h"

typedef struct Atlas Atlas;

Atlas *atlas_new(void);
void atlas_free(Atlas *atlas);

// Takes in any publish; TRUE when it changed what is known.
gboolean atlas_learn(Atlas *atlas, const char *topic, const guint8 *payload, gsize n_bytes);

// Whether at least one provider is known, and of each that is there all that it reports regularly.
gboolean atlas_is_whole(const Atlas *atlas);

// `{"members": [{"id", "role", "alive", "software"}], "providers": [{"id", "alive", "region",
// "kme_id", "kme_url", "version", "nodes": […], "virtual_links": […], "applications": […]}],
// "border_links": [{"id", "up", "ends": [{"provider", "node", "peer", "rate_bps", "up", "n_open",
// "fill_bps", "capacity"}]}]}`, each list sorted by ID; a link is up when both ends say so.
json_t *atlas_to_json(const Atlas *atlas);

// What atlas_to_json() gives, as a graph for Graphviz (free with g_free()), or as a table for
// people.
char *atlas_format_dot(const json_t *map);
char *atlas_format_table(const json_t *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Atlas, atlas_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Best routes from one node of a small network to all others. Pure; equally good routes are told
// apart by the order of the links alone, so the same network always gives the same routes.

#include <glib.h>

// Nodes are numbers from 0.
typedef struct {
    guint a;
    guint b;
    guint64 width; // what it can carry; 0: not to be used
    guint64 latency_us;
} HopLink;

typedef enum {
    HOPS_FEWEST, // then the widest
    HOPS_WIDEST, // of equally wide ones a short one
} HopPreference;

// The best route found to a node.
typedef struct {
    gboolean reached;
    guint n_hops;
    guint64 width; // of its narrowest link
    guint64 latency_us;
    guint last_link; // the number of the link that leads to the node
} HopLabel;

// `ret_labels` has room for one label per node. Goes over the links about as often as routes have
// hops.
void hops_search(const HopLink *links, guint n_links, guint n_nodes, guint from,
                 HopPreference preference, HopLabel *ret_labels);

// The numbers of the links (guint), from `to` back to where a search by HOPS_FEWEST began.
GArray *hops_trace(const HopLink *links, const HopLabel *labels, guint to);

// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/hops.h"

static gboolean is_better(const HopLabel *x, const HopLabel *y, HopPreference preference)
{
    if (!y->reached)
        return TRUE;
    gboolean hops_first = preference == HOPS_FEWEST;
    if (hops_first ? x->n_hops != y->n_hops : x->width == y->width)
        return x->n_hops < y->n_hops;
    return x->width > y->width;
}

static gboolean try_link(const HopLink *link, guint number, guint from, guint to,
                         HopPreference preference, HopLabel *labels)
{
    const HopLabel *before = &labels[from];
    if (!before->reached || link->width == 0)
        return FALSE;
    HopLabel label = {
        .reached = TRUE,
        .n_hops = before->n_hops + 1,
        .width = MIN(before->width, link->width),
        .latency_us = before->latency_us + link->latency_us,
        .last_link = number,
    };
    if (!is_better(&label, &labels[to], preference))
        return FALSE;
    labels[to] = label;
    return TRUE;
}

void hops_search(const HopLink *links, guint n_links, guint n_nodes, guint from,
                 HopPreference preference, HopLabel *ret_labels)
{
    for (guint i = 0; i < n_nodes; i++)
        ret_labels[i] = (HopLabel){0};
    ret_labels[from] = (HopLabel){.reached = TRUE, .width = G_MAXUINT64};
    gboolean improved = TRUE;
    // Each round settles the routes that are one hop longer.
    while (improved) {
        improved = FALSE;
        for (guint i = 0; i < n_links; i++) {
            const HopLink *link = &links[i];
            improved |= try_link(link, i, link->a, link->b, preference, ret_labels);
            improved |= try_link(link, i, link->b, link->a, preference, ret_labels);
        }
    }
}

GArray *hops_trace(const HopLink *links, const HopLabel *labels, guint to)
{
    GArray *trace = g_array_new(FALSE, FALSE, sizeof(guint));
    while (labels[to].n_hops > 0) {
        guint number = labels[to].last_link;
        g_array_append_val(trace, number);
        to = links[number].a == to ? links[number].b : links[number].a;
    }
    return trace;
}

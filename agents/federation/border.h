#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One border link's end as the agent works on it. Inside the agent core: border.c fills its ledger
// together with the neighbour, stock.c tells the platform what is in it.

#include "agents/federation/core.h"

struct Border {
    char *id;
    char *node;
    char *peer;
    guint64 rate_bps;
    gboolean up;
    gboolean is_filler;
    Ledger *ledger;

    // Filler
    guint n_taking;
    gboolean is_filling; // between the low and the high water mark
    gboolean is_dry;     // the driver had nothing; wait for the timer
    guint64 sent_end;    // announced up to here
    gsize block_bytes;
    gboolean has_asked; // where the other end is, without any memory of this link

    // The other end
    GQueue claims; // Claim, in the order of slots
    gboolean owes_filled;

    // What the platform was told last
    guint64 reported_end;
    guint64 reported_n_open;
    gboolean reported_up;
};

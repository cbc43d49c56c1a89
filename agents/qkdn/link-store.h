#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The key in stock at the ends of one QKD link: fills with time at the link's rate, up to a
// capacity, and empties with use. Whole numbers throughout: however time is cut into steps, the
// same key is there after them, at 1 bit/s as at 10 Tbit/s.

#include <glib.h>

typedef struct {
    guint64 rate_bps;
    guint64 capacity_bits;
    gint64 level_bits; // negative: overdrawn
    guint64 fraction;  // made of the next bit, in millionths
    gint64 passed_us;  // time has passed up to here
} LinkStore;

// The most that a store holds, and the fastest that one fills.
#define LINK_STORE_MAX_BYTES ((guint64)1 << 40)
#define LINK_STORE_MAX_BPS   ((guint64)10000000000000)

LinkStore link_store_make(guint64 rate_bps, guint64 capacity_bytes, guint64 initial_bytes,
                          gint64 now_us);

// Lets time pass up to `now_us`; key was made in it if the link was `up`. Time does not run back.
void link_store_pass(LinkStore *store, gint64 now_us, gboolean up);

guint64 link_store_bytes(const LinkStore *store);

// FALSE, and nothing spent, where there is less.
gboolean link_store_spend(LinkStore *store, guint64 n_bytes);

// Spends what may not be there yet: what is made next makes up for it. At most one capacity is
// owed.
void link_store_overdraw(LinkStore *store, guint64 n_bytes);

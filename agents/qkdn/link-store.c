// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/link-store.h"

LinkStore link_store_make(guint64 rate_bps, guint64 capacity_bytes, guint64 initial_bytes,
                          gint64 now_us)
{
    g_assert(rate_bps <= LINK_STORE_MAX_BPS && capacity_bytes <= LINK_STORE_MAX_BYTES);
    return (LinkStore){
        .rate_bps = rate_bps,
        .capacity_bits = capacity_bytes * 8,
        .level_bits = (gint64)(MIN(initial_bytes, capacity_bytes) * 8),
        .passed_us = now_us,
    };
}

static guint64 room_bits(const LinkStore *store)
{
    return (guint64)((gint64)store->capacity_bits - store->level_bits);
}

static void fill(LinkStore *store, guint64 elapsed_us)
{
    guint64 seconds = elapsed_us / G_USEC_PER_SEC;
    guint64 room = room_bits(store);
    // So much time fills it whatever the rate's remainder; multiplying could overflow.
    gboolean full = store->rate_bps > 0 && seconds > room / store->rate_bps;
    guint64 millionths = store->rate_bps * (elapsed_us % G_USEC_PER_SEC) + store->fraction;
    guint64 made = full ? room : seconds * store->rate_bps + millionths / G_USEC_PER_SEC;
    store->fraction = made < room ? millionths % G_USEC_PER_SEC : 0;
    store->level_bits += (gint64)MIN(made, room);
}

void link_store_pass(LinkStore *store, gint64 now_us, gboolean up)
{
    if (now_us <= store->passed_us)
        return;
    if (up)
        fill(store, (guint64)(now_us - store->passed_us));
    store->passed_us = now_us;
}

guint64 link_store_bytes(const LinkStore *store)
{
    return store->level_bits > 0 ? (guint64)store->level_bits / 8 : 0;
}

gboolean link_store_spend(LinkStore *store, guint64 n_bytes)
{
    if (n_bytes > link_store_bytes(store))
        return FALSE;
    store->level_bits -= (gint64)(n_bytes * 8);
    return TRUE;
}

void link_store_overdraw(LinkStore *store, guint64 n_bytes)
{
    gint64 lowest = -(gint64)store->capacity_bits;
    gint64 bits = (gint64)(MIN(n_bytes, LINK_STORE_MAX_BYTES) * 8);
    store->level_bits = MAX(store->level_bits - bits, lowest);
}

// SPDX-License-Identifier: Apache-2.0

#include "platform/booking.h"

#include "schemas/slot.h"

#include <string.h>

// As much of the stock as arrives for a booking in this time is left for it, for a session that
// opens needs its first buffer at once; but no greater share than it has of what arrives.
#define STOCK_S 10

static void booking_free(gpointer data)
{
    Booking *booking = data;
    g_free(booking->id);
    g_free(booking);
}

static guint n_bookings(const Link *link)
{
    return link->bookings ? link->bookings->len : 0;
}

static const Booking *booking_at(const Link *link, guint i)
{
    return link->bookings->pdata[i];
}

static gboolean binds(const Booking *booking, const Link *link)
{
    return link->ends[0].provider == booking->seller || link->ends[1].provider == booking->seller;
}

static gboolean covers(const Booking *booking, guint64 at_us)
{
    return booking->from_us <= at_us && at_us < booking->until_us;
}

void booking_remove(Topology *topology, const char *id, const char *booking)
{
    GPtrArray *bookings = g_hash_table_lookup(topology->bookings, id);
    for (guint i = 0; bookings && i < bookings->len; i++) {
        if (strcmp(((Booking *)bookings->pdata[i])->id, booking) == 0)
            g_ptr_array_remove_index(bookings, i--);
    }
    if (!bookings || bookings->len > 0)
        return;
    Link *link = topology_find_link(topology, id);
    if (link)
        link->bookings = NULL;
    g_hash_table_remove(topology->bookings, id);
}

static GPtrArray *find_or_add(Topology *topology, const char *id)
{
    GPtrArray *bookings = g_hash_table_lookup(topology->bookings, id);
    if (bookings)
        return bookings;
    bookings = g_ptr_array_new_with_free_func(booking_free);
    g_hash_table_insert(topology->bookings, g_strdup(id), bookings);
    return bookings;
}

void booking_put(Topology *topology, const char *id, const Booking *booking)
{
    booking_remove(topology, id, booking->id);
    Booking *copy = g_memdup2(booking, sizeof *booking);
    copy->id = g_strdup(booking->id);
    copy->drawn_bps = topology_drawn_bps(topology, id, booking->buyer->id);
    g_ptr_array_add(find_or_add(topology, id), copy);
    Link *link = topology_find_link(topology, id);
    if (link)
        link->bookings = find_or_add(topology, id);
}

void booking_set_drawn(Topology *topology, const char *id, const char *buyer, guint64 bps)
{
    const GPtrArray *bookings = g_hash_table_lookup(topology->bookings, id);
    for (guint i = 0; bookings && i < bookings->len; i++) {
        Booking *booking = bookings->pdata[i];
        if (strcmp(booking->buyer->id, buyer) == 0)
            booking->drawn_bps = bps;
    }
}

static guint64 undrawn_bps(const Link *link, const Provider *except, guint64 at_us)
{
    guint64 bps = 0;
    for (guint i = 0; i < n_bookings(link); i++) {
        const Booking *booking = booking_at(link, i);
        if (booking->buyer != except && binds(booking, link) && covers(booking, at_us))
            bps += booking->bps - MIN(booking->bps, booking->drawn_bps);
    }
    return bps;
}

// It only grows where one begins.
guint64 booking_kept_bps(const Link *link, const Provider *except, const Span *span)
{
    guint64 most = undrawn_bps(link, except, span->from_us);
    for (guint i = 0; i < n_bookings(link); i++) {
        guint64 from_us = booking_at(link, i)->from_us;
        if (from_us > span->from_us && from_us < span->until_us)
            most = MAX(most, undrawn_bps(link, except, from_us));
    }
    return most;
}

guint64 booking_kept_slots(const Link *link, const Provider *except, guint64 now_us)
{
    guint64 bps = undrawn_bps(link, except, now_us);
    if (bps == 0)
        return 0;
    guint64 fill_bps = MAX(link_fill_bps(link), bps), capacity = link_capacity(link);
    guint64 all_slots = capacity > 0 ? capacity : link_n_available(link);
    guint64 wanted = bps / SLOT_BITS * STOCK_S;
    double share_slots = (double)all_slots * (double)bps / (double)fill_bps;
    return share_slots < (double)wanted ? (guint64)share_slots : wanted;
}

guint64 booking_free_bps(const Topology *topology, const Link *link, const Provider *buyer,
                         const Span *span)
{
    guint64 fill_bps = link_fill_bps(link);
    guint64 by_others = link->reserved_bps - topology_drawn_bps(topology, link->id, buyer->id) +
                        booking_kept_bps(link, buyer, span);
    return fill_bps - MIN(fill_bps, by_others);
}

gboolean booking_overlaps(const Link *link, const Provider *buyer, const Span *span)
{
    for (guint i = 0; i < n_bookings(link); i++) {
        const Booking *booking = booking_at(link, i);
        if (booking->buyer == buyer && binds(booking, link) && booking->from_us < span->until_us &&
            span->from_us < booking->until_us)
            return TRUE;
    }
    return FALSE;
}

guint booking_count(const Link *link)
{
    guint n = 0;
    for (guint i = 0; i < n_bookings(link); i++)
        n += binds(booking_at(link, i), link);
    return n;
}

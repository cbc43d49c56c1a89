#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Capacity of border links that is booked for the users of one provider, for a time: what their own
// sessions do not draw of it then is kept free from those of others. Pure state, no I/O; who may
// book what is agreed elsewhere (agreement-capacity.c).

#include "platform/topology.h"

// Of one link, whoever has them.
#define BOOKINGS_MAX 32

typedef struct Booking {
    char *id; // of the agreement
    const Provider *buyer;
    const Provider *seller; // it binds nobody while another has that link
    guint64 bps;
    // In microseconds since 1970-01-01 UTC, and the first moment at which it holds no more.
    guint64 from_us;
    guint64 until_us;
    guint64 drawn_bps; // by sessions of its users
} Booking;

// From when to when capacity is wanted: the same twice is that moment.
typedef struct {
    guint64 from_us;
    guint64 until_us;
} Span;

// Takes in a booking, whether the link is registered now or not; the ID is copied. One of the same
// ID is replaced.
void booking_put(Topology *topology, const char *link, const Booking *booking);
void booking_remove(Topology *topology, const char *link, const char *id);

// The most that others than `except` have booked, and do not draw, at any one moment of the span.
guint64 booking_kept_bps(const Link *link, const Provider *except, const Span *span);
// And what of the stock is left for it at this moment.
guint64 booking_kept_slots(const Link *link, const Provider *except, guint64 now_us);

// What the buyer can book of the link for all of the span: also what its sessions draw now.
guint64 booking_free_bps(const Topology *topology, const Link *link, const Provider *buyer,
                         const Span *span);
// Whether it has booked some of the span already; how many there are of all.
gboolean booking_overlaps(const Link *link, const Provider *buyer, const Span *span);
guint booking_count(const Link *link);

// Sessions of the buyer draw so much of the link in all now.
void booking_set_drawn(Topology *topology, const char *link, const char *buyer, guint64 bps);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Births and deaths: what a member says of itself, and which of two that arrived counts.

#include "topics/base/random.h"
#include "topics/credentials.h"

// The public half of an X25519 key.
#define SHARE_BYTES 32

// Who a program on the bus is.
typedef struct {
    const char *id;
    Role role;
    guint64 incarnation;
    const guint8 *share; // SHARE_BYTES; NULL: it is not authenticated
} Identity;

// The incarnation of a program that may have others beside it under its ID: the time of its start,
// less up to a second. Programs started by one script do start within the same microsecond.
guint64 presence_draw_incarnation(gint64 now_us, const Random *random);

// A packed presence frame, ready to be published or to serve as the MQTT will. `connection` counts
// the connections of this incarnation to the broker. Signed, unless `credentials` is NULL.
GBytes *presence_pack(const Identity *identity, guint64 connection, gboolean alive,
                      Credentials *credentials, gint64 now_us);

// What is known of one member.
typedef struct {
    gboolean alive;
    guint64 incarnation;
    guint64 connection;
} PresenceState;

// Takes in a presence message; TRUE when it is newer than what is known. A will can overtake a
// birth in flight, so incarnation and connection decide, and within one connection its death.
gboolean presence_update(PresenceState *state, const WirePresence *message);

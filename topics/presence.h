#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Births and deaths: what a member says of itself, and which of two that arrived counts.

#include "topics/frame.h"

// A packed presence frame of `from`, ready to be published or to serve as the MQTT will.
// `connection` counts the connections of this incarnation to the broker.
GBytes *presence_pack(const char *from, Role role, guint64 incarnation, guint64 connection,
                      gboolean alive, gint64 now_us);

// What is known of one member.
typedef struct {
    gboolean alive;
    guint64 incarnation;
    guint64 connection;
} PresenceState;

// Takes in a presence message; TRUE when it is newer than what is known. A will can overtake a
// birth in flight, so incarnation and connection decide, and within one connection its death.
gboolean presence_update(PresenceState *state, const WirePresence *message);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The virtual bus: what an MQTT broker does for the fabric, on an agenda. It keeps retained
// messages, announces deaths by will, and forgets what a member that is not connected misses, since
// sessions start clean. How long a delivery takes, and whether it comes at all, is decided by
// whoever runs the world.

#include "tests/sim/agenda.h"
#include "topics/outbox.h"

typedef struct Broker Broker;

typedef void (*BrokerArriveFn)(gpointer member, const char *topic, GBytes *payload);

// A copy of a publish on its way to one member.
typedef struct {
    const char *from;
    const char *to; // the member that reads it
    KindId kind;
    const char *topic;
    GBytes *payload;
    gboolean is_retained; // said before, to whoever has just connected
} BrokerLeg;

// What became of a publish that a member has looked at.
typedef struct {
    const char *id;
    Role role;
    guint64 life; // which of the member's processes it was
    const char *topic;
    GBytes *payload;
    Refusal refusal;
} BrokerReceipt;

typedef void (*BrokerReceivedFn)(gpointer owner, const BrokerReceipt *receipt);

typedef struct {
    // Sees every publish as its sender meant it.
    void (*tap)(gpointer world, const char *topic, GBytes *payload);
    // The payload to carry instead, to be freed; NULL: as it is.
    GBytes *(*tamper)(gpointer world, const char *topic, GBytes *payload);
    // Adds to `delays` how long each copy takes, in microseconds; none: it is lost.
    void (*fate)(gpointer world, const BrokerLeg *leg, GArray *delays);
} BrokerOps;

Broker *broker_new(Agenda *agenda, const BrokerOps *ops, gpointer world);
void broker_free(Broker *broker);

// Connects a member: retained messages for it set out, its birth and will are up to the caller.
// Replaces an earlier connection of the same member without its will.
void broker_connect(Broker *broker, const char *id, Role role, GBytes *will, BrokerArriveFn arrive,
                    gpointer member);
// The connection ends. Without `quietly`, its will is published.
void broker_disconnect(Broker *broker, const char *id, gboolean quietly);
gboolean broker_is_connected(const Broker *broker, const char *id);

void broker_publish(Broker *broker, const char *topic, GBytes *payload);

// Hands a member what nobody has published, after a while: what a broker can that means harm. It is
// lost when the member is not connected.
void broker_slip(Broker *broker, const char *id, const char *topic, GBytes *payload,
                 gint64 delay_us);

// Forgets retained messages and everything under way.
void broker_forget(Broker *broker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

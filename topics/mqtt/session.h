#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One member's connection to the bus, over Paho MQTTClient: MQTT 5, TLS 1.3 with a client
// certificate, reconnects with jittered back-off, subscribes again and announces the member's birth
// after every connect, leaves its death as will.
//
// All calls and all callbacks are on the loop thread. Paho's own thread only copies what arrives
// into a bounded queue and wakes the loop. Nothing is promised: what is published while the session
// is down is dropped and counted, because every conversation of the fabric repeats itself.

#include "topics/outbox.h"

#include <event2/event.h>

// How to reach the broker; part of every daemon's and client's configuration.
typedef struct {
    char *url;            // mqtts://HOST:PORT
    char *ca;             // PEM file: who may have certified the broker
    char *certificate;    // PEM file: this member's chain; its common name is the member ID
    char *key;            // PEM file: PKCS#8
    guint64 keep_alive_s; // 0: 10; a dead network is noticed after about as long
    char *crl;            // PEM file: revoked certificates of members; or NULL
} Connection;

// Must not free the session.
typedef struct {
    void (*connected)(gpointer data);
    // The connection was lost, or an attempt to connect failed. `cause` is for people.
    void (*disconnected)(gpointer data, const char *cause);
    void (*arrived)(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes);
} SessionListener;

typedef struct Session Session;

// A program calls this first, before it has threads. Paho leads the bus through a proxy where the
// environment names one, whatever it is told: the bus is never reached through a proxy. And OpenSSL
// is not torn down at exit, when a thread that waits for a silent broker may still be in it.
void session_prepare_process(void);

// Starts to connect in the background. Fails only on what no retry can mend: an unusable URL, a
// certificate or key file that cannot be read, a certificate that is not `id`'s. A monitor is never
// announced: it has neither birth nor death.
Session *session_new(struct event_base *base, const Connection *connection,
                     const Identity *identity, const SessionListener *listener, gpointer data,
                     GError **error);

// Disconnects cleanly (which announces the death, too) and frees, in less than two seconds whatever
// the network does; takes NULL.
void session_free(Session *session);

gboolean session_is_connected(const Session *session);

// Never blocks; keeps the order of publishes.
void session_publish(Session *session, const Publish *publish);

// Publishes dropped because the session was down or its queue full, and arrivals dropped because
// the loop did not keep up.
guint64 session_n_dropped_out(const Session *session);
guint64 session_n_dropped_in(const Session *session);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One member's MQTT client: Paho with this project's rules (TLS 1.3 and certificates, will and
// birth, filters, properties by the table of kinds). Everything here may block; one thread at a
// time.

#include "topics/mqtt/peer.h"
#include "topics/mqtt/session.h"

typedef struct Client Client;

// Called on Paho's threads, at any time between client_connect() and client_free(). Must neither
// block nor call the client.
typedef struct {
    void (*arrived)(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes);
    // One publish of QoS 1 was acknowledged.
    void (*acknowledged)(gpointer data);
    // `cause` is for people.
    void (*lost)(gpointer data, const char *cause);
} ClientListener;

// No more publishes than this may be unacknowledged at once, or Paho sleeps.
#define CLIENT_UNACKNOWLEDGED_MAX 1000

// Copies what it is given but the listener. NULL when the URL is unusable.
Client *client_new(const Connection *connection, const Identity *identity,
                   const ClientListener *listener, gpointer data, GError **error);
void client_free(Client *client);

// Connects, subscribes and announces the birth; from scratch if need be. NULL, or why not; free
// with g_free().
char *client_connect(Client *client);

gboolean client_publish(Client *client, const Publish *publish);

// Announces the death by the will.
void client_disconnect(Client *client);

// Whether a publish of that size would be taken without blocking.
PeerRoom client_room(const Client *client, gsize n_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

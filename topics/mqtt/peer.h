#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The broker's address, and this process's own TCP connections to it. Paho neither tunes its socket
// nor tells which it is, so the connections are found by the address at their other end. When
// several sessions of one process use the same broker, each sees the connections of all: what is
// done and asked here is right for all of them.

#include <glib.h>

typedef struct {
    char *host;
    char *port;
} Peer;

// Reads `mqtts://HOST:PORT`, an IPv6 address in brackets.
gboolean peer_parse(const char *url, Peer *ret_peer, GError **error);
void peer_clear(Peer *peer);

// Why no connection can be made, tried once; NULL when one can. Blocks, for `timeout_s` at most per
// address. Free with g_free().
char *peer_probe(const Peer *peer, guint timeout_s);

// Finds the connections, sets them up for small messages without delay and for noticing within
// `timeout_s` that nothing is acknowledged any more. Blocks where the host name must be resolved.
// Returns descriptors (int); free with g_array_unref().
GArray *peer_tune_sockets(const Peer *peer, guint timeout_s);

// Whether a publish of that size is taken without blocking.
typedef enum {
    PEER_ROOM_NOW,
    PEER_ROOM_LATER,
    PEER_ROOM_NEVER, // larger than what the kernel buffers
} PeerRoom;
PeerRoom peer_room(const GArray *sockets, gsize n_bytes);

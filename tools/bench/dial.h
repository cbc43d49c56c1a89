#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Blocking TLS 1.3 connections with a client certificate and TCP_NODELAY, as bare as a floor needs.

#include "topics/mqtt/peer.h"
#include "topics/mqtt/session.h"

#include <openssl/ssl.h>

// Whether the authority, certificate and key of a connection can be used.
gboolean dial_load(SSL_CTX *context, const Connection *connection);

// A client's, with them; NULL when they cannot be used. Freed with SSL_CTX_free().
SSL_CTX *dial_context(const Connection *connection);

typedef struct {
    int fd;
    SSL *ssl; // NULL: not connected
} Dial;

// `resumed` is of an earlier connection to the same server, or NULL.
gboolean dial_open(Dial *dial, SSL_CTX *context, const Peer *peer, SSL_SESSION *resumed);
void dial_close(Dial *dial);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Dial, dial_close)

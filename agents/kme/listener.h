#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The HTTPS side of the key delivery API: accepts connections up to a number, speaks TLS and
// HTTP/1.1 within limits, and hands over whole requests. Loop thread only.

#include "agents/kme/settings.h"

#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

typedef struct Listener Listener;

// `settings` outlive the listener. `on_request` gets each request with `data`.
Listener *listener_new(struct event_base *base, const KmeSettings *settings,
                       void (*on_request)(struct evhttp_request *request, void *data),
                       gpointer data, GError **error);
// Closes all connections; takes NULL.
void listener_free(Listener *listener);

guint16 listener_port(const Listener *listener);
guint listener_n_connections(const Listener *listener);

// Reads the certificate files again, for connections from now on. On failure everything stays as it
// was.
gboolean listener_reload(Listener *listener, GError **error);

// Whether a connection that was made before that would be made now.
gboolean listener_trusts(const Listener *listener, SSL *ssl);

// Whether a connection is about to be closed, because its application has its share of them. A
// request may have come with the end of the handshake.
gboolean listener_refuses(const SSL *ssl);

// Reads IP:PORT or [IP]:PORT; FALSE when it is neither.
gboolean listener_parse_address(const char *text, struct sockaddr_storage *ret_address,
                                int *ret_n_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listener, listener_free)

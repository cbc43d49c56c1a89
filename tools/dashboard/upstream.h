#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The way to the broker: mutual TLS 1.3 with a monitor's certificate.

#include "topics/mqtt/session.h"

#include <event2/bufferevent.h>
#include <netdb.h>

typedef struct Upstream Upstream;

// FALSE, and why, where the URL or a file cannot be used.
Upstream *upstream_new(const Connection *connection, const char *id, GError **error);
void upstream_free(Upstream *upstream);

// A connection that is being made; free with bufferevent_free(). NULL when none can be begun.
struct bufferevent *upstream_connect(const Upstream *upstream, struct event_base *base);

// Which of a host's addresses: as Paho chooses for the daemons, IPv4 where there is both. Of
// `localhost` the first is often ::1, where a broker need not listen.
const struct addrinfo *upstream_choose(const struct addrinfo *addresses);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Upstream, upstream_free)

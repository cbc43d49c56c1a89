#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What the small HTTP servers of the daemons and tools have in common. Loop thread only.

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <glib.h>

// Sends the answer and takes the bytes of `body`, which may be NULL. To a HEAD only their number is
// said (RFC 9110 clause 9.3.2): a client that keeps the connection would take the bytes themselves
// for the answer to its next request.
void http_reply(struct evhttp_request *request, int code, const char *reason,
                struct evbuffer *body);

// Lets a listener rest while the process has more than so many descriptors open: connections then
// wait in the backlog, instead of taking what the rest of the program needs. Freed after the
// server.
typedef struct HttpGuard HttpGuard;
HttpGuard *http_guard_new(struct event_base *base, struct evhttp *http,
                          struct evconnlistener *listener, int max_descriptors);
void http_guard_free(HttpGuard *guard);

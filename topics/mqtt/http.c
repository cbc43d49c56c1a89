// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <unistd.h>

#define AGAIN_MS 100

void http_reply(struct evhttp_request *request, int code, const char *reason, struct evbuffer *body)
{
    if (!body || evhttp_request_get_command(request) != EVHTTP_REQ_HEAD) {
        evhttp_send_reply(request, code, reason, body);
        return;
    }
    g_autofree char *n_bytes = g_strdup_printf("%zu", evbuffer_get_length(body));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", n_bytes);
    evhttp_send_reply(request, code, reason, NULL);
}

// --- connections ---------------------------------------------------------------------------------

struct HttpGuard {
    struct evconnlistener *listener;
    struct event *again;
    int max_descriptors;
};

static void on_again(evutil_socket_t fd, short what, void *data)
{
    HttpGuard *guard = data;
    evconnlistener_enable(guard->listener);
}

// libevent does not say when it closes a connection; but descriptors are given out lowest first, so
// that a high one tells how many are open.
static struct bufferevent *on_accepted(struct event_base *base, void *data)
{
    HttpGuard *guard = data;
    int lowest_free = dup(STDERR_FILENO);
    if (lowest_free < 0 || lowest_free > guard->max_descriptors) {
        evconnlistener_disable(guard->listener);
        event_add(guard->again, &(struct timeval){0, AGAIN_MS * 1000});
    }
    if (lowest_free >= 0)
        close(lowest_free);
    return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

HttpGuard *http_guard_new(struct event_base *base, struct evhttp *http,
                          struct evconnlistener *listener, int max_descriptors)
{
    HttpGuard *guard = g_new0(HttpGuard, 1);
    *guard = (HttpGuard){listener, evtimer_new(base, on_again, guard), max_descriptors};
    evhttp_set_bevcb(http, on_accepted, guard);
    return guard;
}

void http_guard_free(HttpGuard *guard)
{
    if (!guard)
        return;
    event_free(guard->again);
    g_free(guard);
}

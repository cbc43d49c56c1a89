// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/listener.h"

#include "agents/kme/etsi014.h"
#include "agents/kme/tls.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

// How long a connection may lie idle, or a handshake, request or answer make no progress.
#define IDLE_S 60

// How long a handshake may take: whoever is not known to us yet holds no connection for longer.
#define HANDSHAKE_S 5

#define MAX_HEADER_BYTES 8192

// Up to here a body is read only to be answered 413 with an Error; beyond it libevent itself
// answers 413 with a page of its own and closes.
#define MAX_READ_BYTES (4 * ETSI014_MAX_BODY_BYTES)

#define BACKLOG 128

// libevent answers a method that is not among these with 501; these reach us and get 404 or 405.
#define METHODS                                                                                    \
    (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |     \
     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH)

// How many connections there are. Shared with each connection's SSL object, because libevent frees
// those late, possibly after the listener.
typedef struct {
    guint n;
    guint max;
    struct evconnlistener *socket; // NULL when the listener is gone
} Gauge;

// What an SSL object holds.
typedef struct {
    Gauge *gauge;
    SSL *ssl;
    struct event *deadline; // of its handshake
} Hold;

struct Listener {
    const KmeSettings *settings;
    struct evhttp *http;
    SSL_CTX *tls;
    Gauge *gauge;
    int hold_index; // where an SSL object keeps its hold
};

// Also called for SSL objects of others in this process, which hold nothing.
static void on_ssl_free(void *ssl, void *held, CRYPTO_EX_DATA *ex, int index, long n, void *data)
{
    Hold *hold = held;
    if (!hold)
        return;
    Gauge *gauge = hold->gauge;
    event_free(hold->deadline);
    g_free(hold);
    if (gauge->n-- == gauge->max && gauge->socket)
        evconnlistener_enable(gauge->socket);
    g_rc_box_release(gauge);
}

// libevent then finds the connection closed, and frees it.
static void on_handshake_deadline(evutil_socket_t fd, short what, void *data)
{
    const Hold *hold = data;
    if (!SSL_is_init_finished(hold->ssl))
        shutdown(SSL_get_fd(hold->ssl), SHUT_RDWR);
}

static void hold_connection(Listener *listener, struct event_base *base, SSL *ssl)
{
    Hold *hold = g_new(Hold, 1);
    hold->gauge = g_rc_box_acquire(listener->gauge);
    hold->ssl = ssl;
    hold->deadline = evtimer_new(base, on_handshake_deadline, hold);
    event_add(hold->deadline, &(struct timeval){HANDSHAKE_S, 0});
    int held = SSL_set_ex_data(ssl, listener->hold_index, hold);
    g_assert(held == 1);
    // The clients in excess wait in the backlog of the socket.
    if (++listener->gauge->n >= listener->gauge->max)
        evconnlistener_disable(listener->gauge->socket);
}

// Must not return NULL: libevent would go on without TLS. OpenSSL fails here only without memory.
static struct bufferevent *on_accepted(struct event_base *base, void *data)
{
    Listener *listener = data;
    SSL *ssl = SSL_new(listener->tls);
    g_assert(ssl);
    hold_connection(listener, base, ssl);
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    g_assert(stream);
    return stream;
}

// libevent reads the address; it would not take port 0 for one.
gboolean listener_parse_address(const char *text, struct sockaddr_storage *ret_address,
                                int *ret_n_bytes)
{
    const char *colon = strrchr(text, ':');
    guint64 port;
    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
        return FALSE;
    g_autofree char *host = g_strndup(text, (gsize)(colon - text));
    if (strchr(host, ':') && host[0] != '[')
        return FALSE;
    *ret_address = (struct sockaddr_storage){0};
    *ret_n_bytes = sizeof *ret_address;
    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)ret_address, ret_n_bytes) != 0)
        return FALSE;
    if (ret_address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)ret_address)->sin6_port = htons((guint16)port);
    else
        ((struct sockaddr_in *)ret_address)->sin_port = htons((guint16)port);
    return TRUE;
}

static gboolean fail(const KmeSettings *settings, GError **error)
{
    g_set_error(error, g_quark_from_static_string("kme"), 0, "cannot listen on %s: %s",
                settings->listen, g_strerror(errno));
    return FALSE;
}

static gboolean start(Listener *listener, struct event_base *base, GError **error)
{
    struct sockaddr_storage address;
    struct sockaddr *any = (struct sockaddr *)&address;
    int n_bytes;
    errno = EINVAL;
    if (!listener_parse_address(listener->settings->listen, &address, &n_bytes))
        return fail(listener->settings, error);
    unsigned flags = LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
    struct evconnlistener *socket =
        evconnlistener_new_bind(base, NULL, NULL, flags, BACKLOG, any, n_bytes);
    if (!socket)
        return fail(listener->settings, error);
    listener->gauge->socket = socket;
    // Inherited by what is accepted; without it every answer waits 40 ms for an acknowledgement.
    int on = 1;
    setsockopt(evconnlistener_get_fd(socket), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct evhttp_bound_socket *bound = evhttp_bind_listener(listener->http, socket);
    g_assert(bound);
    return TRUE;
}

static struct evhttp *http_new(struct event_base *base)
{
    struct evhttp *http = evhttp_new(base);
    g_assert(http);
    evhttp_set_allowed_methods(http, METHODS);
    evhttp_set_max_headers_size(http, MAX_HEADER_BYTES);
    evhttp_set_max_body_size(http, MAX_READ_BYTES);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_timeout(http, IDLE_S);
    return http;
}

Listener *listener_new(struct event_base *base, const KmeSettings *settings,
                       void (*on_request)(struct evhttp_request *request, void *data),
                       gpointer data, GError **error)
{
    g_autoptr(Listener) listener = g_new0(Listener, 1);
    listener->settings = settings;
    listener->gauge = g_rc_box_new0(Gauge);
    listener->gauge->max = (guint)settings->max_connections;
    listener->hold_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
    listener->http = http_new(base);
    evhttp_set_bevcb(listener->http, on_accepted, listener);
    evhttp_set_gencb(listener->http, on_request, data);
    listener->tls = tls_context_new(settings, error);
    if (!listener->tls || !start(listener, base, error))
        return NULL;
    return g_steal_pointer(&listener);
}

void listener_free(Listener *listener)
{
    if (!listener)
        return;
    listener->gauge->socket = NULL;
    evhttp_free(listener->http);
    SSL_CTX_free(listener->tls);
    g_rc_box_release(listener->gauge);
    g_free(listener);
}

guint16 listener_port(const Listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t n_bytes = sizeof address;
    int fd = evconnlistener_get_fd(listener->gauge->socket);
    getsockname(fd, (struct sockaddr *)&address, &n_bytes);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

guint listener_n_connections(const Listener *listener)
{
    return listener->gauge->n;
}

gboolean listener_reload(Listener *listener, GError **error)
{
    SSL_CTX *fresh = tls_context_new(listener->settings, error);
    if (!fresh)
        return FALSE;
    SSL_CTX_free(listener->tls);
    listener->tls = fresh;
    return TRUE;
}

gboolean listener_trusts(const Listener *listener, SSL *ssl)
{
    return SSL_get_SSL_CTX(ssl) == listener->tls || tls_is_trusted(ssl, listener->tls);
}

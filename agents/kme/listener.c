// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/listener.h"

#include "agents/kme/etsi014.h"
#include "agents/kme/tls.h"
#include "topics/base/log.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>

// How long a connection may lie idle, or a handshake, request or answer make no progress.
#define IDLE_S 60

// How long a handshake may take: whoever is not known to us yet holds no connection for longer.
#define HANDSHAKE_S 5

#define MAX_HEADER_BYTES 8192

// Up to here a body is read only to be answered 413 with an Error; beyond it libevent itself
// answers 413 with a page of its own and closes.
#define MAX_READ_BYTES (4 * ETSI014_MAX_BODY_BYTES)

#define BACKLOG 128

// What the rest of the process opens besides connections: store, bus, metrics.
#define OTHER_DESCRIPTORS 256

// libevent answers a method that is not among these with 501; these reach us and get 404 or 405.
#define METHODS                                                                                    \
    (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |     \
     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH)

// One application that has connections.
typedef struct {
    guint n;
    gboolean is_told; // that it wants more than its share; until it has less again
} Peer;

// How many connections there are. Shared with each connection's SSL object, because libevent frees
// those late, possibly after the listener.
typedef struct {
    guint n;
    guint max;
    guint max_of_one;
    GHashTable *peers;             // SAE ID, or "" for what is none → Peer
    struct evconnlistener *socket; // NULL when the listener is gone
} Gauge;

// What an SSL object holds.
typedef struct {
    Gauge *gauge;
    SSL *ssl;
    char *peer;             // whose it is; NULL: not known yet
    gboolean is_refused;    // it is about to be closed
    struct event *deadline; // of its handshake
} Hold;

struct Listener {
    const KmeSettings *settings;
    struct evhttp *http;
    SSL_CTX *tls;
    Gauge *gauge;
    int hold_index; // where an SSL object keeps its hold
};

static void gauge_clear(gpointer data)
{
    Gauge *gauge = data;
    g_hash_table_unref(gauge->peers);
}

static void leave_peer(Gauge *gauge, const char *id)
{
    Peer *peer = g_hash_table_lookup(gauge->peers, id);
    if (--peer->n == 0)
        g_hash_table_remove(gauge->peers, id);
    else if (peer->n < gauge->max_of_one)
        peer->is_told = FALSE;
}

// Also called for SSL objects of others in this process, which hold nothing.
static void on_ssl_free(void *ssl, void *held, CRYPTO_EX_DATA *ex, int index, long n, void *data)
{
    Hold *hold = held;
    if (!hold)
        return;
    Gauge *gauge = hold->gauge;
    if (hold->peer)
        leave_peer(gauge, hold->peer);
    event_free(hold->deadline);
    g_free(hold->peer);
    g_free(hold);
    if (gauge->n-- == gauge->max && gauge->socket)
        evconnlistener_enable(gauge->socket);
    g_rc_box_release_full(gauge, gauge_clear);
}

// libevent then finds the connection closed, and frees it.
static void give_up(const Hold *hold)
{
    shutdown(SSL_get_fd(hold->ssl), SHUT_RDWR);
}

static void on_handshake_deadline(evutil_socket_t fd, short what, void *data)
{
    const Hold *hold = data;
    if (!SSL_is_init_finished(hold->ssl))
        give_up(hold);
}

static Peer *find_or_add_peer(Gauge *gauge, const char *id)
{
    Peer *peer = g_hash_table_lookup(gauge->peers, id);
    if (!peer) {
        peer = g_new0(Peer, 1);
        g_hash_table_insert(gauge->peers, g_strdup(id), peer);
    }
    return peer;
}

// Told once, not for each connection of an application that tries again and again.
static void refuse(Hold *hold, Peer *peer)
{
    hold->is_refused = TRUE;
    give_up(hold);
    if (peer->is_told)
        return;
    peer->is_told = TRUE;
    g_autofree char *max = g_strdup_printf("%u", hold->gauge->max_of_one);
    log_line(G_LOG_LEVEL_WARNING, "connections closed: the application has its share of them",
             "application", hold->peer, "max_connections_per_application", max, NULL);
}

// As soon as it is known who is there: nobody needs to send a request to hold a connection.
static void join_peer(Hold *hold)
{
    guint8 certificate[CERTIFICATE_SHA256_BYTES];
    g_autofree char *id = tls_peer_id(hold->ssl, certificate);
    hold->peer = id ? g_steal_pointer(&id) : g_strdup("");
    Peer *peer = find_or_add_peer(hold->gauge, hold->peer);
    if (++peer->n > hold->gauge->max_of_one)
        refuse(hold, peer);
}

// Messages that follow the handshake of TLS 1.3 end like handshakes of their own.
static void on_tls_state(const SSL *ssl, int where, int result)
{
    Hold *hold = SSL_get_app_data(ssl);
    if (where == SSL_CB_HANDSHAKE_DONE && !hold->peer)
        join_peer(hold);
}

static void hold_connection(Listener *listener, struct event_base *base, SSL *ssl)
{
    Hold *hold = g_new0(Hold, 1);
    hold->gauge = g_rc_box_acquire(listener->gauge);
    hold->ssl = ssl;
    hold->deadline = evtimer_new(base, on_handshake_deadline, hold);
    event_add(hold->deadline, &(struct timeval){HANDSHAKE_S, 0});
    int held = SSL_set_ex_data(ssl, listener->hold_index, hold) && SSL_set_app_data(ssl, hold);
    g_assert(held == 1);
    SSL_set_info_callback(ssl, on_tls_state);
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

// Without this, who came last would be refused by the system, silently, or the store would be.
static gboolean check_descriptors(const KmeSettings *settings, GError **error)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    guint64 needed = settings->max_connections + OTHER_DESCRIPTORS;
    if (limit.rlim_cur == RLIM_INFINITY || needed <= limit.rlim_cur)
        return TRUE;
    g_set_error(error, g_quark_from_static_string("kme"), 0,
                "kme.max_connections: %" G_GUINT64_FORMAT " connections and what else is opened "
                "take %" G_GUINT64_FORMAT " open files, of which the process may have "
                "%" G_GUINT64_FORMAT ": lower it, or raise the limit (LimitNOFILE in systemd, "
                "ulimit -n)",
                settings->max_connections, needed, (guint64)limit.rlim_cur);
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
    listener->gauge->max_of_one = kme_settings_share(settings);
    listener->gauge->peers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    listener->hold_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
    listener->http = http_new(base);
    evhttp_set_bevcb(listener->http, on_accepted, listener);
    evhttp_set_gencb(listener->http, on_request, data);
    listener->tls = tls_context_new(settings, error);
    if (!listener->tls || !check_descriptors(settings, error) || !start(listener, base, error))
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
    g_rc_box_release_full(listener->gauge, gauge_clear);
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

gboolean listener_refuses(const SSL *ssl)
{
    const Hold *hold = SSL_get_app_data(ssl);
    return hold->is_refused;
}

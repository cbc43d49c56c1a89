// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/peer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCHEME "mqtts"

// Frames of ordinary size are never half written with this much: Paho would look at the rest only
// every 100 ms.
#define SEND_BUFFER_BYTES (512 * 1024)

gboolean peer_parse(const char *url, Peer *ret_peer, GError **error)
{
    g_autofree char *scheme = NULL, *host = NULL;
    int port = -1;
    if (!g_uri_split_network(url, G_URI_FLAGS_NONE, &scheme, &host, &port, error)) {
        g_prefix_error(error, "the broker's URL \"%s\": ", url);
        return FALSE;
    }
    g_autofree char *canonical = NULL;
    if (host && strcmp(scheme, SCHEME) == 0 && port > 0)
        canonical = g_strdup_printf(strchr(host, ':') ? SCHEME "://[%s]:%d" : SCHEME "://%s:%d",
                                    host, port);
    if (g_strcmp0(canonical, url) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "the broker's URL \"%s\" is not of the form " SCHEME "://HOST:PORT", url);
        return FALSE;
    }
    *ret_peer = (Peer){g_steal_pointer(&host), g_strdup_printf("%d", port)};
    return TRUE;
}

void peer_clear(Peer *peer)
{
    g_clear_pointer(&peer->host, g_free);
    g_clear_pointer(&peer->port, g_free);
}

// 0 or an errno.
static int probe_address(const struct addrinfo *address, guint timeout_s)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    struct timeval timeout = {.tv_sec = timeout_s};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    int failure = connect(fd, address->ai_addr, address->ai_addrlen) < 0 ? errno : 0;
    close(fd);
    // So Linux says that the time of the option was up.
    return failure == EINPROGRESS ? ETIMEDOUT : failure;
}

char *peer_probe(const Peer *peer, guint timeout_s)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    int unknown = getaddrinfo(peer->host, peer->port, &hints, &addresses);
    if (unknown != 0)
        return g_strdup_printf("%s; check the host in the broker's URL, and this machine's DNS",
                               gai_strerror(unknown));
    int failure = 0;
    for (const struct addrinfo *a = addresses; a; a = a->ai_next) {
        failure = probe_address(a, timeout_s);
        if (failure == 0)
            break;
    }
    freeaddrinfo(addresses);
    return failure ? g_strdup(g_strerror(failure)) : NULL;
}

static gboolean is_same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return FALSE;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
    return a->sa_family == AF_INET6 && x->sin6_port == y->sin6_port &&
           memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

static gboolean is_connected_to(int fd, const struct addrinfo *addresses)
{
    struct sockaddr_storage peer = {0};
    socklen_t n_bytes = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &n_bytes) < 0)
        return FALSE;
    for (const struct addrinfo *a = addresses; a; a = a->ai_next) {
        if (is_same_address((struct sockaddr *)&peer, a->ai_addr))
            return TRUE;
    }
    return FALSE;
}

static void tune(int fd, guint timeout_s)
{
    int on = 1, n_bytes = 0, timeout_ms = (int)timeout_s * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    socklen_t size = sizeof n_bytes;
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n_bytes, &size) < 0 || n_bytes >= SEND_BUFFER_BYTES)
        return;
    n_bytes = SEND_BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n_bytes, sizeof n_bytes);
}

GArray *peer_tune_sockets(const Peer *peer, guint timeout_s)
{
    GArray *sockets = g_array_new(FALSE, FALSE, sizeof(int));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    g_autoptr(GDir) open_files = g_dir_open("/proc/self/fd", 0, NULL);
    if (!open_files || getaddrinfo(peer->host, peer->port, &hints, &addresses) != 0)
        return sockets;
    for (const char *name = NULL; (name = g_dir_read_name(open_files));) {
        int fd = (int)g_ascii_strtoll(name, NULL, 10);
        if (!is_connected_to(fd, addresses))
            continue;
        tune(fd, timeout_s);
        g_array_append_val(sockets, fd);
    }
    freeaddrinfo(addresses);
    return sockets;
}

// Half of a buffer is what can be counted on: the kernel charges its own bookkeeping to it.
static PeerRoom socket_room(int fd, gsize n_bytes)
{
    int queued = 0, buffer = 0;
    socklen_t size = sizeof buffer;
    if (ioctl(fd, SIOCOUTQ, &queued) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, &size) < 0)
        return PEER_ROOM_NOW;
    gsize usable = (gsize)buffer / 2;
    if (n_bytes > usable)
        return PEER_ROOM_NEVER;
    return n_bytes + (gsize)queued <= usable ? PEER_ROOM_NOW : PEER_ROOM_LATER;
}

PeerRoom peer_room(const GArray *sockets, gsize n_bytes)
{
    PeerRoom room = PEER_ROOM_NOW;
    for (guint i = 0; i < sockets->len; i++)
        room = MAX(room, socket_room(g_array_index(sockets, int, i), n_bytes));
    return room;
}

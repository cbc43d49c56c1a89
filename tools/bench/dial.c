// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/dial.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

gboolean dial_load(SSL_CTX *context, const Connection *connection)
{
    return SSL_CTX_load_verify_file(context, connection->ca) == 1 &&
           SSL_CTX_use_certificate_chain_file(context, connection->certificate) == 1 &&
           SSL_CTX_use_PrivateKey_file(context, connection->key, SSL_FILETYPE_PEM) == 1;
}

SSL_CTX *dial_context(const Connection *connection)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (dial_load(context, connection))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static int connect_socket(const Peer *peer)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(peer->host, peer->port, &hints, &found) != 0)
        return -1;
    int one = 1;
    int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
    if (fd >= 0 && (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
                    connect(fd, found->ai_addr, found->ai_addrlen) != 0)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

gboolean dial_open(Dial *dial, SSL_CTX *context, const Peer *peer, SSL_SESSION *resumed)
{
    *dial = (Dial){connect_socket(peer), NULL};
    if (dial->fd < 0)
        return FALSE;
    dial->ssl = SSL_new(context);
    if (resumed)
        SSL_set_session(dial->ssl, resumed);
    if (SSL_set_fd(dial->ssl, dial->fd) == 1 && SSL_connect(dial->ssl) == 1)
        return TRUE;
    dial_close(dial);
    return FALSE;
}

void dial_close(Dial *dial)
{
    if (!dial->ssl)
        return;
    // What was not shut down is not resumed.
    SSL_shutdown(dial->ssl);
    SSL_free(dial->ssl);
    close(dial->fd);
    dial->ssl = NULL;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/upstream.h"

#include "topics/mqtt/peer.h"
#include "topics/mqtt/pem.h"

#include <event2/bufferevent_ssl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct Upstream {
    Peer broker;
    SSL_CTX *tls;
};

static gboolean load(SSL_CTX *tls, const Connection *connection, const char *id, GError **error)
{
    if (!pem_check_identity(connection->certificate, connection->key, id, error))
        return FALSE;
    g_autoptr(EVP_PKEY) key = pem_load_key(connection->key, error);
    if (!key)
        return FALSE;
    if (SSL_CTX_load_verify_file(tls, connection->ca) != 1) {
        pem_set_error(error, "cannot read certificate authority %s", connection->ca);
        return FALSE;
    }
    if (SSL_CTX_use_certificate_chain_file(tls, connection->certificate) == 1 &&
        SSL_CTX_use_PrivateKey(tls, key) == 1)
        return TRUE;
    pem_set_error(error, "cannot use certificate %s", connection->certificate);
    return FALSE;
}

Upstream *upstream_new(const Connection *connection, const char *id, GError **error)
{
    g_autoptr(Upstream) upstream = g_new0(Upstream, 1);
    upstream->tls = SSL_CTX_new(TLS_client_method());
    g_assert(upstream->tls);
    SSL_CTX_set_min_proto_version(upstream->tls, TLS1_3_VERSION);
    SSL_CTX_set_verify(upstream->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(upstream->tls, SSL_MODE_RELEASE_BUFFERS);
    if (!peer_parse(connection->url, &upstream->broker, error) ||
        !load(upstream->tls, connection, id, error))
        return NULL;
    return g_steal_pointer(&upstream);
}

void upstream_free(Upstream *upstream)
{
    if (!upstream)
        return;
    peer_clear(&upstream->broker);
    SSL_CTX_free(upstream->tls);
    g_free(upstream);
}

// The broker's certificate must name the host of the URL, be that a name or an address.
static SSL *make_ssl(const Upstream *upstream)
{
    const char *host = upstream->broker.host;
    SSL *ssl = SSL_new(upstream->tls);
    g_assert(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1) {
        int is_set = SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
        g_assert(is_set);
    }
    return ssl;
}

const struct addrinfo *upstream_choose(const struct addrinfo *addresses)
{
    for (const struct addrinfo *each = addresses; each; each = each->ai_next) {
        if (each->ai_family == AF_INET)
            return each;
    }
    return addresses;
}

struct bufferevent *upstream_connect(const Upstream *upstream, struct event_base *base)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    if (getaddrinfo(upstream->broker.host, upstream->broker.port, &hints, &addresses) != 0)
        return NULL;
    const struct addrinfo *address = upstream_choose(addresses);
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        base, -1, make_ssl(upstream), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    g_assert(stream);
    bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    int on = 1;
    if (bufferevent_socket_connect(stream, address->ai_addr, (int)address->ai_addrlen) == 0)
        setsockopt(bufferevent_getfd(stream), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    else
        g_clear_pointer(&stream, bufferevent_free);
    freeaddrinfo(addresses);
    return stream;
}

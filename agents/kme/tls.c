// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/tls.h"

#include "topics/base/id.h"
#include "topics/certificate.h"
#include "topics/mqtt/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

// A client that comes back within this time is not verified again, nor when it comes back again
// within it: its chain was right when the settings were read last, and its own certificate is
// looked at with each request (listener_trusts()).
#define SESSION_LIFETIME_S 300

// So many sessions of all clients can be resumed at a time. Each holds the client's chain, of which
// a handshake takes no more than the second.
#define SESSIONS_MAX    1024
#define CHAIN_MAX_BYTES (16 * 1024)

// TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
#define CIPHERS_OF_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)

static gboolean load_authority(SSL_CTX *context, const char *path, GError **error)
{
    // Sent to clients that hold several certificates, so that they choose the right one.
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    SSL_CTX_set_client_CA_list(context, names);
    if (names && SSL_CTX_load_verify_file(context, path) == 1)
        return TRUE;
    pem_set_error(error, "cannot read certificate authority %s", path);
    return FALSE;
}

static gboolean load_revocations(SSL_CTX *context, const char *path, GError **error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (!lookup || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) <= 0) {
        pem_set_error(error, "cannot read revoked certificates %s", path);
        return FALSE;
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return TRUE;
}

static gboolean load_identity(SSL_CTX *context, const KmeSettings *settings, GError **error)
{
    if (!pem_check_identity(settings->certificate, settings->key, settings->id, error))
        return FALSE;
    // OpenSSL's own reader of keys would ask for a password on the terminal.
    g_autoptr(EVP_PKEY) key = pem_load_key(settings->key, error);
    if (!key)
        return FALSE;
    if (SSL_CTX_use_certificate_chain_file(context, settings->certificate) == 1 &&
        SSL_CTX_use_PrivateKey(context, key) == 1)
        return TRUE;
    pem_set_error(error, "cannot use certificate %s", settings->certificate);
    return FALSE;
}

SSL_CTX *tls_context_new(const KmeSettings *settings, GError **error)
{
    static const unsigned char session_context[] = "qkdnf-kme";
    g_autoptr(SSL_CTX) context = SSL_CTX_new(TLS_server_method());
    g_assert(context);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (SSL_CTX_set_cipher_list(context, CIPHERS_OF_1_2) != 1) {
        pem_set_error(error, "cannot use ciphers %s", CIPHERS_OF_1_2);
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    // Without a session context OpenSSL refuses to resume sessions that had a client certificate.
    SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
    SSL_CTX_set_timeout(context, SESSION_LIFETIME_S);
    // HTTP says where a message ends. A client that just goes leaves its session, too.
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Sessions are kept here. A ticket that held one would hold the client's certificate, which
    // OpenSSL parses anew when it issues the ticket and when it takes it: as much as the rest of a
    // resumed handshake.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, SESSIONS_MAX);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_max_cert_list(context, CHAIN_MAX_BYTES);
    if (!load_authority(context, settings->ca, error) ||
        (settings->crl && !load_revocations(context, settings->crl, error)) ||
        !load_identity(context, settings, error))
        return NULL;
    return g_steal_pointer(&context);
}

time_t tls_peer_until(SSL *ssl)
{
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    struct tm until = {0};
    return certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) == 1
               ? timegm(&until)
               : 0;
}

char *tls_peer_id(SSL *ssl, guint8 ret_sha256[CERTIFICATE_SHA256_BYTES])
{
    g_autoptr(X509) certificate = SSL_get1_peer_certificate(ssl);
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK)
        return NULL;
    if (X509_digest(certificate, EVP_sha256(), ret_sha256, NULL) != 1)
        return NULL;
    g_autofree char *name = certificate_name(certificate);
    return name && id_is_valid(name) ? g_steal_pointer(&name) : NULL;
}

gboolean tls_is_trusted(SSL *ssl, SSL_CTX *context)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    gboolean is_trusted = certificate &&
                          X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), certificate,
                                              SSL_get_peer_cert_chain(ssl)) == 1 &&
                          X509_STORE_CTX_set_purpose(check, X509_PURPOSE_SSL_CLIENT) == 1 &&
                          X509_verify_cert(check) == 1;
    X509_STORE_CTX_free(check);
    ERR_clear_error();
    return is_trusted;
}

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Transport security of the key delivery API (ETSI GS QKD 014 V1.1.1 clause 4.1): TLS 1.2 or later,
// both sides with certificates.

#include "agents/federation/agent.h"
#include "agents/kme/settings.h"

#include <openssl/ssl.h>

// Reads the files of the settings; the certificate must be that of `settings->id`. Free with
// SSL_CTX_free().
SSL_CTX *tls_context_new(const KmeSettings *settings, GError **error);

// The SAE ID of a connection: the one common name of the certificate that the client proved to
// hold. NULL when it is not an ID. Else also the SHA-256 of the certificate.
char *tls_peer_id(SSL *ssl, guint8 ret_sha256[CERTIFICATE_SHA256_BYTES]);

// When the time of the client's certificate is over, which may be while a connection is open, or
// before a session is resumed.
time_t tls_peer_until(SSL *ssl);

// Whether a connection that was made under earlier settings would be made under these, too.
gboolean tls_is_trusted(SSL *ssl, SSL_CTX *context);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Credentials of X.509 certificates (RFC 5280). Any authority can issue what the federation needs
// of a member's certificate:
//
//   key        ECDSA on P-256, or Ed25519
//   subject    one common name: the member ID; and for each role that its holder may act in, an
//              organizational unit: `qkdnf-platform`, `qkdnf-agent`, `qkdnf-application`,
//              `qkdnf-operator` or `qkdnf-monitor`. Other units mean nothing.
//   usage      TLS client authentication, or no extended key usage at all
//
// For instance: openssl req -new -subj "/OU=qkdnf-agent/CN=vienna" ...
//
// No I/O and no clock: texts come in, and the time at which a chain must be valid with each call.

#include "topics/credentials.h"

#include <openssl/x509.h>

typedef struct {
    const char *ca;    // PEM: the federation's authorities
    const char *crl;   // PEM: lists of revoked certificates, of every authority in a chain; or NULL
    const char *chain; // PEM: the own certificate, and what leads to the authority
    EVP_PKEY *key;     // its key; the caller's
} CertificateTexts;

// NULL when a text is not what it should be, and then which.
Credentials *certificate_credentials_new(const CertificateTexts *texts, GError **error);

// The only common name of a certificate; NULL when it has none or several, or it is not plain text.
// Free with g_free().
char *certificate_name(const X509 *certificate);

// The roles that a certificate states.
Roles certificate_roles(const X509 *certificate);

// What stands in a certificate for a role; NULL for none.
const char *certificate_role_unit(Role role);

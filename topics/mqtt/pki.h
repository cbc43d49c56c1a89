#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A private certification authority and its certificates, for a federation that brings its own:
// ECDSA on P-256, keys as PKCS#8 readable by their owner only, certificates as X.509 v3 by RFC 5280
// that strict verifiers and browsers accept. What is there and valid is kept; no key is ever
// overwritten. A process that ends in the middle of a call can make the same call again.

#include "topics/kind.h"

// The names of the authority's files.
#define PKI_CA_CERTIFICATE_FILE "ca.crt"
#define PKI_CA_KEY_FILE         "ca.key"
#define PKI_CRL_FILE            "crl.pem"

typedef struct PkiCa PkiCa;

// What a certificate is for, as bits. A server's is for localhost, too.
typedef enum {
    PKI_USAGE_CLIENT = 1 << 0,
    PKI_USAGE_SERVER = 1 << 1,
} PkiUsage;

// Opens the authority in `dir`, which must be there, or makes a new one.
PkiCa *pki_create_ca(const char *dir, GError **error);
void pki_ca_free(PkiCa *ca);

// Writes ID.crt and ID.key into `dir` for the common name `id`, good for a year, and for acting on
// the bus in these roles (topics/certificate.h). Also TRUE when they are there already; FALSE when
// what is there is not `id`'s by this authority, is for other roles, or has expired.
gboolean pki_issue(const PkiCa *ca, const char *id, PkiUsage usage, Roles roles, const char *dir,
                   GError **error);

// The same for a server that is reached by these names and addresses, too; NULL-terminated.
gboolean pki_issue_server(const PkiCa *ca, const char *id, const char *const *hosts,
                          const char *dir, GError **error);

// Puts aside what was issued for `id`, as ID.key.old and ID.crt.old, so that it is issued anew. May
// be repeated when it was cut short.
gboolean pki_retire(const char *id, const char *dir, GError **error);

// Writes the list of revoked certificates anew, good for 90 days: what is on it already, and those
// in these PEM files (NULL-terminated, may be none). On failure it stays as it is.
gboolean pki_revoke(const PkiCa *ca, const char *const *certificate_paths, const char *dir,
                    GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PkiCa, pki_ca_free)

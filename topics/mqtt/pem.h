#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Certificates and keys in PEM files. Any thread. Errors name the file.

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

// The first certificate of the file.
X509 *pem_load_certificate(const char *path, GError **error);
// A private key that is not encrypted.
EVP_PKEY *pem_load_key(const char *path, GError **error);

// Whether the files are there, belong together, and the certificate is `id`'s.
gboolean pem_check_identity(const char *certificate_path, const char *key_path, const char *id,
                            GError **error);

// "WHAT: " and the reason that the system or else OpenSSL gave; empties OpenSSL's queue of errors.
void pem_set_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)

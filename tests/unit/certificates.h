#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests, made with the openssl command in a directory of their own: NAME.crt and
// NAME.key each. Every failure fails the test.

#include <glib.h>

// A new scratch directory; free with scratch_free().
char *certificates_new(void);

// A certificate authority.
void certificates_add_authority(const char *dir, const char *authority);
// A certificate for client or server, for the host 127.0.0.1, of this common name.
void certificates_add(const char *dir, const char *authority, const char *file, const char *name);
// A copy of a key, ENCRYPTED.key, that needs a password.
void certificates_encrypt_key(const char *dir, const char *file, const char *encrypted);

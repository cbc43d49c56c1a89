// SPDX-License-Identifier: Apache-2.0

#include "topics/base/secret.h"

#include <openssl/crypto.h>
#include <string.h>

Secret *secret_new(gsize n_bytes)
{
    Secret *secret = g_new(Secret, 1);
    secret->data = g_malloc0(n_bytes);
    secret->n_bytes = n_bytes;
    return secret;
}

Secret *secret_new_copy(const guint8 *bytes, gsize n_bytes)
{
    Secret *secret = secret_new(n_bytes);
    if (n_bytes > 0)
        memcpy(secret->data, bytes, n_bytes);
    return secret;
}

void secret_free(Secret *secret)
{
    if (!secret)
        return;
    secret_wipe(secret->data, secret->n_bytes);
    g_free(secret->data);
    g_free(secret);
}

void secret_xor(Secret *secret, gsize offset, const guint8 *bytes, gsize n_bytes)
{
    g_assert(offset <= secret->n_bytes && n_bytes <= secret->n_bytes - offset);
    guint8 *into = secret->data + offset;
    for (gsize i = 0; i < n_bytes; i++)
        into[i] ^= bytes[i];
}

gboolean secret_equal(const Secret *a, const Secret *b)
{
    return a->n_bytes == b->n_bytes && CRYPTO_memcmp(a->data, b->data, a->n_bytes) == 0;
}

void secret_wipe(void *bytes, gsize n_bytes)
{
    if (bytes)
        OPENSSL_cleanse(bytes, n_bytes);
}

// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/seal.h"

#include <openssl/evp.h>
#include <string.h>

#define NONCE_BYTES 12
#define TAG_BYTES   16

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

// Ready to work on data, with the place taken in as associated data.
static EVP_CIPHER_CTX *cipher_new(const Secret *master_key, const guint8 *nonce, const char *place,
                                  gboolean encrypt)
{
    g_assert(master_key->n_bytes == SEAL_KEY_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int n_out = 0;
    gboolean ok =
        cipher &&
        EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, master_key->data, nonce, encrypt) == 1 &&
        EVP_CipherUpdate(cipher, NULL, &n_out, (const guint8 *)place, (int)strlen(place)) == 1;
    g_assert(ok);
    return cipher;
}

GBytes *seal(const Secret *master_key, const Random *random, const char *place,
             const Secret *secret)
{
    gsize n_bytes = NONCE_BYTES + secret->n_bytes + TAG_BYTES;
    guint8 *sealed = g_malloc(n_bytes);
    guint8 *ciphertext = sealed + NONCE_BYTES;
    random_fill(random, sealed, NONCE_BYTES);
    g_autoptr(EVP_CIPHER_CTX) cipher = cipher_new(master_key, sealed, place, TRUE);
    int n_out = 0, n_final = 0;
    gboolean ok =
        EVP_EncryptUpdate(cipher, ciphertext, &n_out, secret->data, (int)secret->n_bytes) == 1 &&
        EVP_EncryptFinal_ex(cipher, ciphertext + n_out, &n_final) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
                            ciphertext + secret->n_bytes) == 1;
    g_assert(ok);
    return g_bytes_new_take(sealed, n_bytes);
}

Secret *unseal(const Secret *master_key, const char *place, const guint8 *sealed, gsize n_bytes)
{
    if (n_bytes < NONCE_BYTES + TAG_BYTES)
        return NULL;
    g_autoptr(Secret) secret = secret_new(n_bytes - NONCE_BYTES - TAG_BYTES);
    const guint8 *ciphertext = sealed + NONCE_BYTES;
    guint8 tag[TAG_BYTES];
    memcpy(tag, ciphertext + secret->n_bytes, TAG_BYTES);
    g_autoptr(EVP_CIPHER_CTX) cipher = cipher_new(master_key, sealed, place, FALSE);
    int n_out = 0, n_final = 0;
    if (EVP_DecryptUpdate(cipher, secret->data, &n_out, ciphertext, (int)secret->n_bytes) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1 ||
        EVP_DecryptFinal_ex(cipher, secret->data + n_out, &n_final) != 1)
        return NULL;
    return g_steal_pointer(&secret);
}

// SPDX-License-Identifier: Apache-2.0

#include "topics/pairwise.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <string.h>

#define KEY_BYTES    32
#define DIGEST_BYTES 32

struct Pairwise {
    EVP_MAC_CTX *make; // keyed for what is sent
    EVP_MAC_CTX *check;
    guint32 hint;
};

static OSSL_PARAM octets(const char *name, gconstpointer bytes, gsize n_bytes)
{
    return OSSL_PARAM_construct_octet_string(name, (gpointer)bytes, n_bytes);
}

static OSSL_PARAM sha256(const char *name)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)"SHA256", 0);
}

// --- keys ----------------------------------------------------------------------------------------

EVP_PKEY *pairwise_generate(const Random *random, guint8 ret_share[SHARE_BYTES])
{
    g_autoptr(Secret) bytes = secret_new(SHARE_BYTES);
    gsize n_bytes = SHARE_BYTES;
    random_fill(random, bytes->data, bytes->n_bytes);
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, bytes->data, bytes->n_bytes);
    if (!key || EVP_PKEY_get_raw_public_key(key, ret_share, &n_bytes) != 1)
        g_error("no X25519");
    return key;
}

// NULL for shares that give the same secret with every key; OpenSSL refuses them.
static Secret *agree(EVP_PKEY *key, const guint8 *share)
{
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, share, SHARE_BYTES);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    g_autoptr(Secret) secret = secret_new(SHARE_BYTES);
    gboolean is_good = peer && context && EVP_PKEY_derive_init(context) == 1 &&
                       EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                       EVP_PKEY_derive(context, secret->data, &secret->n_bytes) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    ERR_clear_error();
    return is_good ? g_steal_pointer(&secret) : NULL;
}

static Secret *join(const Secret *agreed, const Secret *pre_shared)
{
    gsize n_more = pre_shared ? pre_shared->n_bytes : 0;
    Secret *secret = secret_new(agreed->n_bytes + n_more);
    secret_xor(secret, 0, agreed->data, agreed->n_bytes);
    if (n_more > 0)
        secret_xor(secret, agreed->n_bytes, pre_shared->data, n_more);
    return secret;
}

static void append_number(GByteArray *material, guint64 number)
{
    guint64 bytes = GUINT64_TO_BE(number);
    g_byte_array_append(material, (const guint8 *)&bytes, sizeof bytes);
}

static void append_identity(GByteArray *material, const Identity *identity)
{
    gsize n_bytes = strlen(identity->id);
    append_number(material, n_bytes);
    g_byte_array_append(material, (const guint8 *)identity->id, (guint)n_bytes);
    append_number(material, identity->role);
    append_number(material, identity->incarnation);
    g_byte_array_append(material, identity->share, SHARE_BYTES);
}

static Secret *derive(const Secret *secret, const Identity *sender, const Identity *receiver)
{
    static const char salt[] = "qkdnf v1 pairwise key";
    g_autoptr(GByteArray) material = g_byte_array_new();
    append_identity(material, sender);
    append_identity(material, receiver);
    OSSL_PARAM params[] = {
        sha256(OSSL_KDF_PARAM_DIGEST), octets(OSSL_KDF_PARAM_KEY, secret->data, secret->n_bytes),
        octets(OSSL_KDF_PARAM_SALT, salt, sizeof salt - 1),
        octets(OSSL_KDF_PARAM_INFO, material->data, material->len), OSSL_PARAM_construct_end()};
    Secret *key = secret_new(KEY_BYTES);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    if (EVP_KDF_derive(context, key->data, key->n_bytes, params) != 1)
        g_error("no HKDF");
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return key;
}

static EVP_MAC_CTX *mac_new(const guint8 *key, gsize n_bytes)
{
    OSSL_PARAM params[] = {sha256(OSSL_MAC_PARAM_DIGEST), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (!context || EVP_MAC_init(context, key, n_bytes, params) != 1)
        g_error("no HMAC");
    return context;
}

static EVP_MAC_CTX *direction_new(const Secret *secret, const Identity *sender,
                                  const Identity *receiver)
{
    g_autoptr(Secret) key = derive(secret, sender, receiver);
    return mac_new(key->data, key->n_bytes);
}

static guint32 make_hint(const Secret *pre_shared, const char *a, const char *b)
{
    if (!pre_shared)
        return 0;
    gboolean is_ordered = strcmp(a, b) < 0;
    g_autofree char *text =
        g_strconcat("qkdnf v1 hint ", is_ordered ? a : b, " ", is_ordered ? b : a, NULL);
    guint8 digest[DIGEST_BYTES];
    gsize n_bytes = 0;
    EVP_MAC_CTX *context = mac_new(pre_shared->data, pre_shared->n_bytes);
    EVP_MAC_update(context, (const guint8 *)text, strlen(text));
    EVP_MAC_final(context, digest, &n_bytes, sizeof digest);
    EVP_MAC_CTX_free(context);
    guint32 hint = 0;
    memcpy(&hint, digest, sizeof hint);
    // Never what stands for none.
    return GUINT32_FROM_BE(hint) | 1;
}

Pairwise *pairwise_new(EVP_PKEY *key, const Identity *own, const Identity *peer,
                       const Secret *pre_shared)
{
    g_autoptr(Secret) agreed = agree(key, peer->share);
    if (!agreed)
        return NULL;
    g_autoptr(Secret) secret = join(agreed, pre_shared);
    Pairwise *pairwise = g_new(Pairwise, 1);
    pairwise->make = direction_new(secret, own, peer);
    pairwise->check = direction_new(secret, peer, own);
    pairwise->hint = make_hint(pre_shared, own->id, peer->id);
    return pairwise;
}

void pairwise_free(Pairwise *pairwise)
{
    if (!pairwise)
        return;
    EVP_MAC_CTX_free(pairwise->make);
    EVP_MAC_CTX_free(pairwise->check);
    g_free(pairwise);
}

// --- tags ----------------------------------------------------------------------------------------

static void feed(gpointer data, const guint8 *bytes, gsize n_bytes)
{
    EVP_MAC_update(data, bytes, n_bytes);
}

static void compute(EVP_MAC_CTX *context, const WireFrame *frame, guint8 ret_digest[DIGEST_BYTES])
{
    gsize n_bytes = 0;
    // Without a key the context starts anew with the one that it has.
    gboolean is_good = EVP_MAC_init(context, NULL, 0, NULL) == 1;
    frame_feed(frame, feed, context);
    if (!is_good || EVP_MAC_final(context, ret_digest, &n_bytes, DIGEST_BYTES) != 1)
        g_error("no HMAC");
}

gsize pairwise_make(Pairwise *pairwise, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    guint8 digest[DIGEST_BYTES];
    compute(pairwise->make, frame, digest);
    memcpy(ret_tag, digest, PAIRWISE_TAG_BYTES);
    return PAIRWISE_TAG_BYTES;
}

gboolean pairwise_check(Pairwise *pairwise, const WireFrame *frame)
{
    if (frame->tag.len != PAIRWISE_TAG_BYTES)
        return FALSE;
    guint8 digest[DIGEST_BYTES];
    compute(pairwise->check, frame, digest);
    return CRYPTO_memcmp(digest, frame->tag.data, PAIRWISE_TAG_BYTES) == 0;
}

guint32 pairwise_hint(const Pairwise *pairwise)
{
    return pairwise->hint;
}

// SPDX-License-Identifier: Apache-2.0

#include "topics/certificate.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_CRL, X509_CRL_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE_CTX, X509_STORE_CTX_free)

// No path from a member to its authority is longer.
#define CHAIN_MAX 8

typedef struct {
    Credentials base;
    EVP_PKEY *key;
    X509_STORE *store;
} Own;

static Qkdnf__V1__Algorithm algorithm_of(EVP_PKEY *key)
{
    char curve[32];
    if (EVP_PKEY_is_a(key, "ED25519"))
        return QKDNF__V1__ALGORITHM__ALGORITHM_ED25519;
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) &&
        strcmp(curve, "prime256v1") == 0)
        return QKDNF__V1__ALGORITHM__ALGORITHM_ECDSA_P256_SHA256;
    return QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED;
}

// --- signatures ----------------------------------------------------------------------------------

static void append(gpointer data, const guint8 *bytes, gsize n_bytes)
{
    g_byte_array_append(data, bytes, (guint)n_bytes);
}

// Ed25519 takes its text in one piece.
static GByteArray *signed_text(const WireFrame *frame)
{
    GByteArray *text = g_byte_array_new();
    frame_feed(frame, append, text);
    return text;
}

static const EVP_MD *digest_of(Qkdnf__V1__Algorithm algorithm)
{
    return algorithm == QKDNF__V1__ALGORITHM__ALGORITHM_ED25519 ? NULL : EVP_sha256();
}

static gsize own_sign(Credentials *credentials, const WireFrame *frame,
                      guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    const Own *own = (const Own *)credentials;
    g_autoptr(GByteArray) text = signed_text(frame);
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    gsize n_bytes = FRAME_TAG_MAX_BYTES;
    const EVP_MD *digest = digest_of(credentials->algorithm);
    if (EVP_DigestSignInit(context, NULL, digest, NULL, own->key) != 1 ||
        EVP_DigestSign(context, ret_tag, &n_bytes, text->data, text->len) != 1)
        g_error("cannot sign with the key of the certificate");
    return n_bytes;
}

static gboolean own_check(const Certificate *certificate, const WireFrame *frame)
{
    EVP_PKEY *key = certificate->key;
    if (frame->algorithm != algorithm_of(key) || frame->tag.len > FRAME_TAG_MAX_BYTES)
        return FALSE;
    g_autoptr(GByteArray) text = signed_text(frame);
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    gboolean is_good =
        EVP_DigestVerifyInit(context, NULL, digest_of(frame->algorithm), NULL, key) == 1 &&
        EVP_DigestVerify(context, frame->tag.data, frame->tag.len, text->data, text->len) == 1;
    ERR_clear_error();
    return is_good;
}

// --- what a certificate says ---------------------------------------------------------------------

static gint64 time_us(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int n_days = 0, n_seconds = 0;
    gboolean is_time = ASN1_TIME_diff(&n_days, &n_seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return is_time ? n_days * G_TIME_SPAN_DAY + n_seconds * G_TIME_SPAN_SECOND : 0;
}

static gint64 valid_until_us(const STACK_OF(X509) * chain)
{
    gint64 until_us = G_MAXINT64;
    for (int i = 0; i < sk_X509_num(chain); i++)
        until_us = MIN(until_us, time_us(X509_get0_notAfter(sk_X509_value(chain, i))));
    return until_us;
}

static void own_free_certificate(Certificate *certificate)
{
    g_free(certificate->id);
    EVP_PKEY_free(certificate->key);
    g_free(certificate);
}

static Certificate *read_certificate(const CredentialsOps *ops, X509 *leaf,
                                     const STACK_OF(X509) * chain)
{
    g_autoptr(Certificate) certificate = g_new0(Certificate, 1);
    certificate->ops = ops;
    certificate->id = certificate_name(leaf);
    certificate->roles = certificate_roles(leaf);
    certificate->valid_until_us = valid_until_us(chain);
    certificate->key = X509_get_pubkey(leaf);
    if (certificate->id && certificate->key &&
        algorithm_of(certificate->key) != QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED)
        return g_steal_pointer(&certificate);
    return NULL;
}

// --- chains --------------------------------------------------------------------------------------

static STACK_OF(X509) * unpack_chain(const ProtobufCBinaryData *chain, gsize n_certificates)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    for (gsize i = 0; i < n_certificates; i++) {
        const unsigned char *at = chain[i].data;
        X509 *certificate = d2i_X509(NULL, &at, (long)chain[i].len);
        if (certificate && at == chain[i].data + chain[i].len)
            sk_X509_push(certificates, certificate);
        else
            X509_free(certificate);
    }
    return certificates;
}

static gboolean leads_to_authority(X509_STORE_CTX *context, gint64 now_us)
{
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(rules, (time_t)(now_us / G_USEC_PER_SEC));
    X509_VERIFY_PARAM_set_depth(rules, CHAIN_MAX);
    X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
    return X509_verify_cert(context) == 1;
}

static Certificate *own_verify(Credentials *credentials, const ProtobufCBinaryData *chain,
                               gsize n_certificates, gint64 now_us)
{
    const Own *own = (const Own *)credentials;
    if (n_certificates == 0 || n_certificates > CHAIN_MAX)
        return NULL;
    STACK_OF(X509) *certificates = unpack_chain(chain, n_certificates);
    g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
    Certificate *certificate = NULL;
    if ((gsize)sk_X509_num(certificates) == n_certificates &&
        X509_STORE_CTX_init(context, own->store, sk_X509_value(certificates, 0), certificates) &&
        leads_to_authority(context, now_us))
        certificate = read_certificate(credentials->ops, sk_X509_value(certificates, 0),
                                       X509_STORE_CTX_get0_chain(context));
    X509_STORE_CTX_cleanup(context);
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
    return certificate;
}

// --- life ----------------------------------------------------------------------------------------

static void own_free(Credentials *credentials)
{
    Own *own = (Own *)credentials;
    g_ptr_array_unref(own->base.chain);
    EVP_PKEY_free(own->key);
    X509_STORE_free(own->store);
    g_free(own);
}

// FALSE when the text has none, or something in it is damaged.
static gboolean read_authorities(X509_STORE *store, const char *pem)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(pem, -1);
    guint n = 0;
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)); n++) {
        g_autoptr(X509) certificate = next;
        X509_STORE_add_cert(store, certificate);
    }
    gboolean is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return n > 0 && is_at_end;
}

static gboolean read_revocations(X509_STORE *store, const char *pem)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(pem, -1);
    guint n = 0;
    for (X509_CRL *next; (next = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)); n++) {
        g_autoptr(X509_CRL) list = next;
        X509_STORE_add_crl(store, list);
    }
    gboolean is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return n > 0 && is_at_end;
}

static GBytes *certificate_der(const X509 *certificate)
{
    unsigned char *bytes = NULL;
    int n_bytes = i2d_X509(certificate, &bytes);
    GBytes *der = n_bytes > 0 ? g_bytes_new(bytes, (gsize)n_bytes) : NULL;
    OPENSSL_free(bytes);
    return der;
}

static gboolean read_chain(Own *own, const char *pem)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(pem, -1);
    gboolean is_own = FALSE;
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, NULL, NULL));) {
        g_autoptr(X509) certificate = next;
        if (own->base.chain->len == 0)
            is_own = X509_check_private_key(certificate, own->key) == 1;
        g_ptr_array_add(own->base.chain, certificate_der(certificate));
    }
    ERR_clear_error();
    return is_own && own->base.chain->len <= CHAIN_MAX;
}

static const char *find_fault(Own *own, const CertificateTexts *texts)
{
    own->base.algorithm = algorithm_of(own->key);
    if (own->base.algorithm == QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED)
        return "the key is neither ECDSA on P-256 nor Ed25519";
    if (!read_chain(own, texts->chain))
        return own->base.chain->len == 0 ? "the certificate is not one in PEM"
                                         : "the key is not that of the certificate";
    if (!read_authorities(own->store, texts->ca))
        return "the authorities are not certificates in PEM";
    if (texts->crl && !read_revocations(own->store, texts->crl))
        return "the lists of revoked certificates are not in PEM";
    return NULL;
}

Credentials *certificate_credentials_new(const CertificateTexts *texts, GError **error)
{
    static const CredentialsOps ops = {own_sign, own_verify, own_check, own_free_certificate,
                                       own_free};
    Own *own = g_new0(Own, 1);
    own->base.ops = &ops;
    own->base.chain = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    EVP_PKEY_up_ref(texts->key);
    own->key = texts->key;
    own->store = X509_STORE_new();
    const char *fault = find_fault(own, texts);
    if (!fault)
        return &own->base;
    own_free(&own->base);
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, fault);
    return NULL;
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/certifier.h"

#include <string.h>

#define DIGEST_BYTES 32

typedef struct {
    Credentials base;
    char *id;
} Certifier;

static void feed(gpointer data, const guint8 *bytes, gsize n_bytes)
{
    g_hmac_update(data, bytes, (gssize)n_bytes);
}

static gsize compute(const char *id, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    gsize n_bytes = DIGEST_BYTES;
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)id, strlen(id));
    frame_feed(frame, feed, hmac);
    g_hmac_get_digest(hmac, ret_tag, &n_bytes);
    g_hmac_unref(hmac);
    return n_bytes;
}

static gsize certifier_sign(Credentials *credentials, const WireFrame *frame,
                            guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    return compute(((Certifier *)credentials)->id, frame, ret_tag);
}

// "ROLE ID"
static Certificate *certifier_verify(Credentials *credentials, const ProtobufCBinaryData *chain,
                                     gsize n_certificates, gint64 now_us)
{
    if (n_certificates != 1 || chain[0].len < 3 || chain[0].data[0] < '0' + ROLE_PLATFORM ||
        chain[0].data[0] > '0' + ROLE_OPERATOR || chain[0].data[1] != ' ')
        return NULL;
    Certificate *certificate = g_new0(Certificate, 1);
    certificate->ops = credentials->ops;
    certificate->id = g_strndup((const char *)chain[0].data + 2, chain[0].len - 2);
    certificate->roles = ROLE_BIT(chain[0].data[0] - '0');
    certificate->valid_until_us = G_MAXINT64;
    return certificate;
}

static gboolean certifier_check(const Certificate *certificate, const WireFrame *frame)
{
    guint8 tag[FRAME_TAG_MAX_BYTES];
    gsize n_bytes = compute(certificate->id, frame, tag);
    return frame->algorithm == QKDNF__V1__ALGORITHM__ALGORITHM_ED25519 &&
           frame->tag.len == n_bytes && memcmp(frame->tag.data, tag, n_bytes) == 0;
}

static void certifier_free_certificate(Certificate *certificate)
{
    g_free(certificate->id);
    g_free(certificate);
}

static void certifier_free(Credentials *credentials)
{
    g_free(((Certifier *)credentials)->id);
    g_ptr_array_unref(credentials->chain);
    g_free(credentials);
}

Credentials *certifier_new(const char *id, Role role)
{
    static const CredentialsOps ops = {certifier_sign, certifier_verify, certifier_check,
                                       certifier_free_certificate, certifier_free};
    Certifier *certifier = g_new0(Certifier, 1);
    certifier->base.ops = &ops;
    certifier->base.algorithm = QKDNF__V1__ALGORITHM__ALGORITHM_ED25519;
    certifier->base.chain = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    certifier->id = g_strdup(id);
    char *text = g_strdup_printf("%d %s", role, id);
    g_ptr_array_add(certifier->base.chain, g_bytes_new_take(text, strlen(text)));
    return &certifier->base;
}

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a member signs with, and by what it verifies the certificates of others: a seam, because the
// simulator certifies by the thousand. certificate.h is what runs on a bus. No I/O.

#include "topics/frame.h"

typedef struct Credentials Credentials;
typedef struct CredentialsOps CredentialsOps;

// What a verified certificate says. Outlives the credentials that verified it.
typedef struct {
    const CredentialsOps *ops;
    char *id;              // the common name
    Roles roles;           // that its holder may act in
    gint64 valid_until_us; // the whole chain
    gpointer key;          // the public half, of the credentials' kind
} Certificate;

struct CredentialsOps {
    // The signature of a frame, and its length.
    gsize (*sign)(Credentials *credentials, const WireFrame *frame,
                  guint8 ret_tag[FRAME_TAG_MAX_BYTES]);
    // Follows a chain to the federation's authority at that time; NULL when it does not lead there.
    Certificate *(*verify)(Credentials *credentials, const ProtobufCBinaryData *chain,
                           gsize n_certificates, gint64 now_us);
    // Whether the frame's tag is a signature by the certificate's key.
    gboolean (*check)(const Certificate *certificate, const WireFrame *frame);
    void (*free_certificate)(Certificate *certificate);
    void (*free)(Credentials *credentials);
};

// One thread at a time.
struct Credentials {
    const CredentialsOps *ops;
    Qkdnf__V1__Algorithm algorithm; // of its own signatures
    GPtrArray *chain;               // GBytes: the own certificate, and what leads to the authority
};

static inline void credentials_free(Credentials *credentials)
{
    if (credentials)
        credentials->ops->free(credentials);
}

static inline void certificate_free(Certificate *certificate)
{
    if (certificate)
        certificate->ops->free_certificate(certificate);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, certificate_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Credentials, credentials_free)

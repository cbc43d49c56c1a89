#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What the parts of authentication.h share: authentication.c keeps it and packs frames,
// authentication-check.c judges those that come in.

#include "topics/authentication.h"
#include "topics/peer-book.h"

struct Authentication {
    Identity identity;
    guint8 share[SHARE_BYTES];
    EVP_PKEY *key;
    Credentials *credentials;
    GBytes *introduction;
    Roles partners;         // the roles with which this one has something to say to each other
    GHashTable *pre_shared; // ID → Secret
    PeerBook *peers;
    gboolean is_missed; // somebody does not know of this incarnation
    gint64 announced_at_us;
};

// NULL when the chain is not one of the federation at that time.
Certificate *authentication_verify(const Authentication *authentication,
                                   const ProtobufCBinaryData *chain, gsize n_certificates,
                                   gint64 now_us);

// The keys with that peer; NULL when its share is no honest one.
Pairwise *authentication_keys_with(const Authentication *authentication, const char *id,
                                   Peer *peer);

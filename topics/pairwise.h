#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The keys between two incarnations of two members, and the tags that they make. No I/O.
//
//   secret   = X25519(own, peer) ‖ pre-shared key, if the two have one
//   material = for each of sender and receiver: ID, role, incarnation, share
//   key      = HKDF-SHA256(salt = "qkdnf v1 pairwise key", secret, info = material), 32 bytes
//   tag      = the first 16 bytes of HMAC-SHA256(key, frame)
//
// The material names the sender first, so that each direction has its own key and nothing can be
// sent back to who said it; a role or an incarnation that differs gives another key. A pre-shared
// key keeps what is said authentic even where X25519 has been broken, as RFC 8784 does for IKEv2.

#include "topics/base/secret.h"
#include "topics/presence.h"

#include <openssl/evp.h>

#define PAIRWISE_TAG_BYTES 16

typedef struct Pairwise Pairwise;

// A key for one incarnation; `ret_share` is its public half.
EVP_PKEY *pairwise_generate(const Random *random, guint8 ret_share[SHARE_BYTES]);

// `pre_shared` may be NULL. NULL when the peer's share is not that of an honest key.
Pairwise *pairwise_new(EVP_PKEY *key, const Identity *own, const Identity *peer,
                       const Secret *pre_shared);
void pairwise_free(Pairwise *pairwise);

// Returns PAIRWISE_TAG_BYTES.
gsize pairwise_make(Pairwise *pairwise, const WireFrame *frame,
                    guint8 ret_tag[FRAME_TAG_MAX_BYTES]);
gboolean pairwise_check(Pairwise *pairwise, const WireFrame *frame);

// What both ends say of the pre-shared key that they have: it tells which of two keys it is, and
// nothing about it, as it is of random bytes. 0 for none.
guint32 pairwise_hint(const Pairwise *pairwise);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a monitor can tell of who has said a frame. It has no key in common with anyone: it checks
// signatures, and sees of a tag only that there is one.

#include "topics/authentication.h"

typedef enum {
    AUTHENTICITY_VERIFIED, // signed by who it is from, with a certificate of the federation
    AUTHENTICITY_SEALED,   // with a tag that only its receiver can check
    AUTHENTICITY_UNKNOWN,  // signed by somebody whose birth was not heard
    AUTHENTICITY_OUTDATED, // of an earlier life of who it is from
    AUTHENTICITY_REPEATED, // came before, as a bus may do
    AUTHENTICITY_NONE,     // nothing that could be checked, in a federation that has none of it
    AUTHENTICITY_FAILED,   // somebody lies
} AuthenticityMark;

const char *authenticity_name(AuthenticityMark mark);

typedef struct Authenticity Authenticity;

// Takes the credentials over.
Authenticity *authenticity_new(const char *monitor, Credentials *credentials, const Random *random,
                               gint64 now_us);
void authenticity_free(Authenticity *authenticity);

// `ret_reason` is why it has failed.
AuthenticityMark authenticity_check(Authenticity *authenticity, const char *topic,
                                    const guint8 *payload, gsize n_bytes, gint64 now_us,
                                    Refusal *ret_reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Authenticity, authenticity_free)

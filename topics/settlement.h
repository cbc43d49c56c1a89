#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What both sides of the accounts derive for themselves, and have to find alike.

#include "schemas/wire.h"
#include "topics/base/id.h"

// The ID of the record of usage that a provider makes of its order in an attempt.
void record_id_derive(const char *request, guint attempt, const char *provider,
                      char ret_id[UUID_CHARS + 1]);

#define STATEMENT_DIGEST_BYTES 32

// SHA-256 of a batch as packed without digest and signature, which say how it is certified.
void statement_digest(const WireStatement *statement, guint8 ret_digest[STATEMENT_DIGEST_BYTES]);

gboolean digest_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b);

// What a party checks. NULL when it is right in itself and, of that number, follows on a batch with
// that digest; else why not.
const char *statement_find_fault(const WireStatement *statement, guint64 expected,
                                 const ProtobufCBinaryData *previous);

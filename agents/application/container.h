#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a key management entity answers, as struct qkdnf_keys (ETSI GS QKD 014 V1.1.1 clauses 6.3
// and 6.5). Bytes in, struct out; no I/O.
//
// Key bytes are wiped wherever they can be reached, and the JSON library never sees them. Out of
// reach are the pieces of text that libcurl and OpenSSL free as they go.

#include "agents/application/qkdnf.h"
#include "topics/base/secret.h"

// `body` is wiped. Never NULL.
struct qkdnf_keys *keys_parse(guint http_code, Secret *body);
// Without keys.
struct qkdnf_keys *keys_fail(enum qkdnf_status status, guint http_code, const char *text);
// Whether the keys are these, each once, in whatever order.
gboolean keys_are(const struct qkdnf_keys *keys, const char *const *key_ids, gsize n_key_ids);

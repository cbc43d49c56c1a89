#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One key request as an application of a running federation makes it, and the same keys fetched at
// all ends over ETSI GS QKD 014.

#include "agents/application/qkdnf.h"
#include "tools/qkdnf/access.h"

// What became of it.
typedef struct {
    struct qkdnf_reply *reply;
    gint64 duration_us; // from asking to the platform's answer
    gboolean is_fetched;
    gboolean is_equal; // every target got what the initiator got
    char *fetch_error; // why not all was fetched, or NULL
} Exchange;

// Waits until the platform answers at all, so that the time of what follows is not that of the
// connection. FALSE when it does not in this time (0: the library's own).
gboolean exchange_warm_up(struct qkdnf *application, const char *sae, unsigned timeout_ms,
                          GError **error);

// Asks and, with `fetch`, fetches at the initiator and at every target: at home where the
// federation's description says, on a visit where the answer says; and with the certificate that
// the federation's description names for it.
void exchange_run(struct qkdnf *application, const json_t *federation,
                  const struct qkdnf_request *request, gboolean fetch, Exchange *ret_exchange);
// Fetches later what was granted without.
void exchange_fetch(Exchange *exchange, const json_t *federation);
void exchange_clear(Exchange *exchange);

// `{"request", "status", "text", "key_ids", "size_bits", "paths": [{"target", "providers"}],
// "milliseconds", "attempts", "keys_equal", ...}`; release with json_decref().
json_t *exchange_to_json(const Exchange *exchange);

// An application of the federation in its description; NULL and an error if it has none of this ID.
const json_t *exchange_find_sae(const json_t *federation, const char *sae, GError **error);

// The KME of an application at home, with its certificate; NULL and an error when it is not
// described.
struct qkdnf_kme *exchange_open_kme(const json_t *federation, const char *sae, GError **error);
gboolean exchange_keys_equal(const struct qkdnf_keys *ours, const struct qkdnf_keys *theirs);
json_t *exchange_texts_to_json(const char *const *texts, gsize n_texts);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Exchange, exchange_clear)

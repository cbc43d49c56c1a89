#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An unmodified ETSI GS QKD 014 client: the program curl, with nothing but certificates and URLs
// from a federation's description.

#include <glib.h>
#include <jansson.h>

// The keys that `sae` gets for `path` at its KME, as the standard's key container; `body` is a JSON
// text to be posted, or NULL for GET. NULL and an error on anything but 200.
json_t *curl_fetch(const json_t *federation, const char *sae, const char *path, const char *body,
                   GError **error);

// Fetches the keys of a granted request at the initiator, then by their IDs at every target, and
// compares them. The number of keys that are equal at all ends; 0 and an error otherwise.
guint curl_compare(const json_t *federation, const char *request, const char *initiator,
                   const char *const *targets, gsize n_targets, GError **error);

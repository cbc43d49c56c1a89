// SPDX-License-Identifier: Apache-2.0
//
// An input is `METHOD PATH?QUERY`, a line feed and the body.

#include "agents/kme/etsi014.h"
#include "agents/kme/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const KeyLimits limits = {
    .key_size_bits = 256,
    .min_key_size_bits = 64,
    .max_key_size_bits = 1024,
    .max_keys_per_request = 8,
    .max_keys_stored = 100,
    .max_additional_targets = 3,
};

static void check_call(const Etsi014Call *call)
{
    g_assert_nonnull(call->peer);
    g_assert_cmpstr(call->targets[0], ==, call->peer);
    g_assert_cmpuint(g_strv_length(call->targets), <=, 1 + limits.max_additional_targets);
    g_assert_cmpuint(call->number, >=, 1);
    g_assert_cmpuint(call->number, <=, limits.max_keys_per_request);
    g_assert_cmpuint(call->size_bits % 8, ==, 0);
    g_assert_cmpuint(call->size_bits, >=, limits.min_key_size_bits);
    g_assert_cmpuint(call->size_bits, <=, limits.max_key_size_bits);
    g_assert_cmpuint(call->n_paths, >=, 1);
    g_assert_true(!call->request || g_uuid_string_is_valid(call->request));
    if (call->method == ETSI014_GET_KEY_WITH_IDS) {
        guint n = g_strv_length(call->key_ids);
        g_assert_true(n >= 1 && n <= limits.max_keys_per_request);
    }
}

static void check_refusal(const Etsi014Answer *answer)
{
    g_assert_true(answer->code == 400 || answer->code == 404 || answer->code == 405 ||
                  answer->code == 413);
    g_assert_true((answer->allow != NULL) == (answer->code == 405));
    const char *text = (const char *)answer->body->data;
    g_autoptr(json_t) root = json_loadb(text, answer->body->n_bytes, JSON_REJECT_DUPLICATES, NULL);
    g_assert_true(json_is_string(json_object_get(root, "message")));
    const json_t *details = json_object_get(root, "details");
    g_assert_true(!details || json_is_array(details));
}

static void run(char *head, const guint8 *body, gsize n_bytes)
{
    char *path = strchr(head, ' ');
    char *query = path ? strchr(path, '?') : NULL;
    if (path)
        *path++ = '\0';
    if (query)
        *query++ = '\0';
    Etsi014Request request = {head, path ? path : "", query, body, n_bytes};
    g_autoptr(Etsi014Answer) answer = NULL;
    g_autoptr(Etsi014Call) call = etsi014_parse(&request, &limits, &answer);
    g_assert_true((call == NULL) == (answer != NULL));
    if (call)
        check_call(call);
    else
        check_refusal(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const guint8 *end = n_bytes > 0 ? memchr(bytes, '\n', n_bytes) : NULL;
    gsize n_head = end ? (gsize)(end - bytes) : n_bytes;
    gsize n_body = end ? n_bytes - n_head - 1 : 0;
    g_autofree char *head = g_strndup(n_head > 0 ? (const char *)bytes : "", n_head);
    // An exact copy, so that a read past its end is seen.
    g_autofree guint8 *body = g_memdup2(end ? end + 1 : NULL, n_body);
    run(head, body, n_body);
    return 0;
}

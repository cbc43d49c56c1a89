// SPDX-License-Identifier: Apache-2.0
//
// An input is the body of an answer that a key management entity gave with 200, and with 400.

#include "agents/application/container.h"
#include "tests/fuzz/fuzz.h"

static void parse(guint code, const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(Secret) body = secret_new_copy(bytes, n_bytes);
    struct qkdnf_keys *keys = keys_parse(code, body);
    g_assert_true((keys->n_keys > 0) == (keys->status == QKDNF_OK));
    g_assert_true(g_utf8_validate(keys->text, -1, NULL));
    for (gsize i = 0; i < keys->n_keys; i++) {
        g_assert_true(g_uuid_string_is_valid(keys->keys[i].id));
        g_assert_cmpuint(keys->keys[i].n_bytes, >, 0);
    }
    qkdnf_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    parse(200, bytes, n_bytes);
    parse(400, bytes, n_bytes);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0

#include "agents/application/container.h"
#include "schemas/status.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ID_A "0123abcd-0000-4000-8000-00000000000a"
#define ID_B "0123abcd-0000-4000-8000-00000000000b"

// Memory cannot be looked at once it is freed, so that each wipe is seen on its way: the linker
// lets the calls of the library come here.
static gconstpointer watched;
static gsize n_wiped_bytes;

void __real_secret_wipe(void *bytes, gsize n_bytes);
void __wrap_secret_wipe(void *bytes, gsize n_bytes);

void __wrap_secret_wipe(void *bytes, gsize n_bytes)
{
    if (bytes == watched)
        n_wiped_bytes = n_bytes;
    __real_secret_wipe(bytes, n_bytes);
}

static struct qkdnf_keys *parse(guint code, const char *text)
{
    g_autoptr(Secret) body = secret_new_copy((const guint8 *)text, strlen(text));
    struct qkdnf_keys *keys = keys_parse(code, body);
    for (gsize i = 0; i < body->n_bytes; i++)
        g_assert_cmpuint(body->data[i], ==, 0);
    return keys;
}

static void test_keys(void)
{
    struct qkdnf_keys *keys =
        parse(200, "{\"keys\":[{\"key_ID\":\"0123ABCD-0000-4000-8000-00000000000A\",\"key\":"
                   "\"AAECA/v//gcI\"},{\"key_ID\":\"" ID_B "\",\"key_ID_extension\":{},"
                   "\"key\":\"AAECA/v//gc=\"}],\"key_container_extension\":{}}");
    static const guint8 bytes[] = {0, 1, 2, 3, 0xfb, 0xff, 0xfe, 7, 8};
    g_assert_cmpint(keys->status, ==, QKDNF_OK);
    g_assert_cmpint(keys->http_code, ==, 200);
    g_assert_cmpuint(keys->n_keys, ==, 2);
    g_assert_cmpstr(keys->keys[0].id, ==, ID_A);
    g_assert_cmpmem(keys->keys[0].bytes, keys->keys[0].n_bytes, bytes, 9);
    g_assert_cmpmem(keys->keys[1].bytes, keys->keys[1].n_bytes, bytes, 8);

    g_assert_true(keys_are(keys, (const char *const[]){ID_B, ID_A}, 2));
    g_assert_false(keys_are(keys, (const char *const[]){ID_A, ID_A}, 2));
    g_assert_false(keys_are(keys, (const char *const[]){ID_A}, 1));
    qkdnf_keys_free(keys);
}

static void test_keys_are_wiped(void)
{
    for (guint i = 0; i < 2; i++) {
        struct qkdnf_keys *keys =
            parse(200, "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAECA/v//gcI\"},"
                       "{\"key_ID\":\"" ID_B "\",\"key\":\"AAECA/v//gc=\"}]}");
        g_assert_cmpuint(keys->n_keys, ==, 2);
        watched = keys->keys[i].bytes;
        n_wiped_bytes = 0;
        qkdnf_keys_free(keys);
        watched = NULL;
        g_assert_cmpuint(n_wiped_bytes, ==, i == 0 ? 9 : 8);
    }
}

static guint n_left;

static void *allocate(size_t n_bytes)
{
    size_t *block = g_malloc0(n_bytes + 2 * sizeof(size_t));
    *block = n_bytes;
    return block + 2;
}

// What the JSON library lets go of holds nothing of a key.
static void let_go(void *bytes)
{
    size_t *block = bytes ? (size_t *)bytes - 2 : NULL;
    for (size_t i = 0; block && i + 5 <= *block; i++)
        n_left += memcmp((const char *)bytes + i, "AAECA", 5) == 0;
    g_free(block);
}

static void test_no_text_is_left(void)
{
    static const char *const bodies[] = {
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAECA/v//gcI\"},"
        "{\"key\" : \"AAECA\\/v\\u002f\\u002Fgc\\u003d\", \"key_ID\":\"" ID_B "\"}]}",
        "{\"keys\":[{\"key_ID\":7,\"key\":\"AAECA/v//gcI\"}]}",
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAECA/v//gcI\"}]",
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAECA/v//gcI",
    };
    json_set_alloc_funcs(allocate, let_go);
    for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
        struct qkdnf_keys *keys = parse(200, bodies[i]);
        g_assert_cmpuint(keys->n_keys, ==, i == 0 ? 2 : 0);
        if (i == 0)
            g_assert_cmpmem(keys->keys[1].bytes, keys->keys[1].n_bytes, keys->keys[0].bytes, 8);
        qkdnf_keys_free(keys);
    }
    json_set_alloc_funcs(malloc, free);
    g_assert_cmpuint(n_left, ==, 0);
}

#define ONE_KEY(key) "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":" key "}]}"

static void test_what_is_no_container(void)
{
    static const char *const bodies[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[7]}",
        "{\"keys\":[{\"key_ID\":\"" ID_A "\"}]}",
        "{\"keys\":[{\"key_ID\":\"7\",\"key\":\"AAEC\"}]}",
        "{\"keys\":[{\"key\":\"AAEC\"}]}",
        ONE_KEY("7"),
        ONE_KEY("\"\""),
        ONE_KEY("\"AAE\""),
        ONE_KEY("\"AA=C\""),
        ONE_KEY("\"A===\""),
        ONE_KEY("\"====\""),
        ONE_KEY("\"AA C\""),
        ONE_KEY("\" AAECAAE\""),
        ONE_KEY("\"AAE-\""),
        ONE_KEY("\"AAE\\u00e4\""),
        ONE_KEY("\"AAE\\u0100\""),
        ONE_KEY("\"AAEC\\u00\""),
        ONE_KEY("\"AAE\\n\""),
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAEC\"},{}]}",
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAEC\"},{\"key_ID\":\"" ID_B
        "\",\"key\":0}]}",
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAEC",
        "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAEC\\",
        "\"key\":\"AAEC\"",
        "\"key\":",
        "\"key\"",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
        struct qkdnf_keys *keys = parse(200, bodies[i]);
        g_assert_cmpint(keys->status, ==, QKDNF_BAD_ANSWER);
        g_assert_cmpuint(keys->n_keys, ==, 0);
        g_assert_null(strstr(keys->text, "AAE"));
        qkdnf_keys_free(keys);
    }
}

static void test_errors(void)
{
    static const struct {
        guint code;
        const char *body;
        enum qkdnf_status status;
        const char *text;
    } cases[] = {
        {400, "{\"message\":\"Bad request format.\",\"details\":[{\"size\":\"too large\"}]}",
         QKDNF_BAD_REQUEST, "Bad request format.; size: too large"},
        {400, "", QKDNF_BAD_REQUEST, "malformed, or outside the limits"},
        {401, "", QKDNF_NOT_ALLOWED, "not allowed to this sender"},
        {503, "{\"message\":\"Error on server side.\"}", QKDNF_UNAVAILABLE,
         "Error on server side."},
        {404, "<html>", QKDNF_BAD_ANSWER, "HTTP status 404"},
        {302, "{\"message\":7,\"details\":[7,{\"a\":7}]}", QKDNF_BAD_ANSWER, "HTTP status 302"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct qkdnf_keys *keys = parse(cases[i].code, cases[i].body);
        g_assert_cmpint(keys->status, ==, cases[i].status);
        g_assert_cmpint(keys->http_code, ==, (int)cases[i].code);
        g_assert_cmpstr(keys->text, ==, cases[i].text);
        qkdnf_keys_free(keys);
    }
}

// A code that is added to the wire is added to qkdnf.h, too.
static void test_every_status_has_a_name(void)
{
    const ProtobufCEnumDescriptor *wire = &qkdnf__v1__status__descriptor;
    for (unsigned i = 0; i < wire->n_values; i++) {
        if (wire->values[i].value == 0)
            continue;
        g_assert_cmpint(wire->values[i].value, <=, QKDNF_QUOTA_USED);
        enum qkdnf_status status = (enum qkdnf_status)wire->values[i].value;
        g_assert_cmpstr(qkdnf_status_name(status), ==, wire->values[i].name + strlen("STATUS_"));
        g_assert_cmpstr(qkdnf_status_text(status), !=, "unknown result");
    }
    g_assert_cmpstr(qkdnf_status_name(QKDNF_UNREACHABLE), ==, "UNREACHABLE");
    g_assert_cmpstr(qkdnf_status_name((enum qkdnf_status)999), ==, "UNKNOWN");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/container/keys", test_keys);
    g_test_add_func("/container/keys-are-wiped", test_keys_are_wiped);
    g_test_add_func("/container/no-text-is-left", test_no_text_is_left);
    g_test_add_func("/container/what-is-no-container", test_what_is_no_container);
    g_test_add_func("/container/errors", test_errors);
    g_test_add_func("/container/every-status-has-a-name", test_every_status_has_a_name);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/recording.h"

#include "tests/unit/scratch.h"

#include <string.h>

static gboolean join(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    GString *seen = data;
    g_string_append_printf(seen, "%s:", topic);
    for (gsize i = 0; i < n_bytes; i++)
        g_string_append_printf(seen, "%02x", payload[i]);
    g_string_append_c(seen, ' ');
    return n_bytes > 0;
}

static char *replay(const char *path, GError **error)
{
    GString *seen = g_string_new(NULL);
    if (!recording_play(path, join, seen, error))
        g_string_append(seen, "failed");
    return g_string_free(seen, FALSE);
}

static void record(const char *path)
{
    static const guint8 payload[] = {0x00, 0x0a, 0xff};
    FILE *file = fopen(path, "we");
    g_assert_nonnull(file);
    g_assert_true(recording_append(file, 17, "qkdnf/v1/a/b/c", payload, sizeof payload));
    g_assert_true(recording_append(file, 18, "else\xff", payload, 1));
    g_assert_true(recording_append(file, 19, "empty", NULL, 0));
    g_assert_true(recording_append(file, 20, "beyond", payload, 1));
    fclose(file);
}

// Whatever bytes; and no further than is asked for.
static void test_what_is_kept_comes_back(void)
{
    char *dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "kept", NULL);
    g_autoptr(GError) error = NULL;
    record(path);
    g_autofree char *seen = replay(path, &error);
    g_assert_cmpstr(seen, ==, "qkdnf/v1/a/b/c:000aff else\uFFFD:00 empty: ");
    g_assert_no_error(error);
    scratch_free(dir);
}

static void test_what_is_none(void)
{
    static const char *const texts[] = {"{}\n",
                                        "[1]\n",
                                        "\n",
                                        "{\"at_us\":1,\"topic\":\"a\"}\n",
                                        "{\"at_us\":1,\"topic\":2,\"payload\":\"\"}\n",
                                        "\xff"};
    char *dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "kept", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        g_autofree char *seen = replay(path, &error);
        g_assert_cmpstr(seen, ==, "failed");
        g_assert_nonnull(strstr(error->message, "kept:1: expected a publish"));
    }
    remove(path);
    g_autoptr(GError) error = NULL;
    g_autofree char *seen = replay(path, &error);
    g_assert_cmpstr(seen, ==, "failed");
    g_assert_nonnull(strstr(error->message, "cannot be opened"));
    scratch_free(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recording/what-is-kept-comes-back", test_what_is_kept_comes_back);
    g_test_add_func("/recording/what-is-none", test_what_is_none);
    return g_test_run();
}

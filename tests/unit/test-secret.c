// SPDX-License-Identifier: Apache-2.0

#include "topics/base/secret.h"

#include <string.h>

static void test_new(void)
{
    g_autoptr(Secret) zeros = secret_new(3);
    g_assert_cmpmem(zeros->data, zeros->n_bytes, "\0\0\0", 3);
    guint8 bytes[] = {1, 2, 3};
    g_autoptr(Secret) copy = secret_new_copy(bytes, 3);
    bytes[0] = 9;
    g_assert_cmpmem(copy->data, copy->n_bytes, "\1\2\3", 3);
    g_autoptr(Secret) nothing = secret_new_copy(NULL, 0);
    g_assert_cmpuint(nothing->n_bytes, ==, 0);
    secret_free(NULL);
}

static void test_xor(void)
{
    g_autoptr(Secret) secret = secret_new_copy((const guint8 *)"\1\2\4\x80", 4);
    secret_xor(secret, 1, (const guint8 *)"\3\5", 2);
    g_assert_cmpmem(secret->data, 4, "\1\1\1\x80", 4);
    secret_xor(secret, 4, NULL, 0);
    secret_xor(secret, 3, (const guint8 *)"\x81", 1);
    g_assert_cmpmem(secret->data, 4, "\1\1\1\1", 4);
}

static void test_xor_beyond_the_end(void)
{
    if (g_test_subprocess()) {
        g_autoptr(Secret) secret = secret_new(4);
        secret_xor(secret, 2, (const guint8 *)"abc", 3);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
}

static void test_equal(void)
{
    g_autoptr(Secret) a = secret_new_copy((const guint8 *)"abc", 3);
    g_autoptr(Secret) same = secret_new_copy((const guint8 *)"abc", 3);
    g_autoptr(Secret) other = secret_new_copy((const guint8 *)"abd", 3);
    g_autoptr(Secret) shorter = secret_new_copy((const guint8 *)"ab", 2);
    g_assert_true(secret_equal(a, same));
    g_assert_false(secret_equal(a, other));
    g_assert_false(secret_equal(a, shorter));
    g_assert_false(secret_equal(shorter, a));
}

static void test_wiped(void)
{
    char text[] = "a key";
    secret_wipe(text, 3);
    g_assert_cmpmem(text, sizeof text, "\0\0\0ey", sizeof text);
    secret_wipe(NULL, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/secret/new", test_new);
    g_test_add_func("/secret/xor", test_xor);
    g_test_add_func("/secret/xor-beyond-the-end", test_xor_beyond_the_end);
    g_test_add_func("/secret/equal", test_equal);
    g_test_add_func("/secret/wiped", test_wiped);
    return g_test_run();
}

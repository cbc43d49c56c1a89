// SPDX-License-Identifier: Apache-2.0

#include "topics/base/log.h"

#include <string.h>

static void expect_quoted(const char *value, const char *text)
{
    g_autofree char *quoted = log_quote(value);
    g_assert_cmpstr(quoted, ==, text);
}

static void test_values_cannot_forge_lines(void)
{
    expect_quoted("vienna", "vienna");
    expect_quoted("mqtts://[::1]:8883", "mqtts://[::1]:8883");
    expect_quoted("", "\"\"");
    expect_quoted("a b", "\"a b\"");
    expect_quoted("a=b", "\"a=b\"");
    expect_quoted("x\nERROR forged", "\"x\\nERROR forged\"");
    expect_quoted("\"\033[2J", "\"\\\"\\033[2J\"");
    expect_quoted("\xff", "\"\\377\"");
}

static void test_values_are_cut(void)
{
    g_autofree char *value = g_strnfill(5000, 'x');
    g_autofree char *quoted = log_quote(value);
    g_assert_true(g_str_has_suffix(quoted, "x..."));
    g_assert_cmpuint(strlen(quoted), <, 200);
}

static void test_a_line(void)
{
    static const char *const pairs[] = {"member", "a", "cause", NULL, NULL};
    if (g_test_subprocess()) {
        g_unsetenv("G_MESSAGES_DEBUG");
        log_init("test");
        g_assert_false(log_has_debug());
        log_pairs(G_LOG_LEVEL_DEBUG, "not to be seen", pairs);
        log_pairs(G_LOG_LEVEL_INFO, "request.granted", pairs);
        log_line(G_LOG_LEVEL_WARNING, "refused", "topic", "qkdnf/v1/x y", "n-times", "3", NULL);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(
        "20*-*-*T*:*:*.???Z INFO request.granted member=a cause=-\n"
        "20*-*-*T*:*:*.???Z WARNING refused topic=\"qkdnf/v1/x y\" n_times=3\n*");
}

static void test_debug_is_decided_once(void)
{
    if (g_test_subprocess()) {
        g_setenv("G_MESSAGES_DEBUG", "all", TRUE);
        log_init("test");
        g_unsetenv("G_MESSAGES_DEBUG");
        g_assert_true(log_has_debug());
        log_line(G_LOG_LEVEL_DEBUG, "to be seen", NULL);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("20*-*-*T*:*:*.???Z DEBUG to be seen\n*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/values-cannot-forge-lines", test_values_cannot_forge_lines);
    g_test_add_func("/log/values-are-cut", test_values_are_cut);
    g_test_add_func("/log/a-line", test_a_line);
    g_test_add_func("/log/debug-is-decided-once", test_debug_is_decided_once);
    return g_test_run();
}

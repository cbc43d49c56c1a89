// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/listener.h"

#include <string.h>

#define FILES "ca: ca.crt\ncertificate: kme.crt\nkey: kme.key\n"

static void test_addresses(void)
{
    static const char *const good[] = {"127.0.0.1:8443", "0.0.0.0:0", "[::1]:8443", "[::]:1"};
    static const char *const bad[] = {"",         "127.0.0.1",   "localhost:8443", "127.0.0.1:",
                                      "::1:8443", "1.2.3.4:x",   "1.2.3.4:65536",  ":8443",
                                      "[::1]",    "127.0.0:443", "[::1:8443",      "1.2.3.4:5:6"};
    struct sockaddr_storage address;
    int n_bytes;
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(listener_parse_address(good[i], &address, &n_bytes));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(listener_parse_address(bad[i], &address, &n_bytes));
}

static Settings *parse(const char *text)
{
    Settings *settings = settings_parse(&kme_settings_table, "kme.yaml", text, strlen(text));
    KmeSettings *kme = settings_root(settings);
    kme_settings_check(kme, settings);
    return settings;
}

static void test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = parse("listen: '[::1]:8443'\n" FILES);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    const KmeSettings *kme = settings_root(settings);
    g_assert_cmpstr(kme->listen, ==, "[::1]:8443");
    g_assert_cmpstr(kme->key, ==, "kme.key");
    g_assert_cmpuint(kme->max_connections, ==, 768);
    g_assert_cmpuint(kme_settings_share(kme), ==, 256);
    g_assert_cmpuint(kme->max_calls, ==, 512);
    g_assert_cmpuint(kme->max_calls_per_application, ==, 256);
}

static void test_what_is_wrong_is_said(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings =
        parse("listen: localhost:8443\nmax_calls: 7\nmax_calls_per_application: 8\n"
              "max_connections: 5\nmax_connections_per_application: 6\n" FILES);
    g_assert_false(settings_finish(settings, &error));
    g_assert_nonnull(strstr(error->message, "expected IP:PORT, such as 127.0.0.1:8443"));
    g_assert_nonnull(strstr(error->message, "expected no more than max_calls (7)"));
    g_assert_nonnull(strstr(error->message, "expected no more than max_connections (5)"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kme-settings/addresses", test_addresses);
    g_test_add_func("/kme-settings/defaults", test_defaults);
    g_test_add_func("/kme-settings/what-is-wrong-is-said", test_what_is_wrong_is_said);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/broker.h"

#include "tests/unit/scratch.h"
#include "topics/topic.h"

#include <string.h>

// The rules of the table, and how often each may be there.
static GHashTable *expected_rules(void)
{
    GHashTable *rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(rules, g_strdup("pattern read qkdnf/v1/+/+/%u"));
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = kind_get(id);
        g_hash_table_add(rules, g_strdup_printf("pattern write qkdnf/v1/%s/%%u/%s", kind->name,
                                                kind->to_all ? "all" : "+"));
        if (kind->to_all && kind->to != ROLE_BIT(ROLE_MONITOR))
            g_hash_table_add(rules, g_strdup_printf("pattern read qkdnf/v1/%s/+/all", kind->name));
    }
    return rules;
}

static void test_the_rules_are_the_table(void)
{
    g_autoptr(GHashTable) expected = expected_rules();
    g_autofree char *text = broker_format_access(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (**line != '\0' && **line != '#' && !g_hash_table_remove(expected, *line))
            g_error("not of the table, or twice: %s", *line);
    }
    g_assert_cmpuint(g_hash_table_size(expected), ==, 0);
}

static void test_a_monitor_only_reads(void)
{
    static const char *const monitors[] = {"ops", "wall", NULL};
    g_autofree char *nobody = broker_format_access(NULL);
    g_autofree char *text = broker_format_access(monitors);
    g_assert_true(g_str_has_prefix(text, nobody));
    g_assert_cmpstr(text + strlen(nobody), ==,
                    "\nuser ops\ntopic deny qkdnf/v1/+/ops/#\ntopic read qkdnf/v1/#\n"
                    "\nuser wall\ntopic deny qkdnf/v1/+/wall/#\ntopic read qkdnf/v1/#\n");
}

static BrokerConfig config_new(void)
{
    return (BrokerConfig){"::1",
                          8883,
                          "/etc/ca.crt",
                          "/etc/ca.crl",
                          "/etc/broker.crt",
                          "/etc/broker.key",
                          NULL,
                          "/lib/plugin.so"};
}

static char *written_config(const BrokerConfig *config)
{
    g_autoptr(GError) error = NULL;
    char *dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, BROKER_CONFIG_FILE, NULL);
    g_autofree char *access = g_build_filename(dir, BROKER_ACCESS_FILE, NULL);
    broker_write_config(config, dir, &error);
    g_assert_no_error(error);
    char *text = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_file_test(access, G_FILE_TEST_EXISTS));
    scratch_free(dir);
    return text;
}

static void test_the_listener_admits_members_only(void)
{
    BrokerConfig config = config_new();
    g_autofree char *text = written_config(&config);
    static const char *const lines[] = {
        "\nlistener 8883 ::1\n",
        "\ncafile /etc/ca.crt\n",
        "\ncrlfile /etc/ca.crl\n",
        "\ncertfile /etc/broker.crt\n",
        "\nkeyfile /etc/broker.key\n",
        "\nrequire_certificate true\n",
        "\nuse_identity_as_username true\n",
        "\nplugin /lib/plugin.so\n",
        "\nallow_anonymous false\n",
        "\ntls_version tlsv1.3\n",
        "\nper_listener_settings false\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (!strstr(text, lines[i]))
            g_error("no line %s", lines[i]);
    }
}

static void test_nothing_gets_in_between_the_lines(void)
{
    static const char *const monitors[] = {"ops\ntopic write #", NULL};
    g_autoptr(GError) error = NULL;
    BrokerConfig config = config_new();
    config.monitors = monitors;
    g_assert_false(broker_write_config(&config, "/nowhere", &error));
    g_assert_nonnull(strstr(error->message, "is not a member ID"));
    g_clear_error(&error);
    config = config_new();
    config.key = "/etc/key\nallow_anonymous true";
    g_assert_false(broker_write_config(&config, "/nowhere", &error));
    g_assert_nonnull(strstr(error->message, "cannot stand in"));
    g_clear_error(&error);
    config = config_new();
    config.crl = "/etc/crl\nallow_anonymous true";
    g_assert_false(broker_write_config(&config, "/nowhere", &error));
    g_assert_nonnull(strstr(error->message, "cannot stand in"));
    g_clear_error(&error);
    config = config_new();
    config.plugin = "/lib/plugin\nallow_anonymous true";
    g_assert_false(broker_write_config(&config, "/nowhere", &error));
    g_assert_nonnull(strstr(error->message, "cannot stand in"));
    g_clear_error(&error);
    config = config_new();
    g_assert_false(broker_write_config(&config, "/nowhere", &error));
    g_assert_nonnull(strstr(error->message, "/nowhere"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/broker/the-rules-are-the-table", test_the_rules_are_the_table);
    g_test_add_func("/broker/a-monitor-only-reads", test_a_monitor_only_reads);
    g_test_add_func("/broker/the-listener-admits-members-only",
                    test_the_listener_admits_members_only);
    g_test_add_func("/broker/nothing-gets-in-between-the-lines",
                    test_nothing_gets_in_between_the_lines);
    return g_test_run();
}

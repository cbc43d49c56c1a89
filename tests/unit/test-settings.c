// SPDX-License-Identifier: Apache-2.0

#include "topics/base/settings.h"

#include <math.h>
#include <string.h>

typedef struct {
    char *a;
    char *b;
    double km;
} Span;

typedef struct {
    guint64 port;
    gboolean loud;
} Listener;

typedef struct {
    char *note;
    int level;
} Extra;

typedef struct {
    char *id;
    Listener listener;
    char **names;
    GPtrArray *spans;
    Extra extra;
} Config;

static const char *const levels[] = {"debug", "info", "warn", NULL};

static const Setting span_settings[] = {
    {"a", SETTING_ID, offsetof(Span, a), TRUE},
    {"b", SETTING_ID, offsetof(Span, b), TRUE},
    {"km", SETTING_REAL, offsetof(Span, km), .max = 500, .expects = "a distance in km"},
    {NULL},
};
static const SettingTable span_table = {span_settings, sizeof(Span)};

static const Setting listener_settings[] = {
    {"port", SETTING_UINT, offsetof(Listener, port), .min = 1, .max = 65535, .fallback = "8883"},
    {"loud", SETTING_BOOL, offsetof(Listener, loud), .fallback = "true"},
    {NULL},
};
static const SettingTable listener_table = {listener_settings, sizeof(Listener)};

static const Setting extra_settings[] = {
    {"note", SETTING_TEXT, offsetof(Extra, note), .min = 1, .max = 8},
    {"level", SETTING_CHOICE, offsetof(Extra, level), .choices = levels, .fallback = "info"},
    {NULL},
};
static const SettingTable extra_table = {extra_settings, sizeof(Extra)};

static const Setting config_settings[] = {
    {"id", SETTING_ID, offsetof(Config, id), TRUE},
    {"listener", SETTING_SECTION, offsetof(Config, listener), .table = &listener_table},
    {"names", SETTING_TEXTS, offsetof(Config, names), .min = 0, .max = 3},
    {"spans", SETTING_LIST, offsetof(Config, spans), .table = &span_table},
    {"", SETTING_INCLUDE, offsetof(Config, extra), .table = &extra_table},
    {NULL},
};
static const SettingTable config_table = {config_settings, sizeof(Config)};

static Settings *parse(const char *text)
{
    return settings_parse(&config_table, "f.yaml", text, strlen(text));
}

static void assert_errors(const char *text, const char *expected)
{
    g_autoptr(Settings) settings = parse(text);
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_cmpstr(error->message, ==, expected);
}

static void test_everything(void)
{
    g_autoptr(Settings) settings = parse("id: vienna\n"
                                         "listener: {port: 1, loud: false}\n"
                                         "names: [x, 'y z']\n"
                                         "spans:\n"
                                         "  - {a: sie, b: erd, km: 1.5e1}\n"
                                         "  - {a: erd, b: gud}\n"
                                         "note: \"gr\\xfc\\u00df\"\n"
                                         "level: warn\n");
    g_assert_true(settings_finish(settings, NULL));
    const Config *config = settings_root(settings);
    g_assert_cmpstr(config->id, ==, "vienna");
    g_assert_cmpuint(config->listener.port, ==, 1);
    g_assert_false(config->listener.loud);
    g_assert_cmpuint(g_strv_length(config->names), ==, 2);
    g_assert_cmpstr(config->names[1], ==, "y z");
    g_assert_cmpuint(config->spans->len, ==, 2);
    const Span *span = config->spans->pdata[0];
    g_assert_cmpstr(span->b, ==, "erd");
    g_assert_cmpfloat(span->km, ==, 15);
    g_assert_cmpstr(config->extra.note, ==, "grüß");
    g_assert_cmpint(config->extra.level, ==, 2);
}

static void test_fallbacks(void)
{
    g_autoptr(Settings) settings = parse("{id: x}");
    g_assert_true(settings_finish(settings, NULL));
    const Config *config = settings_root(settings);
    g_assert_cmpuint(config->listener.port, ==, 8883);
    g_assert_true(config->listener.loud);
    g_assert_cmpuint(g_strv_length(config->names), ==, 0);
    g_assert_cmpuint(config->spans->len, ==, 0);
    g_assert_null(config->extra.note);
    g_assert_cmpint(config->extra.level, ==, 1);
}

static void test_all_errors_at_once(void)
{
    assert_errors("idd: vienna\n"
                  "listener:\n"
                  "    port: 70000\n"
                  "    port: 80\n"
                  "    loud: yes\n"
                  "spans:\n"
                  "  - {a: sie, b: Erd, km: -1}\n"
                  "  - {a: sie}\n"
                  "  - sie\n"
                  "names: [a, {}, b, c]\n"
                  "note: far too long\n"
                  "level: loud\n",
                  "f.yaml:1:1: error: unknown key 'idd'; expected one of id, listener, names, "
                  "spans, note, level\n"
                  "    idd: vienna\n"
                  "    ^~~\n"
                  "f.yaml:1:1: error: missing key 'id': an ID (a-z, 0-9, inside also '-' and '.', "
                  "at most 64)\n"
                  "    idd: vienna\n"
                  "    ^\n"
                  "f.yaml:3:11: error: key 'port': expected a whole number from 1 to 65535, not "
                  "'70000'\n"
                  "        port: 70000\n"
                  "              ^~~~~\n"
                  "f.yaml:4:5: error: duplicate key 'port'; it stands on line 3 already\n"
                  "        port: 80\n"
                  "        ^~~~\n"
                  "f.yaml:5:11: error: key 'loud': expected true or false, not 'yes'\n"
                  "        loud: yes\n"
                  "              ^~~\n"
                  "f.yaml:7:17: error: key 'b': expected an ID (a-z, 0-9, inside also '-' and "
                  "'.', at most 64), not 'Erd'\n"
                  "      - {a: sie, b: Erd, km: -1}\n"
                  "                    ^~~\n"
                  "f.yaml:7:26: error: key 'km': expected a distance in km from 0 to 500, not "
                  "'-1'\n"
                  "      - {a: sie, b: Erd, km: -1}\n"
                  "                             ^~\n"
                  "f.yaml:8:5: error: missing key 'b': an ID (a-z, 0-9, inside also '-' and '.', "
                  "at most 64)\n"
                  "      - {a: sie}\n"
                  "        ^~~~~~~~\n"
                  "f.yaml:9:5: error: key 'spans': expected a list of mappings, not 'sie'\n"
                  "      - sie\n"
                  "        ^~~\n"
                  "f.yaml:10:8: error: key 'names': expected a list of texts of 0 to 3 items, not "
                  "4\n"
                  "    names: [a, {}, b, c]\n"
                  "           ^~~~~~~~~~~~~\n"
                  "f.yaml:10:12: error: key 'names': expected a list of texts of 0 to 3 items, not "
                  "a mapping\n"
                  "    names: [a, {}, b, c]\n"
                  "               ^~\n"
                  "f.yaml:11:7: error: key 'note': expected a text of 1 to 8 bytes, not 'far too "
                  "long'\n"
                  "    note: far too long\n"
                  "          ^~~~~~~~~~~~\n"
                  "f.yaml:12:8: error: key 'level': expected one of debug, info, warn, not 'loud'\n"
                  "    level: loud\n"
                  "           ^~~~");
}

static void test_wrong_shapes(void)
{
    assert_errors("", "f.yaml: error: expected a mapping, not nothing");
    assert_errors("- a\n", "f.yaml:1:1: error: expected a mapping\n    - a\n    ^");
    assert_errors("id: x\nlistener: 7\n",
                  "f.yaml:2:11: error: key 'listener': expected a mapping, not '7'\n"
                  "    listener: 7\n"
                  "              ^");
    assert_errors("id: [x]\nnames: x\nspans: {}\n? [k]\n: v\n",
                  "f.yaml:1:5: error: key 'id': expected an ID (a-z, 0-9, inside also '-' and "
                  "'.', at most 64), not a list\n"
                  "    id: [x]\n"
                  "        ^~~\n"
                  "f.yaml:2:8: error: key 'names': expected a list of texts of 0 to 3 items, not "
                  "'x'\n"
                  "    names: x\n"
                  "           ^\n"
                  "f.yaml:3:8: error: key 'spans': expected a list of mappings, not a mapping\n"
                  "    spans: {}\n"
                  "           ^~\n"
                  "f.yaml:4:3: error: unknown key a list; expected one of id, listener, names, "
                  "spans, note, level\n"
                  "    ? [k]\n"
                  "      ^~~");
}

static void test_not_yaml(void)
{
    assert_errors("id: [x\n", "f.yaml:2:1: error: not YAML: did not find expected ',' or ']' while "
                              "parsing a flow sequence\n"
                              "    \n"
                              "    ^");
    assert_errors("id: x\nnote: a\x01z\n",
                  "f.yaml:2:8: error: not YAML: control characters are not allowed\n"
                  "    note: a z\n"
                  "           ^");
    assert_errors("id: x\nnote: \xff\n", "f.yaml:2:7: error: not UTF-8 text\n"
                                         "    note: \n"
                                         "          ^");
}

static void test_hostile(void)
{
    assert_errors("id: &a x\nnames: [*a]\n",
                  "f.yaml:1:5: error: anchors and aliases are not allowed\n"
                  "    id: &a x\n"
                  "        ^~~~");
    assert_errors("id: x\n---\nid: y\n", "f.yaml:2:1: error: expected only one document\n"
                                         "    ---\n"
                                         "    ^~~");
    g_autofree char *deep = g_strnfill(100000, '[');
    assert_errors(deep, "f.yaml:1:17: error: nested too deeply\n"
                        "    [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n"
                        "                    ^");
    g_autofree char *large = g_strnfill(1024 * 1024 + 1, '#');
    assert_errors(large, "f.yaml: error: larger than 1048576 bytes");
}

static void test_many_errors_are_cut(void)
{
    GString *text = g_string_new("id: x\n");
    for (guint i = 0; i < 20000; i++)
        g_string_append_printf(text, "k%u: %0*d\n", i, 20, 0);
    g_autoptr(Settings) settings = parse(text->str);
    g_string_free(text, TRUE);
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_true(g_str_has_suffix(error->message, "\nf.yaml: error: and 19900 more"));
    g_assert_cmpuint(strlen(error->message), <, 20000);
}

static void test_a_long_line_is_cut(void)
{
    g_autofree char *fill = g_strnfill(200, ' ');
    g_autofree char *text = g_strdup_printf("{id: x,%snote: 123456789%s}\n", fill, fill);
    g_autoptr(Settings) settings = parse(text);
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_autofree char *expected =
        g_strdup_printf("f.yaml:1:214: error: key 'note': expected a text of 1 to 8 bytes, not "
                        "'123456789'\n"
                        "    %42snote: 123456789%39s\n"
                        "    %48s^~~~~~~~~",
                        "", "", "");
    g_assert_cmpstr(error->message, ==, expected);
}

static void test_no_control_characters_and_no_nul(void)
{
    assert_errors("id: x\nnote: \"a\\nb\"\n",
                  "f.yaml:2:7: error: key 'note': expected a text of 1 to 8 bytes, not 'a?b'\n"
                  "    note: \"a\\nb\"\n"
                  "          ^~~~~~");
    assert_errors("id: \"x\\0y\"\n", "f.yaml:1:5: error: key 'id': expected an ID (a-z, 0-9, "
                                     "inside also '-' and '.', at most 64), not 'x'\n"
                                     "    id: \"x\\0y\"\n"
                                     "        ^~~~~~");
}

static void test_the_owner_adds_errors(void)
{
    g_autoptr(Settings) settings = parse("id: x\n"
                                         "names: [one, two]\n"
                                         "listener: {port: 1}\n"
                                         "spans: [{a: e, b: e}]\n");
    const Config *config = settings_root(settings);
    const Span *span = config->spans->pdata[0];
    settings_fail(settings, &config->extra.note, "one must be given");
    settings_fail(settings, &config->listener.loud, "must be given");
    settings_fail(settings, config->names[1], "no '%s' here", config->names[1]);
    settings_fail(settings, &span->b, "the same as a");
    settings_fail(settings, span, "a loop");
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_cmpstr(error->message, ==,
                    "f.yaml:1:1: error: one must be given\n"
                    "    id: x\n"
                    "    ^\n"
                    "f.yaml:2:14: error: no 'two' here\n"
                    "    names: [one, two]\n"
                    "                 ^~~\n"
                    "f.yaml:3:11: error: must be given\n"
                    "    listener: {port: 1}\n"
                    "              ^~~~~~~~~\n"
                    "f.yaml:4:13: error: a loop\n"
                    "    spans: [{a: e, b: e}]\n"
                    "                ^\n"
                    "f.yaml:4:19: error: the same as a\n"
                    "    spans: [{a: e, b: e}]\n"
                    "                      ^");
}

static void test_files(void)
{
    g_autoptr(Settings) missing = settings_load(&config_table, "/nonexistent/f.yaml");
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(missing, &error));
    g_assert_cmpstr(error->message, ==,
                    "/nonexistent/f.yaml: error: cannot be read: No such file or directory");
    g_assert_null(settings_root(missing));

    g_autoptr(Settings) endless = settings_load(&config_table, "/dev/zero");
    g_clear_error(&error);
    g_assert_false(settings_finish(endless, &error));
    g_assert_cmpstr(error->message, ==, "/dev/zero: error: larger than 1048576 bytes");
}

static void test_what_is_written_is_read(void)
{
    const char *text = "id: x\n"
                       "listener:\n"
                       "  port: 80\n"
                       "  loud: false\n"
                       "names: [a b, '#c', 'd: e']\n"
                       "spans:\n"
                       "- a: e\n"
                       "  b: f\n"
                       "  km: 0.1\n"
                       "note: grüß\n"
                       "level: warn\n";
    g_autoptr(Settings) settings = parse(text);
    g_assert_true(settings_finish(settings, NULL));
    g_autofree char *written = settings_format(&config_table, settings_root(settings));
    g_autoptr(Settings) again = parse(written);
    g_assert_true(settings_finish(again, NULL));
    const Config *config = settings_root(again);
    const Span *span = config->spans->pdata[0];
    g_assert_cmpfloat(span->km, ==, 0.1);
    g_autofree char *rewritten = settings_format(&config_table, config);
    g_assert_cmpstr(written, ==, rewritten);
    g_assert_nonnull(strstr(written, "names: [a b, '#c', 'd: e']\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settings/everything", test_everything);
    g_test_add_func("/settings/fallbacks", test_fallbacks);
    g_test_add_func("/settings/all-errors-at-once", test_all_errors_at_once);
    g_test_add_func("/settings/wrong-shapes", test_wrong_shapes);
    g_test_add_func("/settings/not-yaml", test_not_yaml);
    g_test_add_func("/settings/hostile", test_hostile);
    g_test_add_func("/settings/many-errors-are-cut", test_many_errors_are_cut);
    g_test_add_func("/settings/a-long-line-is-cut", test_a_long_line_is_cut);
    g_test_add_func("/settings/no-control-characters-and-no-nul",
                    test_no_control_characters_and_no_nul);
    g_test_add_func("/settings/the-owner-adds-errors", test_the_owner_adds_errors);
    g_test_add_func("/settings/files", test_files);
    g_test_add_func("/settings/what-is-written-is-read", test_what_is_written_is_read);
    return g_test_run();
}

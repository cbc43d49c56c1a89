// SPDX-License-Identifier: Apache-2.0
//
// Whatever is wrong with a text, what is said about it shows no secret.

#include "topics/base/settings.h"

#include <string.h>

#define SECRET "5ec4e7c0de"

typedef struct {
    char *id;
    char *secret;
} Border;

typedef struct {
    char *name;
    GPtrArray *borders;
} Config;

static const Setting border_settings[] = {
    {"id", SETTING_ID, offsetof(Border, id), .required = TRUE},
    {"secret", SETTING_TEXT, offsetof(Border, secret), .max = 12, .required = TRUE,
     .is_secret = TRUE, .expects = "digits"},
    {NULL},
};
static const SettingTable border_table = {border_settings, sizeof(Border)};

static const Setting config_settings[] = {
    {"name", SETTING_ID, offsetof(Config, name)},
    {"borders", SETTING_LIST, offsetof(Config, borders), .table = &border_table},
    {NULL},
};
static const SettingTable config_table = {config_settings, sizeof(Config)};

static char *errors_of(const char *text)
{
    g_autoptr(Settings) settings = settings_parse(&config_table, "f", text, strlen(text));
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    return g_strdup(error->message);
}

static void assert_errors(const char *text, const char *expected)
{
    g_autofree char *errors = errors_of(text);
    g_assert_cmpstr(errors, ==, expected);
}

static void test_a_value_is_blanked(void)
{
    assert_errors("borders:\n- {id: A, secret: " SECRET ", x: 1}\n",
                  "f:2:8: error: key 'id': expected an ID (a-z, 0-9, inside also '-' and '.', at "
                  "most 64), not 'A'\n"
                  "    - {id: A, secret: **********, x: *}\n"
                  "           ^\n"
                  "f:2:31: error: unknown key 'x'; expected one of id, secret\n"
                  "    - {id: A, secret: **********, x: *}\n"
                  "                                  ^");
    assert_errors("borders:\n- {id: a, secret: " SECRET SECRET "}\n",
                  "f:2:19: error: key 'secret': expected digits of 0 to 12 bytes, not what is "
                  "there\n"
                  "    - {id: a, secret: ********************}\n"
                  "                      ^~~~~~~~~~~~~~~~~~~~");
}

static void test_what_is_not_yaml_is_not_shown(void)
{
    assert_errors("borders:\n- {id: a, secret: '" SECRET "}\n",
                  "f:3:1: error: not YAML: found unexpected end of stream while scanning a quoted "
                  "scalar");
}

// Where it stands, and how it is written, does not matter.
static void test_nothing_shows_it(void)
{
    static const char *const texts[] = {
        "borders: {id: a, secret: " SECRET "}",
        "borders: [{id: a, secret: [" SECRET "]}]",
        "borders: [{id: a, secret: {a: " SECRET "}}]",
        "borders: [{id: a, secret: \"" SECRET "\\n\"}]",
        "borders: [{id: a, secret: b, secret: " SECRET "}]",
        "borders: [{id: a, secrte: " SECRET "}]",
        "borders: [{id: a, secret=" SECRET "}]",
        "borders: [{id: a, " SECRET ": secret}]",
        "borders: [{id: a, {secret: " SECRET "}: b}]",
        "border: [{id: a, secret: " SECRET "}]",
        "secret: " SECRET,
        "{name: {secret: " SECRET "}, x: 1}",
        "- secret: " SECRET,
        "secret " SECRET,
        "borders: [{id: a, secret: &x " SECRET "}]",
        "borders: [{id: a, secret: !t " SECRET ", x: 1}]",
        "borders: [{id: a, secret: \"\xff" SECRET "\"}]",
        "borders:\n- secret:\n    " SECRET "\n  id: A\n",
        "borders:\n- secret: >\n    " SECRET "\n  ids: A\n",
        "borders:\n- id: a\n  secret: " SECRET "\n x: 1\n",
        "borders:\n- id: a\n  secret: " SECRET "\n---\n",
        "borders:\n\t- {id: a, secret: " SECRET "}\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *errors = errors_of(texts[i]);
        if (strstr(errors, SECRET))
            g_error("text %zu: %s", i, errors);
    }
}

static void test_the_owner_shows_it_neither(void)
{
    static const char text[] = "borders: [{id: a, secret: " SECRET "}]";
    g_autoptr(Settings) settings = settings_parse(&config_table, "f", text, strlen(text));
    const Border *border = ((Config *)settings_root(settings))->borders->pdata[0];
    g_assert_cmpstr(border->secret, ==, SECRET);
    settings_fail(settings, &border->secret, "too weak");
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_cmpstr(error->message, ==,
                    "f:1:27: error: too weak\n"
                    "    borders: [{id: a, secret: **********}]\n"
                    "                              ^~~~~~~~~~");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settings-secret/blanked", test_a_value_is_blanked);
    g_test_add_func("/settings-secret/not-yaml", test_what_is_not_yaml_is_not_shown);
    g_test_add_func("/settings-secret/nothing-shows-it", test_nothing_shows_it);
    g_test_add_func("/settings-secret/owner", test_the_owner_shows_it_neither);
    return g_test_run();
}

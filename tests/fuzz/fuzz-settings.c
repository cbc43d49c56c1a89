// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/fuzz.h"
#include "topics/base/settings.h"

typedef struct {
    char *id;
    guint64 count;
    double real;
    gboolean flag;
    int choice;
    char **texts;
    GPtrArray *items;
} Node;

static const char *const choices[] = {"one", "two", NULL};

static const Setting leaf_settings[] = {
    {"id", SETTING_ID, offsetof(Node, id), TRUE},
    {"count", SETTING_UINT, offsetof(Node, count), .min = 1, .max = 1000, .fallback = "7"},
    {"real", SETTING_REAL, offsetof(Node, real)},
    {"flag", SETTING_BOOL, offsetof(Node, flag)},
    {"choice", SETTING_CHOICE, offsetof(Node, choice), .choices = choices},
    {"texts", SETTING_TEXTS, offsetof(Node, texts)},
    {NULL},
};
static const SettingTable leaf_table = {leaf_settings, sizeof(Node)};

typedef struct {
    Node node;
    Node section;
    GPtrArray *list;
} Root;

static const Setting root_settings[] = {
    {"", SETTING_INCLUDE, offsetof(Root, node), .table = &leaf_table},
    {"section", SETTING_SECTION, offsetof(Root, section), TRUE, .table = &leaf_table},
    {"list", SETTING_LIST, offsetof(Root, list), .table = &leaf_table},
    {NULL},
};
static const SettingTable root_table = {root_settings, sizeof(Root)};

// What was read without an error is written to a text that is read the same.
static void check_round_trip(gconstpointer root)
{
    g_autofree char *written = settings_format(&root_table, root);
    g_autoptr(Settings) again = settings_parse(&root_table, "again", written, strlen(written));
    g_autoptr(GError) error = NULL;
    if (!settings_finish(again, &error))
        g_error("%s\n%s", error->message, written);
    g_autofree char *rewritten = settings_format(&root_table, settings_root(again));
    g_assert_cmpstr(written, ==, rewritten);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(Settings) settings =
        settings_parse(&root_table, "fuzz", (const char *)bytes, n_bytes);
    Root *root = settings_root(settings);
    if (root)
        g_assert_nonnull(root->list);
    g_autoptr(GError) error = NULL;
    if (settings_finish(settings, &error))
        check_round_trip(root);
    else
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    return 0;
}

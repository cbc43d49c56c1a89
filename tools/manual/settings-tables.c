// SPDX-License-Identifier: Apache-2.0
//
// Prints the tables by which settings files are read, as JSON: what their manual pages are made of.

#include "agents/settings.h"
#include "platform/settings.h"
#include "tools/qkdnf/description.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static const struct {
    const char *page;
    const SettingTable *table;
} pages[] = {
    {"qkdnf-platform.yaml", &platform_settings_table},
    {"qkdnf-agent.yaml", &agent_settings_table},
    {"qkdnf-federation.yaml", &description_table},
};

static const char *const type_names[] = {
    [SETTING_TEXT] = "text",       [SETTING_ID] = "id",     [SETTING_UINT] = "uint",
    [SETTING_REAL] = "real",       [SETTING_BOOL] = "bool", [SETTING_CHOICE] = "choice",
    [SETTING_TEXTS] = "texts",     [SETTING_LIST] = "list", [SETTING_SECTION] = "section",
    [SETTING_INCLUDE] = "include",
};

// A description has the keys of the daemons' files within it: those are documented there.
static const char *documented_elsewhere(const char *page, const SettingTable *table)
{
    if (!g_str_equal(page, "qkdnf-federation.yaml"))
        return NULL;
    if (table->settings == agent_settings)
        return "qkdnf-agent.yaml agent";
    if (table->settings == federation_settings)
        return "qkdnf-platform.yaml federation";
    if (table == &qkdn_settings_table)
        return "qkdnf-agent.yaml qkdn";
    return NULL;
}

static json_t *choices_json(const char *const *choices)
{
    json_t *list = json_array();
    for (; choices && *choices; choices++)
        json_array_append_new(list, json_string(*choices));
    return list;
}

static json_t *table_json(const char *page, const SettingTable *table);

// Infinity is no number of JSON: -1 stands for no bound.
static json_t *setting_json(const char *page, const Setting *setting)
{
    json_t *object =
        json_pack("{s:s, s:s, s:b, s:f, s:f, s:s?, s:s?, s:o}", "key", setting->key, "type",
                  type_names[setting->type], "required", setting->required, "min", setting->min,
                  "max", isfinite(setting->max) ? setting->max : -1, "fallback", setting->fallback,
                  "expects", setting->expects, "choices", choices_json(setting->choices));
    const char *elsewhere = setting->table ? documented_elsewhere(page, setting->table) : NULL;
    if (elsewhere)
        json_object_set_new(object, "elsewhere", json_string(elsewhere));
    else if (setting->table)
        json_object_set_new(object, "settings", table_json(page, setting->table));
    return object;
}

static json_t *table_json(const char *page, const SettingTable *table)
{
    json_t *list = json_array();
    for (const Setting *setting = table->settings; setting->key; setting++)
        json_array_append_new(list, setting_json(page, setting));
    return list;
}

int main(void)
{
    json_t *all = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(pages); i++)
        json_object_set_new(all, pages[i].page, table_json(pages[i].page, pages[i].table));
    int status = json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    json_decref(all);
    return status != 0 || puts("") < 0;
}

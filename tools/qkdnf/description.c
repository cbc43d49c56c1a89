// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/description.h"

#include <math.h>

#define OF(type, field) .offset = offsetof(type, field)

static const SettingTable agent_table = {agent_settings, sizeof(AgentConfig)};
static const SettingTable federation_table = {federation_settings, sizeof(FederationConfig)};

static const Setting provider_settings[] = {
    {"", SETTING_INCLUDE, OF(DescriptionProvider, agent), .table = &agent_table},
    {"qkdn", SETTING_SECTION, OF(DescriptionProvider, qkdn), .table = &qkdn_settings_table,
     .required = TRUE},
    {NULL},
};
static const SettingTable provider_table = {provider_settings, sizeof(DescriptionProvider)};

static const Setting border_settings[] = {
    {"id", SETTING_ID, OF(DescriptionBorder, id)},
    {"a", SETTING_TEXT, OF(DescriptionBorder, a), .required = TRUE, .expects = "PROVIDER/NODE"},
    {"b", SETTING_TEXT, OF(DescriptionBorder, b), .required = TRUE, .expects = "PROVIDER/NODE"},
    {"like", SETTING_TEXT, OF(DescriptionBorder, like), .max = 256, .fallback = "",
     .expects = "where the rate comes from"},
    {"", SETTING_INCLUDE, OF(DescriptionBorder, sim), .table = &sim_border_rate_table},
    {NULL},
};
static const SettingTable border_table = {border_settings, sizeof(DescriptionBorder)};

static const Setting description_settings[] = {
    {"broker_url", SETTING_TEXT, OF(Description, broker_url), .max = 256,
     .fallback = "mqtts://127.0.0.1:0", .expects = "mqtts://127.0.0.1:PORT"},
    {"crl", SETTING_TEXT, OF(Description, crl), .min = 1, .max = 4095,
     .expects = "a PEM file's path"},
    {"monitors", SETTING_TEXTS, OF(Description, monitors)},
    {"store_synchronous", SETTING_CHOICE, OF(Description, store_synchronous),
     .choices = store_sync_names},
    {"platform", SETTING_SECTION, OF(Description, platform), .table = &federation_table},
    {"providers", SETTING_LIST, OF(Description, providers), .table = &provider_table,
     .required = TRUE, .min = 1, .max = INFINITY},
    {"borders", SETTING_LIST, OF(Description, borders), .table = &border_table},
    {NULL},
};
const SettingTable description_table = {description_settings, sizeof(Description)};

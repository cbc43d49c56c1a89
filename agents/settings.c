// SPDX-License-Identifier: Apache-2.0

#include "agents/settings.h"

#define OF(type, field) .offset = offsetof(type, field)

static const SettingTable agent_table = {agent_settings, sizeof(AgentConfig)};

static const Setting daemon_settings[] = {
    {"", SETTING_INCLUDE, OF(AgentSettings, daemon), .table = &daemon_settings_table},
    {"agent", SETTING_SECTION, OF(AgentSettings, agent), .table = &agent_table, .required = TRUE},
    {"master_key", SETTING_TEXT, OF(AgentSettings, master_key), .min = 1, .max = 4095,
     .required = TRUE, .expects = "a key file's path"},
    {"kme", SETTING_SECTION, OF(AgentSettings, kme), .table = &kme_settings_table,
     .required = TRUE},
    {"qkdn", SETTING_SECTION, OF(AgentSettings, qkdn), .table = &qkdn_settings_table,
     .required = TRUE},
    {NULL},
};
const SettingTable agent_settings_table = {daemon_settings, sizeof(AgentSettings)};

void agent_settings_check(const AgentSettings *agent, Settings *settings)
{
    daemon_settings_check(&agent->daemon, settings);
    agent_config_check(&agent->agent, settings);
    kme_settings_check(&agent->kme, settings);
    qkdn_settings_check(&agent->qkdn, settings);
}

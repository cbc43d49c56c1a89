#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The whole configuration of the daemon `qkdnf-agent`.

#include "agents/federation/config.h"
#include "agents/kme/settings.h"
#include "agents/qkdn/qkdn-settings.h"
#include "topics/mqtt/settings.h"

typedef struct {
    DaemonSettings daemon;
    AgentConfig agent;
    char *master_key; // a file of 32 bytes that only its owner can read
    KmeSettings kme;
    QkdnSettings qkdn;
} AgentSettings;

extern const SettingTable agent_settings_table;

void agent_settings_check(const AgentSettings *agent, Settings *settings);

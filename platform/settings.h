#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The whole configuration of the daemon `qkdnf-platform`.

#include "platform/config.h"
#include "topics/mqtt/settings.h"

typedef struct {
    DaemonSettings daemon;
    FederationConfig federation;
} PlatformSettings;

extern const SettingTable platform_settings_table;

void platform_settings_check(const PlatformSettings *platform, Settings *settings);

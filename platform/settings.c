// SPDX-License-Identifier: Apache-2.0

#include "platform/settings.h"

#define OF(type, field) .offset = offsetof(type, field)

static const SettingTable federation_table = {federation_settings, sizeof(FederationConfig)};

static const Setting platform_settings[] = {
    {"", SETTING_INCLUDE, OF(PlatformSettings, daemon), .table = &daemon_settings_table},
    {"federation", SETTING_SECTION, OF(PlatformSettings, federation), .table = &federation_table,
     .required = TRUE},
    {NULL},
};
const SettingTable platform_settings_table = {platform_settings, sizeof(PlatformSettings)};

void platform_settings_check(const PlatformSettings *platform, Settings *settings)
{
    daemon_settings_check(&platform->daemon, settings);
    federation_config_check(&platform->federation, settings);
}

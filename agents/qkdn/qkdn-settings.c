// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/qkdn-settings.h"

#define OF(type, field) .offset = offsetof(type, field)

static const char *const drivers[] = {[QKDN_DRIVER_SIM] = "sim", NULL};

static const SettingTable sim_table = {sim_settings, sizeof(SimSettings)};

static const Setting qkdn_settings[] = {
    {"driver", SETTING_CHOICE, OF(QkdnSettings, driver), .choices = drivers, .required = TRUE},
    {"sim", SETTING_SECTION, OF(QkdnSettings, sim), .table = &sim_table, .required = TRUE},
    {NULL},
};
const SettingTable qkdn_settings_table = {qkdn_settings, sizeof(QkdnSettings)};

void qkdn_settings_check(const QkdnSettings *qkdn, Settings *settings)
{
    sim_settings_check(&qkdn->sim, settings);
}

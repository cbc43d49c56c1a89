#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Which driver a provider's QKDN is reached by, and that driver's settings.

#include "agents/qkdn/sim-settings.h"

typedef enum {
    QKDN_DRIVER_SIM,
} QkdnDriver;

typedef struct {
    int driver;      // QkdnDriver
    SimSettings sim; // empty with another driver
} QkdnSettings;

extern const SettingTable qkdn_settings_table;

void qkdn_settings_check(const QkdnSettings *qkdn, Settings *settings);

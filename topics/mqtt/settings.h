#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The settings that every daemon has: how it reaches the bus, and where its durable state is.

#include "topics/base/settings.h"
#include "topics/base/store.h"
#include "topics/mqtt/exporter.h"
#include "topics/mqtt/session.h"

typedef struct {
    Connection broker;
    char *store;           // the SQLite file
    int store_synchronous; // StoreSync
    char *pre_shared;      // a directory of keys (credentials-file.h); NULL: there are none
    ExporterSettings metrics;
} DaemonSettings;

extern const SettingTable daemon_settings_table;

// What the table cannot say: a URL that is not a broker's.
void daemon_settings_check(const DaemonSettings *daemon, Settings *settings);

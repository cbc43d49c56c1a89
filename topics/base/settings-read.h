#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// From a YAML document to a struct, by a table: the inside of settings_parse().

#include "topics/base/settings-report.h"
#include "topics/base/settings.h"

#include <yaml.h>

SettingsMark settings_mark(const yaml_mark_t *start, const yaml_mark_t *end);

// The document's root must be a mapping and its depth bounded. `root` is zeroed and gets what could
// be read; `marks` gets a SettingsMark by the address of every field and item.
void settings_read(const SettingTable *table, yaml_document_t *document, SettingsReport *report,
                   GHashTable *marks, gpointer root);

void settings_clear(const SettingTable *table, gpointer root);

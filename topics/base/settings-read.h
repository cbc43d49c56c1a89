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

// Hides in the report what may be a secret of this table, wherever in the document it stands, also
// where it should not.
void settings_hide_secrets(const SettingTable *table, yaml_document_t *document,
                           SettingsReport *report);
// Whether the text has the name of a secret setting in it.
gboolean settings_names_secret(const SettingTable *table, const char *text);

void settings_clear(const SettingTable *table, gpointer root);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The types of settings whose value is one word of text: how each is read and written.

#include "topics/base/settings.h"

gboolean setting_is_scalar(const Setting *setting);

// Stores the value that the text means at `field`, which holds nothing yet; FALSE if it means none.
gboolean setting_read(const Setting *setting, const char *text, gpointer field);

// The text that would be read as what `field` holds; NULL for none. Free with g_free().
char *setting_write(const Setting *setting, gconstpointer field);

void setting_clear(const Setting *setting, gpointer field);

// What this setting expects, for people, also where it is no scalar. Free with g_free().
char *setting_expectation(const Setting *setting);

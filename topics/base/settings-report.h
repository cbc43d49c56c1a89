#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The errors found in a text: collected in any order, told in the text's order, each with its
// place and the line that it is about. What a hostile text can make it say is bounded.

#include "topics/base/settings.h"

// A place in a text. All counted in characters from 0; `n_chars` is how much to underline.
typedef struct {
    gsize index;
    gsize line;
    gsize column;
    gsize n_chars;
} SettingsMark;

typedef struct SettingsReport SettingsReport;

// `text` is valid UTF-8 and outlives the report.
SettingsReport *settings_report_new(const char *name, const char *text);
void settings_report_free(SettingsReport *report);

// From then on no excerpt shows these characters.
void settings_report_hide(SettingsReport *report, gsize from, gsize to);
void settings_report_hide_all(SettingsReport *report);

// Without a mark the error is about the whole text.
void settings_report_add(SettingsReport *report, const SettingsMark *mark, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void settings_report_add_va(SettingsReport *report, const SettingsMark *mark, const char *format,
                            va_list args) G_GNUC_PRINTF(3, 0);

// The mark of a byte of the text.
SettingsMark settings_report_mark(const SettingsReport *report, gsize n_bytes_before);

// NULL when there are none; free with g_free().
char *settings_report_text(SettingsReport *report);
// The same, one by one, without what shows their places.
void settings_report_for_each(SettingsReport *report, SettingsErrorFn fn, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SettingsReport, settings_report_free)

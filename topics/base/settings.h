#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Configuration: YAML text in, a C struct out, by a table. Every error is found in one reading and
// says file, line, column, key, value and what was expected, with the line that it is about:
// unknown, missing and duplicate keys, wrong types, values out of range. What a table cannot say (a
// link to a node that does not exist) the owner of the struct checks afterwards and reports through
// settings_fail(), which knows where each field came from.
//
// The values of secret settings are blanked in what is shown, and nothing at all is shown of a text
// that is not YAML and names one.
//
// Bytes in, struct out; no I/O but settings_load(). Loop thread only. The text may be hostile: size
// and depth are bounded, anchors and aliases refused.

#include <glib.h>

typedef enum {
    SETTING_TEXT,    // char *, without control characters; min and max bound the length in bytes
    SETTING_ID,      // char *; a member, node or link ID (topics/base/id.h)
    SETTING_UINT,    // guint64; min and max bound the value
    SETTING_REAL,    // double; min and max bound the value
    SETTING_BOOL,    // gboolean; `true` or `false`
    SETTING_CHOICE,  // int; the index in `choices`
    SETTING_TEXTS,   // char **, NULL-terminated, never NULL itself; min and max bound the number
    SETTING_SECTION, // a struct embedded at the offset, by `table`; where it is absent and not
                     // required, its fields have their fallbacks
    SETTING_LIST,    // GPtrArray * of structs allocated by `table`, never NULL itself; min and max
                     // bound the number
    SETTING_INCLUDE, // a struct embedded at the offset, by `table`, whose keys stand among those of
                     // this table; has no key of its own but a name for programmers
} SettingType;

typedef struct SettingTable SettingTable;

typedef struct {
    const char *key;
    SettingType type;
    gsize offset;
    gboolean required;
    gboolean is_secret;         // no message shows its value, whatever is wrong with the text
    double min, max;            // both 0: no bounds; a max of INFINITY: at least min
    const char *fallback;       // of a scalar; NULL: NULL, 0, FALSE, first choice
    const char *const *choices; // NULL-terminated
    const SettingTable *table;
    const char *expects; // for people, such as "a distance in km"
} Setting;

struct SettingTable {
    const Setting *settings; // up to one without a key
    gsize n_bytes;           // of the struct
};

typedef struct Settings Settings;

// Never NULL; errors wait in it until settings_finish(). `name` is the file's name in messages.
Settings *settings_parse(const SettingTable *table, const char *name, const char *text,
                         gsize n_bytes);
Settings *settings_load(const SettingTable *table, const char *path);
void settings_free(Settings *settings);

// The struct, owned by the settings; NULL when the text could not be read as a mapping at all.
// After an error it is still safe to check: what was wrong or missing is NULL or 0, lists lack that
// item.
gpointer settings_root(Settings *settings);

// Adds an error about a field of the struct (its address), an item of a list (the item) or one text
// of texts (the text). For what is absent, it shows where it would have stood.
void settings_fail(Settings *settings, gconstpointer field, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

// What stands in the `n_bytes` at `made` was made of the struct at `from`: errors about the one
// show where the other came from.
void settings_copy_marks(Settings *settings, gconstpointer made, gconstpointer from, gsize n_bytes);

// FALSE when there were errors: all of them in one message, one after another.
gboolean settings_finish(Settings *settings, GError **error);

// Line and column count from 1; both are 0 when the error is about the whole text.
typedef void (*SettingsErrorFn)(gpointer data, gsize line, gsize column, const char *message);

// The same errors, one by one, for programs.
void settings_for_each_error(Settings *settings, SettingsErrorFn fn, gpointer data);

// The YAML text that would be read as this struct; free with g_free(). NULL, and a number that is 0
// where the table allows none, are left out.
char *settings_format(const SettingTable *table, gconstpointer root);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

// SPDX-License-Identifier: Apache-2.0

#include "topics/base/settings-scalar.h"

#include "topics/base/id.h"

#include <math.h>
#include <string.h>

static gboolean is_within(const Setting *setting, double value)
{
    if (setting->min == 0 && setting->max == 0)
        return TRUE;
    return value >= setting->min && value <= setting->max;
}

static gboolean has_control_chars(const char *text)
{
    for (; *text; text++) {
        if (g_ascii_iscntrl(*text))
            return TRUE;
    }
    return FALSE;
}

static gboolean read_text(const Setting *setting, const char *text, gpointer field)
{
    if (has_control_chars(text) || !is_within(setting, (double)strlen(text)))
        return FALSE;
    *(char **)field = g_strdup(text);
    return TRUE;
}

static gboolean read_id(const Setting *setting, const char *text, gpointer field)
{
    if (!id_is_valid(text))
        return FALSE;
    *(char **)field = g_strdup(text);
    return TRUE;
}

static gboolean read_uint(const Setting *setting, const char *text, gpointer field)
{
    guint64 value;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &value, NULL) ||
        !is_within(setting, (double)value))
        return FALSE;
    *(guint64 *)field = value;
    return TRUE;
}

static gboolean read_real(const Setting *setting, const char *text, gpointer field)
{
    // The library would also take space, hexadecimal, and what is not finite by name.
    char *end;
    double value = g_ascii_strtod(text, &end);
    if (!*text || *end || text[strspn(text, "+-.0123456789eE")] || !isfinite(value) ||
        !is_within(setting, value))
        return FALSE;
    *(double *)field = value;
    return TRUE;
}

static gboolean read_bool(const Setting *setting, const char *text, gpointer field)
{
    *(gboolean *)field = g_str_equal(text, "true");
    return *(gboolean *)field || g_str_equal(text, "false");
}

static gboolean read_choice(const Setting *setting, const char *text, gpointer field)
{
    for (int i = 0; setting->choices[i]; i++) {
        if (g_str_equal(setting->choices[i], text)) {
            *(int *)field = i;
            return TRUE;
        }
    }
    return FALSE;
}

static char *write_text(const Setting *setting, gconstpointer field)
{
    return g_strdup(*(char *const *)field);
}

// A 0 that would not be read stands for an absent number.
static char *write_uint(const Setting *setting, gconstpointer field)
{
    if (*(const guint64 *)field == 0 && !is_within(setting, 0))
        return NULL;
    return g_strdup_printf("%" G_GUINT64_FORMAT, *(const guint64 *)field);
}

static char *write_real(const Setting *setting, gconstpointer field)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (*(const double *)field == 0 && !is_within(setting, 0))
        return NULL;
    return g_strdup(g_ascii_dtostr(text, sizeof(text), *(const double *)field));
}

static char *write_bool(const Setting *setting, gconstpointer field)
{
    return g_strdup(*(const gboolean *)field ? "true" : "false");
}

static char *write_choice(const Setting *setting, gconstpointer field)
{
    return g_strdup(setting->choices[*(const int *)field]);
}

static void clear_text(const Setting *setting, gpointer field)
{
    g_clear_pointer((char **)field, g_free);
}

static void clear_nothing(const Setting *setting, gpointer field) {}

typedef struct {
    const char *noun;
    const char *bounds; // how a message begins the bounds; `min` and `max` follow
    const char *unit;
    gboolean (*read)(const Setting *setting, const char *text, gpointer field);
    char *(*write)(const Setting *setting, gconstpointer field);
    void (*clear)(const Setting *setting, gpointer field);
} Type;

static const Type types[] = {
    [SETTING_TEXT] = {"a text", " of ", " bytes", read_text, write_text, clear_text},
    [SETTING_ID] = {"an ID (a-z, 0-9, inside also '-' and '.', at most 64)", " of ", "", read_id,
                    write_text, clear_text},
    [SETTING_UINT] = {"a whole number", " from ", "", read_uint, write_uint, clear_nothing},
    [SETTING_REAL] = {"a number", " from ", "", read_real, write_real, clear_nothing},
    [SETTING_BOOL] = {"true or false", " of ", "", read_bool, write_bool, clear_nothing},
    [SETTING_CHOICE] = {NULL, " of ", "", read_choice, write_choice, clear_nothing},
    [SETTING_TEXTS] = {"a list of texts", " of ", " items"},
    [SETTING_SECTION] = {"a mapping", " of ", ""},
    [SETTING_LIST] = {"a list of mappings", " of ", " items"},
    [SETTING_INCLUDE] = {"a mapping", " of ", ""},
};

gboolean setting_is_scalar(const Setting *setting)
{
    return types[setting->type].read != NULL;
}

gboolean setting_read(const Setting *setting, const char *text, gpointer field)
{
    return types[setting->type].read(setting, text, field);
}

char *setting_write(const Setting *setting, gconstpointer field)
{
    return types[setting->type].write(setting, field);
}

void setting_clear(const Setting *setting, gpointer field)
{
    types[setting->type].clear(setting, field);
}

char *setting_expectation(const Setting *setting)
{
    const Type *type = &types[setting->type];
    GString *text = g_string_new(setting->expects ? setting->expects : type->noun);
    if (setting->type == SETTING_CHOICE) {
        g_autofree char *choices = g_strjoinv(", ", (char **)setting->choices);
        g_string_append_printf(text, "%sone of %s", setting->expects ? ": " : "", choices);
    }
    if (setting->min == 0 && setting->max == 0)
        return g_string_free(text, FALSE);
    g_string_append_printf(text, "%s%.15g", type->bounds, setting->min);
    if (isfinite(setting->max))
        g_string_append_printf(text, " to %.15g%s", setting->max, type->unit);
    else
        g_string_append_printf(text, "%s or more", type->unit);
    return g_string_free(text, FALSE);
}

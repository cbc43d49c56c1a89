// SPDX-License-Identifier: Apache-2.0

#include "topics/base/settings-report.h"

#include <string.h>

#define MAX_ERRORS        100
#define MAX_EXCERPT_CHARS 96
// A place further to the right than the excerpt is wide is shown with this much before it.
#define EXCERPT_LEAD_CHARS 48

typedef struct {
    SettingsMark mark;
    gboolean has_mark;
    char *message;
} Error;

// Characters of the text, the last one excluded.
typedef struct {
    gsize from;
    gsize to;
} Hidden;

struct SettingsReport {
    char *name;
    const char *text;
    GPtrArray *errors;
    guint n_left_out;
    GArray *hidden; // Hidden
    gboolean hides_all;
};

static void error_free(gpointer data)
{
    Error *error = data;
    g_free(error->message);
    g_free(error);
}

SettingsReport *settings_report_new(const char *name, const char *text)
{
    SettingsReport *report = g_new0(SettingsReport, 1);
    report->name = g_strdup(name);
    report->text = text;
    report->errors = g_ptr_array_new_with_free_func(error_free);
    report->hidden = g_array_new(FALSE, FALSE, sizeof(Hidden));
    return report;
}

void settings_report_free(SettingsReport *report)
{
    if (!report)
        return;
    g_ptr_array_unref(report->errors);
    g_array_unref(report->hidden);
    g_free(report->name);
    g_free(report);
}

void settings_report_add_va(SettingsReport *report, const SettingsMark *mark, const char *format,
                            va_list args)
{
    if (report->errors->len == MAX_ERRORS) {
        report->n_left_out++;
        return;
    }
    Error *error = g_new0(Error, 1);
    if (mark) {
        error->mark = *mark;
        error->has_mark = TRUE;
    }
    error->message = g_strdup_vprintf(format, args);
    g_ptr_array_add(report->errors, error);
}

void settings_report_add(SettingsReport *report, const SettingsMark *mark, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    settings_report_add_va(report, mark, format, args);
    va_end(args);
}

void settings_report_hide(SettingsReport *report, gsize from, gsize to)
{
    g_array_append_val(report->hidden, ((Hidden){from, to}));
}

void settings_report_hide_all(SettingsReport *report)
{
    report->hides_all = TRUE;
}

SettingsMark settings_report_mark(const SettingsReport *report, gsize n_bytes_before)
{
    SettingsMark mark = {.n_chars = 1};
    const char *end = report->text + n_bytes_before;
    for (const char *p = report->text; p < end && *p; p = g_utf8_next_char(p)) {
        mark.index++;
        mark.column++;
        if (*p == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static const char *skip_chars(const char *text, gsize n_chars)
{
    while (n_chars-- > 0 && *text)
        text = g_utf8_next_char(text);
    return text;
}

static void find_hidden(const SettingsReport *report, gsize start,
                        gboolean ret_hidden[MAX_EXCERPT_CHARS])
{
    memset(ret_hidden, 0, MAX_EXCERPT_CHARS * sizeof ret_hidden[0]);
    for (guint i = 0; i < report->hidden->len; i++) {
        const Hidden *hidden = &g_array_index(report->hidden, Hidden, i);
        gsize end = MIN(hidden->to, start + MAX_EXCERPT_CHARS);
        for (gsize at = MAX(hidden->from, start); at < end; at++)
            ret_hidden[at - start] = TRUE;
    }
}

// Printable, one column for each character, so that what is underlined stays under it.
static void append_line(GString *out, const SettingsReport *report, gsize start)
{
    gboolean hidden[MAX_EXCERPT_CHARS];
    find_hidden(report, start, hidden);
    const char *line = skip_chars(report->text, start);
    for (gsize n = 0; n < MAX_EXCERPT_CHARS && *line && !strchr("\r\n", *line); n++) {
        gunichar c = g_utf8_get_char(line);
        g_string_append_unichar(out, hidden[n] ? '*' : g_unichar_isprint(c) ? c : ' ');
        line = g_utf8_next_char(line);
    }
}

static void append_excerpt(GString *out, const SettingsReport *report, const SettingsMark *mark)
{
    gsize lead = mark->column < MAX_EXCERPT_CHARS ? mark->column : EXCERPT_LEAD_CHARS;
    gsize start = mark->index > lead ? mark->index - lead : 0;
    g_string_append(out, "\n    ");
    append_line(out, report, start);
    g_string_append_printf(out, "\n    %*s^", (int)lead, "");
    for (gsize n = 1; n < mark->n_chars && lead + n < MAX_EXCERPT_CHARS; n++)
        g_string_append_c(out, '~');
}

static void append_error(GString *out, const SettingsReport *report, const Error *error)
{
    if (out->len > 0)
        g_string_append_c(out, '\n');
    g_string_append(out, report->name);
    if (error->has_mark) {
        g_string_append_printf(out, ":%" G_GSIZE_FORMAT ":%" G_GSIZE_FORMAT, error->mark.line + 1,
                               error->mark.column + 1);
    }
    g_string_append_printf(out, ": error: %s", error->message);
    if (error->has_mark && !report->hides_all)
        append_excerpt(out, report, &error->mark);
}

static int compare_errors(gconstpointer a, gconstpointer b)
{
    const Error *x = *(Error *const *)a, *y = *(Error *const *)b;
    return (x->mark.index > y->mark.index) - (x->mark.index < y->mark.index);
}

// Two checks may have found the same.
static gboolean is_repeated(const GPtrArray *errors, guint i)
{
    const Error *error = errors->pdata[i];
    for (; i > 0; i--) {
        const Error *before = errors->pdata[i - 1];
        if (compare_errors(&before, &error) != 0)
            return FALSE;
        if (g_str_equal(before->message, error->message))
            return TRUE;
    }
    return FALSE;
}

void settings_report_for_each(SettingsReport *report, SettingsErrorFn fn, gpointer data)
{
    g_ptr_array_sort(report->errors, compare_errors);
    for (guint i = 0; i < report->errors->len; i++) {
        const Error *error = report->errors->pdata[i];
        gsize line = error->has_mark ? error->mark.line + 1 : 0;
        gsize column = error->has_mark ? error->mark.column + 1 : 0;
        if (!is_repeated(report->errors, i))
            fn(data, line, column, error->message);
    }
    if (report->n_left_out > 0) {
        g_autofree char *more = g_strdup_printf("and %u more", report->n_left_out);
        fn(data, 0, 0, more);
    }
}

char *settings_report_text(SettingsReport *report)
{
    if (report->errors->len == 0)
        return NULL;
    g_ptr_array_sort(report->errors, compare_errors);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < report->errors->len; i++) {
        if (!is_repeated(report->errors, i))
            append_error(out, report, report->errors->pdata[i]);
    }
    if (report->n_left_out > 0)
        g_string_append_printf(out, "\n%s: error: and %u more", report->name, report->n_left_out);
    return g_string_free(out, FALSE);
}

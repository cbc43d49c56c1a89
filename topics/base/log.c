// SPDX-License-Identifier: Apache-2.0

#include "topics/base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// A value is cut to this length, a line to this number of fields.
#define VALUE_MAX_BYTES 160
#define FIELDS_MAX      16

// Most lines are shorter.
#define LINE_BYTES 512

// In the journal our fields stand beside everybody's.
#define FIELD_PREFIX "QKDNF_"

static const struct {
    GLogLevelFlags level;
    const char *name;
    const char *priority; // of syslog, as the journal wants it
} levels[] = {
    {G_LOG_LEVEL_ERROR, "FATAL", "3"},     {G_LOG_LEVEL_CRITICAL, "ERROR", "3"},
    {G_LOG_LEVEL_WARNING, "WARNING", "4"}, {G_LOG_LEVEL_MESSAGE, "NOTICE", "5"},
    {G_LOG_LEVEL_INFO, "INFO", "6"},       {G_LOG_LEVEL_DEBUG, "DEBUG", "7"},
};

static gsize level_index(GLogLevelFlags level)
{
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (level & levels[i].level)
            return i;
    }
    return G_N_ELEMENTS(levels) - 1;
}

static gboolean is_plain_word(const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_.:/+@%,[]";
    return *value && strspn(value, plain) == strlen(value);
}

char *log_quote(const char *value)
{
    gsize n_bytes = strnlen(value, VALUE_MAX_BYTES + 1);
    g_autofree char *cut = g_strndup(value, MIN(n_bytes, VALUE_MAX_BYTES));
    const char *end = n_bytes > VALUE_MAX_BYTES ? "..." : "";
    if (is_plain_word(cut))
        return g_strconcat(cut, end, NULL);
    g_autofree char *escaped = g_strescape(cut, NULL);
    return g_strconcat("\"", escaped, end, "\"", NULL);
}

// ISO 8601, UTC.
static void append_time(GString *line, gint64 at_us)
{
    char second[sizeof "2000-01-01T00:00:00"], whole[sizeof second + sizeof ".000Z"];
    time_t at_s = (time_t)(at_us / G_USEC_PER_SEC);
    struct tm tm;
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", gmtime_r(&at_s, &tm));
    g_snprintf(whole, sizeof whole, "%s.%03dZ", second, (int)(at_us % G_USEC_PER_SEC / 1000));
    g_string_append(line, whole);
}

static const char *field_text(const GLogField *fields, gsize n_fields, const char *key)
{
    for (gsize i = 0; i < n_fields; i++) {
        if (strcmp(fields[i].key, key) == 0 && fields[i].length < 0)
            return fields[i].value;
    }
    return "";
}

static void append_field(GString *line, const GLogField *field)
{
    g_autofree char *key = g_ascii_strdown(field->key + strlen(FIELD_PREFIX), -1);
    g_autofree char *value = log_quote(field->value);
    g_string_append_c(line, ' ');
    g_string_append(line, key);
    g_string_append_c(line, '=');
    g_string_append(line, value);
}

static char *format_line(GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
    GString *line = g_string_sized_new(LINE_BYTES);
    append_time(line, g_get_real_time());
    g_string_append_c(line, ' ');
    g_string_append(line, levels[level_index(level)].name);
    g_string_append_c(line, ' ');
    g_string_append(line, field_text(fields, n_fields, "MESSAGE"));
    for (gsize i = 0; i < n_fields; i++) {
        if (g_str_has_prefix(fields[i].key, FIELD_PREFIX))
            append_field(line, &fields[i]);
    }
    return g_string_free(g_string_append_c(line, '\n'), FALSE);
}

// Of the process, as GLib's writer is. Asked for with every message that is heard, and the
// environment would be searched each time; as the standard error would be looked at with every
// line.
static gboolean has_debug;
static gboolean is_for_journal;

gboolean log_has_debug(void)
{
    return has_debug;
}

static GLogWriterOutput write_line(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                   gpointer data)
{
    if ((level & G_LOG_LEVEL_DEBUG) && !log_has_debug())
        return G_LOG_WRITER_HANDLED;
    if (is_for_journal &&
        g_log_writer_journald(level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
        return G_LOG_WRITER_HANDLED;
    // In one call, so that lines of different threads do not mix.
    g_autofree char *line = format_line(level, fields, n_fields);
    fputs(line, stderr);
    return G_LOG_WRITER_HANDLED;
}

void log_init(const char *program)
{
    has_debug = g_getenv("G_MESSAGES_DEBUG") != NULL;
    is_for_journal = g_log_writer_is_journald(fileno(stderr));
    g_set_prgname(program);
    g_log_set_writer_func(write_line, NULL, NULL);
}

static char *journal_key(const char *key)
{
    g_autofree char *upper = g_ascii_strup(key, -1);
    return g_strconcat(FIELD_PREFIX, g_strdelimit(upper, "-.", '_'), NULL);
}

void log_pairs(GLogLevelFlags level, const char *message, const char *const *pairs)
{
    GLogField fields[FIELDS_MAX] = {
        {"PRIORITY", levels[level_index(level)].priority, -1},
        {"MESSAGE", message, -1},
    };
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    gsize n_fields = 2;
    for (; n_fields < FIELDS_MAX && pairs[0]; pairs += 2) {
        g_ptr_array_add(keys, journal_key(pairs[0]));
        fields[n_fields++] = (GLogField){keys->pdata[keys->len - 1], pairs[1] ? pairs[1] : "-", -1};
    }
    g_log_structured_array(level, fields, n_fields);
}

void log_line(GLogLevelFlags level, const char *message, ...)
{
    const char *pairs[2 * FIELDS_MAX + 1] = {NULL};
    va_list arguments;
    va_start(arguments, message);
    for (gsize i = 0; i + 1 < 2 * FIELDS_MAX && (pairs[i] = va_arg(arguments, const char *));
         i += 2)
        pairs[i + 1] = va_arg(arguments, const char *);
    va_end(arguments);
    log_pairs(level, message, pairs);
}

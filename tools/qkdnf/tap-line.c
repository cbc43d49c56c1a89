// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/tap-line.h"

#include "tools/qkdnf/json-read.h"

#include <string.h>

// The longest mark of authenticity.
#define MARK_CHARS 8

// What a value may take of a line, in characters.
#define TEXT_MAX 120
#define HEX_MAX  32

// The longest name of a kind.
#define KIND_CHARS 14

// Kinds of one conversation share a colour: the last is of those that follow.
static const struct {
    const char *kind;
    const char *colour;
} colours_of_kinds[] = {
    {"presence", "32"},      {"member", "32"},      {"resource", "34"},
    {"stock", "34"},         {"fill", "34"},        {"filled", "34"},
    {"request", "36"},       {"reply", "36"},       {"session", "36"},
    {"session-state", "36"}, {"order", "33"},       {"outcome", "33"},
    {"release", "33"},       {"leg", "33"},         {"leg-state", "33"},
    {"relay", "35"},         {"handover", "35"},    {"handover-state", "35"},
    {"visit", "35"},         {"visit-state", "35"}, {"fault", "31"},
    {"notice", "31"},        {"admin", "1"},        {"admin-reply", "1"},
};

static const char *colour_of(const char *kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(colours_of_kinds); i++) {
        if (strcmp(colours_of_kinds[i].kind, kind) == 0)
            return colours_of_kinds[i].colour;
    }
    return "0";
}

static void append_coloured(GString *line, const char *text, int width, const char *colour)
{
    if (colour)
        g_string_append_printf(line, "\033[%sm%-*s\033[0m", colour, width, text);
    else
        g_string_append_printf(line, "%-*s", width, text);
}

static gboolean is_printable(const char *text)
{
    for (; *text; text = g_utf8_next_char(text)) {
        if (!g_unichar_isprint(g_utf8_get_char(text)))
            return FALSE;
    }
    return TRUE;
}

// IDs and names as they are, everything else quoted, what a terminal might obey escaped.
static void append_text(GString *line, const char *text)
{
    g_autofree char *cut = g_utf8_substring(text, 0, MIN(TEXT_MAX, g_utf8_strlen(text, -1)));
    gboolean printable = is_printable(cut);
    if (*cut && printable && !strpbrk(cut, " \"\\=,{}[]")) {
        g_string_append(line, cut);
    } else {
        json_t *value = json_string(cut);
        char *quoted = json_dumps(value, JSON_ENCODE_ANY | (printable ? 0 : JSON_ENSURE_ASCII));
        // Of all control characters, JSON does not escape this one.
        for (const char *c = quoted; *c; c++) {
            if (*c == '\x7f')
                g_string_append(line, "\\u007F");
            else
                g_string_append_c(line, *c);
        }
        free(quoted);
        json_decref(value);
    }
    if (strlen(cut) < strlen(text))
        g_string_append(line, "…");
}

static gboolean is_hex(const char *text)
{
    gsize n = strspn(text, "0123456789abcdef");
    return n > HEX_MAX && text[n] == '\0' && n % 2 == 0;
}

// The names of an enum begin with its own name: FAULT_SCOPE_LINK of `scope` is LINK.
static const char *without_prefix(const char *name, const char *text)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    g_autofree char *prefix = g_strconcat(upper, "_", NULL);
    const char *found = strstr(text, prefix);
    gboolean at_word = found && (found == text || found[-1] == '_');
    return at_word ? found + strlen(prefix) : text;
}

static gboolean is_default(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_FALSE:
    case JSON_NULL:
        return TRUE;
    case JSON_OBJECT:
    case JSON_REAL:
    case JSON_TRUE:
        return FALSE;
    }
    return FALSE;
}

static void append_fields(GString *line, const json_t *object, const char *separator);

static void append_value(GString *line, const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text && is_hex(text)) {
        g_string_append_printf(line, "%.*s…(%zu B)", HEX_MAX, text, strlen(text) / 2);
    } else if (text) {
        append_text(line, without_prefix(name, text));
    } else if (json_is_array(value)) {
        for (gsize i = 0; i < json_array_size(value); i++) {
            g_string_append_c(line, i == 0 ? '[' : ',');
            append_value(line, name, json_array_get(value, i));
        }
        g_string_append_c(line, ']');
    } else if (json_is_object(value)) {
        g_string_append_c(line, '{');
        append_fields(line, value, ",");
        g_string_append_c(line, '}');
    } else {
        char *number = json_dumps(value, JSON_ENCODE_ANY);
        g_string_append(line, number);
        free(number);
    }
}

static void append_fields(GString *line, const json_t *object, const char *separator)
{
    const char *between = "";
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (is_default(value))
            continue;
        g_string_append_printf(line, "%s%s=", between, name);
        append_value(line, name, value);
        between = separator;
    }
}

static void append_time(GString *line, gint64 at_us)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(at_us / G_USEC_PER_SEC);
    g_autofree char *text = at ? g_date_time_format(at, "%H:%M:%S") : g_strdup("--:--:--");
    g_string_append_printf(line, "%s.%06d ", text, (int)(at_us % G_USEC_PER_SEC));
}

static const char *severity_colour(const json_t *message)
{
    const char *severity = json_read_text(message, "severity");
    if (strcmp(severity, "SEVERITY_ALARM") == 0)
        return "1;31";
    return strcmp(severity, "SEVERITY_WARNING") == 0 ? "1;33" : NULL;
}

static void append_message(GString *line, const json_t *publish, const json_t *message,
                           gboolean colours)
{
    const char *kind = json_read_text(publish, "kind");
    const char *by_severity = severity_colour(message);
    g_autofree char *way =
        g_strconcat(json_read_text(publish, "from"), " → ", json_read_text(publish, "to"), NULL);
    const char *mark = json_read_text(publish, "authenticity");
    append_time(line, json_integer_value(json_object_get(publish, "sent_at_us")));
    append_coloured(line, kind, KIND_CHARS,
                    !colours      ? NULL
                    : by_severity ? by_severity
                                  : colour_of(kind));
    if (*mark) {
        gboolean is_failed = strcmp(mark, "failed") == 0;
        append_coloured(line, mark, MARK_CHARS, colours && is_failed ? "1;31" : NULL);
        g_string_append(line, "  ");
    }
    g_string_append_printf(line, "%s  ", way);
    append_fields(line, message, " ");
    g_string_append_c(line, '\n');
}

char *tap_line_format(const json_t *publish, gboolean colours)
{
    GString *line = g_string_new(NULL);
    const json_t *messages = json_object_get(publish, "messages");
    for (gsize i = 0; i < json_array_size(messages); i++)
        append_message(line, publish, json_array_get(messages, i), colours);
    if (!messages) {
        append_coloured(line, "unreadable", KIND_CHARS, colours ? "1;31" : NULL);
        append_fields(line, publish, " ");
        g_string_append_c(line, '\n');
    }
    return g_string_free(line, FALSE);
}

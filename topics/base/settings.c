// SPDX-License-Identifier: Apache-2.0

#include "topics/base/settings-read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_TEXT_BYTES (1024 * 1024)
#define MAX_DEPTH      16

struct Settings {
    const SettingTable *table;
    char *text;
    SettingsReport *report;
    GHashTable *marks; // address of a field or item -> SettingsMark
    gpointer root;
};

SettingsMark settings_mark(const yaml_mark_t *start, const yaml_mark_t *end)
{
    gboolean is_word = start->line == end->line && end->column > start->column;
    return (SettingsMark){
        .index = start->index,
        .line = start->line,
        .column = start->column,
        .n_chars = is_word ? end->column - start->column : 1,
    };
}

static Settings *settings_new(const SettingTable *table, const char *name, char *text)
{
    Settings *settings = g_new0(Settings, 1);
    settings->table = table;
    settings->text = text;
    settings->report = settings_report_new(name, text);
    settings->marks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return settings;
}

void settings_free(Settings *settings)
{
    if (!settings)
        return;
    if (settings->root) {
        settings_clear(settings->table, settings->root);
        g_free(settings->root);
    }
    settings_report_free(settings->report);
    g_hash_table_unref(settings->marks);
    g_free(settings->text);
    g_free(settings);
}

static void parser_init(yaml_parser_t *parser, const char *text)
{
    if (!yaml_parser_initialize(parser))
        g_error("out of memory");
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const guint8 *)text, strlen(text));
}

static void report_syntax(Settings *settings, const yaml_parser_t *parser)
{
    SettingsMark mark = settings_mark(&parser->problem_mark, &parser->problem_mark);
    if (parser->error == YAML_READER_ERROR)
        mark = settings_report_mark(settings->report, parser->problem_offset);
    settings_report_add(settings->report, &mark, "not YAML: %s%s%s", parser->problem,
                        parser->context ? " " : "", parser->context ? parser->context : "");
}

typedef struct {
    guint depth;
    guint n_documents;
} Scan;

static gboolean has_anchor(const yaml_event_t *event)
{
    return event->type == YAML_ALIAS_EVENT ||
           (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor) ||
           (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor);
}

// What is refused in a text that is YAML; NULL for nothing.
static const char *scan_event(Scan *scan, const yaml_event_t *event)
{
    if (has_anchor(event))
        return "anchors and aliases are not allowed";
    if (event->type == YAML_DOCUMENT_START_EVENT && ++scan->n_documents > 1)
        return "expected only one document";
    if (event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT) {
        if (++scan->depth > MAX_DEPTH)
            return "nested too deeply";
    } else if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT) {
        scan->depth--;
    }
    return NULL;
}

// Before anything is built of it, whether the text is YAML of a harmless shape.
static gboolean scan_text(Settings *settings)
{
    yaml_parser_t parser;
    parser_init(&parser, settings->text);
    Scan scan = {0};
    gboolean at_end = FALSE, is_good = TRUE;
    while (is_good && !at_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            report_syntax(settings, &parser);
            is_good = FALSE;
            break;
        }
        const char *problem = scan_event(&scan, &event);
        if (problem) {
            SettingsMark mark = settings_mark(&event.start_mark, &event.end_mark);
            settings_report_add(settings->report, &mark, "%s", problem);
            is_good = FALSE;
        }
        at_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return is_good;
}

static void read_root(Settings *settings, yaml_document_t *document)
{
    const yaml_node_t *node = yaml_document_get_root_node(document);
    if (!node) {
        settings_report_add(settings->report, NULL, "expected a mapping, not nothing");
    } else if (node->type != YAML_MAPPING_NODE) {
        SettingsMark mark = settings_mark(&node->start_mark, &node->end_mark);
        settings_report_add(settings->report, &mark, "expected a mapping");
    } else {
        settings->root = g_malloc0(settings->table->n_bytes);
        settings_hide_secrets(settings->table, document, settings->report);
        settings_read(settings->table, document, settings->report, settings->marks, settings->root);
    }
}

static gboolean check_encoding(Settings *settings, gsize n_bytes)
{
    const char *end;
    if (n_bytes > MAX_TEXT_BYTES) {
        settings_report_add(settings->report, NULL, "larger than %d bytes", MAX_TEXT_BYTES);
        return FALSE;
    }
    if (g_utf8_validate(settings->text, (gssize)n_bytes, &end))
        return TRUE;
    SettingsMark mark = settings_report_mark(settings->report, (gsize)(end - settings->text));
    settings->text[end - settings->text] = '\0';
    settings_report_add(settings->report, &mark, "not UTF-8 text");
    return FALSE;
}

Settings *settings_parse(const SettingTable *table, const char *name, const char *text,
                         gsize n_bytes)
{
    Settings *settings = settings_new(table, name, g_strndup(n_bytes > 0 ? text : "", n_bytes));
    if (!check_encoding(settings, n_bytes) || !scan_text(settings))
        return settings;
    yaml_parser_t parser;
    yaml_document_t document;
    parser_init(&parser, settings->text);
    if (yaml_parser_load(&parser, &document)) {
        read_root(settings, &document);
        yaml_document_delete(&document);
    } else {
        report_syntax(settings, &parser);
    }
    yaml_parser_delete(&parser);
    return settings;
}

Settings *settings_load(const SettingTable *table, const char *path)
{
    // One byte more than is allowed, so that a text without an end is found too large.
    g_autofree char *text = g_malloc(MAX_TEXT_BYTES + 1);
    FILE *file = fopen(path, "re");
    gsize n_bytes = file ? fread(text, 1, MAX_TEXT_BYTES + 1, file) : 0;
    int cause = !file || ferror(file) ? errno : 0;
    if (file)
        fclose(file);
    if (cause == 0)
        return settings_parse(table, path, text, n_bytes);
    Settings *settings = settings_new(table, path, g_strdup(""));
    settings_report_add(settings->report, NULL, "cannot be read: %s", g_strerror(cause));
    return settings;
}

gpointer settings_root(Settings *settings)
{
    return settings->root;
}

void settings_fail(Settings *settings, gconstpointer field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const SettingsMark *mark = g_hash_table_lookup(settings->marks, field);
    settings_report_add_va(settings->report, mark, format, args);
    va_end(args);
}

void settings_copy_marks(Settings *settings, gconstpointer made, gconstpointer from, gsize n_bytes)
{
    for (gsize i = 0; i < n_bytes; i++) {
        const SettingsMark *mark = g_hash_table_lookup(settings->marks, (const guint8 *)from + i);
        if (mark)
            g_hash_table_replace(settings->marks, (guint8 *)made + i,
                                 g_memdup2(mark, sizeof *mark));
    }
}

gboolean settings_finish(Settings *settings, GError **error)
{
    // Where in a text that is no mapping a secret ends cannot be told.
    if (!settings->root && settings_names_secret(settings->table, settings->text))
        settings_report_hide_all(settings->report);
    g_autofree char *text = settings_report_text(settings->report);
    if (text)
        g_set_error_literal(error, g_quark_from_static_string("settings"), 0, text);
    return !text;
}

void settings_for_each_error(Settings *settings, SettingsErrorFn fn, gpointer data)
{
    settings_report_for_each(settings->report, fn, data);
}

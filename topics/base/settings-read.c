// SPDX-License-Identifier: Apache-2.0

#include "topics/base/settings-read.h"

#include "topics/base/settings-scalar.h"

#include <math.h>
#include <string.h>

#define MAX_VALUE_CHARS 40
#define MAX_KEY_BYTES   20

// One reading of a document.
typedef struct {
    yaml_document_t *document;
    SettingsReport *report;
    GHashTable *marks;
} Reader;

static void read_table(Reader *reader, const SettingTable *table, yaml_node_t *node, gpointer base);

static SettingsMark mark_of(const yaml_node_t *node)
{
    return settings_mark(&node->start_mark, &node->end_mark);
}

// What stands at an address later is more specific: a struct's first field has its address.
static void remember(Reader *reader, gconstpointer address, const yaml_node_t *node)
{
    SettingsMark *mark = g_new(SettingsMark, 1);
    *mark = mark_of(node);
    g_hash_table_replace(reader->marks, (gpointer)address, mark);
}

static yaml_node_t *node_get(Reader *reader, int id)
{
    return yaml_document_get_node(reader->document, id);
}

// NULL unless it is a scalar without NUL characters.
static const char *node_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

// How a message shows a key or a value: quoted, printable and cut.
static char *node_show(const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE)
        return g_strdup("a mapping");
    if (node->type == YAML_SEQUENCE_NODE)
        return g_strdup("a list");
    const char *text = (const char *)node->data.scalar.value;
    GString *shown = g_string_new("'");
    for (gsize n = 0; *text; n++, text = g_utf8_next_char(text)) {
        if (n == MAX_VALUE_CHARS) {
            g_string_append(shown, "...");
            break;
        }
        gunichar c = g_utf8_get_char(text);
        g_string_append_unichar(shown, g_unichar_isprint(c) ? c : '?');
    }
    g_string_append_c(shown, '\'');
    return g_string_free(shown, FALSE);
}

static void fail_at(Reader *reader, const yaml_node_t *node, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static void fail_at(Reader *reader, const yaml_node_t *node, const char *format, ...)
{
    SettingsMark mark = mark_of(node);
    va_list args;
    va_start(args, format);
    settings_report_add_va(reader->report, &mark, format, args);
    va_end(args);
}

static void fail_value(Reader *reader, const Setting *setting, const yaml_node_t *node)
{
    g_autofree char *expected = setting_expectation(setting);
    g_autofree char *shown = setting->is_secret ? g_strdup("what is there") : node_show(node);
    fail_at(reader, node, "key '%s': expected %s, not %s", setting->key, expected, shown);
}

static void check_count(Reader *reader, const Setting *setting, const yaml_node_t *node, gsize n)
{
    if ((setting->min == 0 && setting->max == 0) || (n >= setting->min && n <= setting->max))
        return;
    g_autofree char *expected = setting_expectation(setting);
    fail_at(reader, node, "key '%s': expected %s, not %" G_GSIZE_FORMAT, setting->key, expected, n);
}

static void read_texts(Reader *reader, const Setting *setting, yaml_node_t *node, gpointer field)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        fail_value(reader, setting, node);
        return;
    }
    static const Setting item = {.key = "", .type = SETTING_TEXT, .min = 1, .max = INFINITY};
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    yaml_node_item_t *end = node->data.sequence.items.top;
    for (yaml_node_item_t *id = node->data.sequence.items.start; id < end; id++) {
        yaml_node_t *child = node_get(reader, *id);
        const char *text = node_text(child);
        char *copy = NULL;
        if (!text || !setting_read(&item, text, &copy)) {
            fail_value(reader, setting, child);
            continue;
        }
        remember(reader, copy, child);
        g_ptr_array_add(texts, copy);
    }
    check_count(reader, setting, node, (gsize)(end - node->data.sequence.items.start));
    g_ptr_array_add(texts, NULL);
    g_free(*(char ***)field);
    *(char ***)field = (char **)g_ptr_array_steal(texts, NULL);
}

// What every field is before its key is looked for; `around` shows where it would have stood.
static void set_empty(Reader *reader, const SettingTable *table, const yaml_node_t *around,
                      gpointer base)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        gpointer field = (guint8 *)base + setting->offset;
        remember(reader, field, around);
        if (setting->type == SETTING_TEXTS)
            *(char ***)field = g_new0(char *, 1);
        else if (setting->type == SETTING_LIST)
            *(GPtrArray **)field = g_ptr_array_new();
        else if (!setting_is_scalar(setting))
            set_empty(reader, setting->table, around, field);
    }
}

static void read_list(Reader *reader, const Setting *setting, yaml_node_t *node, gpointer field)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        fail_value(reader, setting, node);
        return;
    }
    GPtrArray *items = *(GPtrArray **)field;
    yaml_node_item_t *end = node->data.sequence.items.top;
    for (yaml_node_item_t *id = node->data.sequence.items.start; id < end; id++) {
        yaml_node_t *child = node_get(reader, *id);
        if (child->type != YAML_MAPPING_NODE) {
            fail_value(reader, setting, child);
            continue;
        }
        gpointer item = g_malloc0(setting->table->n_bytes);
        g_ptr_array_add(items, item);
        remember(reader, item, child);
        set_empty(reader, setting->table, child, item);
        read_table(reader, setting->table, child, item);
    }
    check_count(reader, setting, node, (gsize)(end - node->data.sequence.items.start));
}

static void read_scalar(Reader *reader, const Setting *setting, yaml_node_t *node, gpointer field)
{
    const char *text = node_text(node);
    if (!text || !setting_read(setting, text, field))
        fail_value(reader, setting, node);
}

static void read_value(Reader *reader, const Setting *setting, yaml_node_t *node, gpointer field)
{
    if (setting->type == SETTING_TEXTS)
        read_texts(reader, setting, node, field);
    else if (setting->type == SETTING_LIST)
        read_list(reader, setting, node, field);
    else if (setting->type != SETTING_SECTION)
        read_scalar(reader, setting, node, field);
    else if (node->type == YAML_MAPPING_NODE)
        read_table(reader, setting->table, node, field);
    else
        fail_value(reader, setting, node);
}

static void set_fallbacks(const SettingTable *table, gpointer base);

static void set_fallback(const Setting *setting, gpointer field)
{
    if (setting->type == SETTING_SECTION)
        set_fallbacks(setting->table, field);
    else if (setting->fallback && !setting_read(setting, setting->fallback, field))
        g_assert_not_reached();
}

static void set_fallbacks(const SettingTable *table, gpointer base)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        gpointer field = (guint8 *)base + setting->offset;
        if (setting->type == SETTING_INCLUDE)
            set_fallbacks(setting->table, field);
        else
            set_fallback(setting, field);
    }
}

static const Setting *find_setting(const SettingTable *table, const char *key)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        const Setting *found = setting;
        if (setting->type == SETTING_INCLUDE)
            found = find_setting(setting->table, key);
        else if (!g_str_equal(setting->key, key))
            found = NULL;
        if (found)
            return found;
    }
    return NULL;
}

static gboolean table_has_secret(const SettingTable *table)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        gboolean is_included = setting->type == SETTING_INCLUDE;
        if (setting->is_secret || (is_included && table_has_secret(setting->table)))
            return TRUE;
    }
    return FALSE;
}

// A secret in the place of a key, such as after `secret=`, does not.
static gboolean looks_like_key(const yaml_node_t *node)
{
    const char *text = node_text(node);
    return text && strlen(text) <= MAX_KEY_BYTES &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static void append_keys(GString *out, const SettingTable *table)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        if (setting->type == SETTING_INCLUDE)
            append_keys(out, setting->table);
        else
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", setting->key);
    }
}

static void fail_unknown(Reader *reader, const SettingTable *table, const yaml_node_t *key)
{
    GString *keys = g_string_new(NULL);
    append_keys(keys, table);
    g_autofree char *expected = g_string_free(keys, FALSE);
    gboolean is_shown = !table_has_secret(table) || looks_like_key(key);
    g_autofree char *shown = is_shown ? node_show(key) : g_strdup("(not shown)");
    fail_at(reader, key, "unknown key %s; expected one of %s", shown, expected);
}

static void hide(SettingsReport *report, const yaml_node_t *node)
{
    settings_report_hide(report, node->start_mark.index, node->end_mark.index);
}

static void hide_pair(Reader *reader, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = node_get(reader, pair->key);
    if (!looks_like_key(key))
        hide(reader->report, key);
    hide(reader->report, node_get(reader, pair->value));
}

// The values of a mapping by their settings, but for keys that are unknown or stand there twice.
static GHashTable *collect_values(Reader *reader, const SettingTable *table,
                                  const yaml_node_t *mapping)
{
    GHashTable *values = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) lines = g_hash_table_new(NULL, NULL);
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = node_get(reader, pair->key);
        const char *text = node_text(key);
        const Setting *setting = text ? find_setting(table, text) : NULL;
        if (!setting) {
            fail_unknown(reader, table, key);
            // Perhaps a secret under a misspelt name.
            if (table_has_secret(table))
                hide_pair(reader, pair);
        } else if (g_hash_table_contains(values, setting)) {
            fail_at(reader, key, "duplicate key '%s'; it stands on line %u already", setting->key,
                    GPOINTER_TO_UINT(g_hash_table_lookup(lines, setting)));
        } else {
            g_hash_table_insert(values, (gpointer)setting, node_get(reader, pair->value));
            guint line = (guint)key->start_mark.line + 1;
            g_hash_table_insert(lines, (gpointer)setting, GUINT_TO_POINTER(line));
        }
    }
    return values;
}

static void read_values(Reader *reader, const SettingTable *table, GHashTable *values,
                        const yaml_node_t *mapping, gpointer base)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        gpointer field = (guint8 *)base + setting->offset;
        yaml_node_t *node = g_hash_table_lookup(values, setting);
        if (setting->type == SETTING_INCLUDE) {
            read_values(reader, setting->table, values, mapping, field);
            continue;
        }
        remember(reader, field, node ? node : mapping);
        if (node) {
            read_value(reader, setting, node, field);
        } else if (setting->required) {
            g_autofree char *expected = setting_expectation(setting);
            fail_at(reader, mapping, "missing key '%s': %s", setting->key, expected);
        } else {
            set_fallback(setting, field);
        }
    }
}

// `node` is a mapping.
static void read_table(Reader *reader, const SettingTable *table, yaml_node_t *node, gpointer base)
{
    g_autoptr(GHashTable) values = collect_values(reader, table, node);
    read_values(reader, table, values, node, base);
}

void settings_read(const SettingTable *table, yaml_document_t *document, SettingsReport *report,
                   GHashTable *marks, gpointer root)
{
    Reader reader = {.document = document, .report = report, .marks = marks};
    yaml_node_t *node = yaml_document_get_root_node(document);
    set_empty(&reader, table, node, root);
    read_table(&reader, table, node, root);
}

static void collect_secrets(const SettingTable *table, GHashTable *names)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        if (setting->is_secret)
            g_hash_table_add(names, (gpointer)setting->key);
        else if (setting->table)
            collect_secrets(setting->table, names);
    }
}

void settings_hide_secrets(const SettingTable *table, yaml_document_t *document,
                           SettingsReport *report)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    collect_secrets(table, names);
    for (const yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
        if (node->type != YAML_MAPPING_NODE)
            continue;
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++) {
            const char *key = node_text(yaml_document_get_node(document, pair->key));
            if (key && g_hash_table_contains(names, key))
                hide(report, yaml_document_get_node(document, pair->value));
        }
    }
}

gboolean settings_names_secret(const SettingTable *table, const char *text)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    collect_secrets(table, names);
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (strstr(text, name))
            return TRUE;
    }
    return FALSE;
}

static void clear_list(const SettingTable *table, GPtrArray *items)
{
    for (guint i = 0; items && i < items->len; i++) {
        settings_clear(table, items->pdata[i]);
        g_free(items->pdata[i]);
    }
    g_clear_pointer(&items, g_ptr_array_unref);
}

void settings_clear(const SettingTable *table, gpointer root)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        gpointer field = (guint8 *)root + setting->offset;
        if (setting_is_scalar(setting))
            setting_clear(setting, field);
        else if (setting->type == SETTING_TEXTS)
            g_clear_pointer((char ***)field, g_strfreev);
        else if (setting->type == SETTING_LIST)
            clear_list(setting->table, *(GPtrArray **)field);
        else
            settings_clear(setting->table, field);
    }
}

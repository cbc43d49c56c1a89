// SPDX-License-Identifier: Apache-2.0

#include "topics/base/settings-scalar.h"

#include <string.h>
#include <yaml.h>

// libyaml fails here only without memory.
static int checked(int id)
{
    if (id == 0)
        g_error("out of memory");
    return id;
}

static int add_scalar(yaml_document_t *document, const char *text)
{
    return checked(yaml_document_add_scalar(document, NULL, (const guint8 *)text, (int)strlen(text),
                                            YAML_ANY_SCALAR_STYLE));
}

static int add_mapping(yaml_document_t *document)
{
    return checked(yaml_document_add_mapping(document, NULL, YAML_BLOCK_MAPPING_STYLE));
}

static void fill_mapping(yaml_document_t *document, int mapping, const SettingTable *table,
                         gconstpointer base);

static int add_texts(yaml_document_t *document, char *const *texts)
{
    int list = checked(yaml_document_add_sequence(document, NULL, YAML_FLOW_SEQUENCE_STYLE));
    for (; *texts; texts++)
        checked(yaml_document_append_sequence_item(document, list, add_scalar(document, *texts)));
    return list;
}

static int add_list(yaml_document_t *document, const SettingTable *table, const GPtrArray *items)
{
    int list = checked(yaml_document_add_sequence(document, NULL, YAML_BLOCK_SEQUENCE_STYLE));
    for (guint i = 0; i < items->len; i++) {
        int mapping = add_mapping(document);
        fill_mapping(document, mapping, table, items->pdata[i]);
        checked(yaml_document_append_sequence_item(document, list, mapping));
    }
    return list;
}

// 0 where there is nothing to write.
static int add_value(yaml_document_t *document, const Setting *setting, gconstpointer field)
{
    if (setting->type == SETTING_TEXTS)
        return add_texts(document, *(char **const *)field);
    if (setting->type == SETTING_LIST)
        return add_list(document, setting->table, *(GPtrArray *const *)field);
    if (setting->type == SETTING_SECTION) {
        int mapping = add_mapping(document);
        fill_mapping(document, mapping, setting->table, field);
        return mapping;
    }
    g_autofree char *text = setting_write(setting, field);
    return text ? add_scalar(document, text) : 0;
}

static void fill_mapping(yaml_document_t *document, int mapping, const SettingTable *table,
                         gconstpointer base)
{
    for (const Setting *setting = table->settings; setting->key; setting++) {
        gconstpointer field = (const guint8 *)base + setting->offset;
        if (setting->type == SETTING_INCLUDE) {
            fill_mapping(document, mapping, setting->table, field);
            continue;
        }
        int value = add_value(document, setting, field);
        if (value == 0)
            continue;
        int key = add_scalar(document, setting->key);
        checked(yaml_document_append_mapping_pair(document, mapping, key, value));
    }
}

static int append_text(void *data, unsigned char *bytes, size_t n_bytes)
{
    g_string_append_len(data, (const char *)bytes, (gssize)n_bytes);
    return 1;
}

char *settings_format(const SettingTable *table, gconstpointer root)
{
    yaml_document_t document;
    yaml_emitter_t emitter;
    GString *text = g_string_new(NULL);
    checked(yaml_document_initialize(&document, NULL, NULL, NULL, 1, 1));
    fill_mapping(&document, add_mapping(&document), table, root);
    checked(yaml_emitter_initialize(&emitter));
    yaml_emitter_set_output(&emitter, append_text, text);
    yaml_emitter_set_unicode(&emitter, 1);
    // The document belongs to the emitter from here on.
    checked(yaml_emitter_dump(&emitter, &document));
    yaml_emitter_delete(&emitter);
    return g_string_free(text, FALSE);
}

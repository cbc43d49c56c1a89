// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/schema.h"

#include <stdlib.h>
#include <string.h>

#define PACKAGE "qkdnf.v1."

// Field numbers in a path of google.protobuf.SourceCodeInfo.
enum {
    OF_FILE_TYPE = 4,
    OF_FILE_ENUM = 5,
    OF_FILE_SYNTAX = 12,
    OF_TYPE_FIELD = 2,
    OF_TYPE_CHOICE = 8,
    OF_ENUM_VALUE = 2,
};

// google.protobuf.FieldDescriptorProto.Type and .Label.
enum { TYPE_MESSAGE = 11, TYPE_ENUM = 14, LABEL_REPEATED = 3 };
static const char *const scalar_names[] = {
    [1] = "double",  [2] = "float",     [3] = "int64",     [4] = "uint64",  [5] = "int32",
    [6] = "fixed64", [7] = "fixed32",   [8] = "bool",      [9] = "string",  [12] = "bytes",
    [13] = "uint32", [15] = "sfixed32", [16] = "sfixed64", [17] = "sint32", [18] = "sint64",
};

struct Schema {
    Contract__FileSet *set;
    GHashTable *types;    // full name → SchemaType
    GHashTable *enums;    // full name → SchemaEnum
    GHashTable *comments; // element → char *
};

// --- comments ------------------------------------------------------------------------------------

static gconstpointer element_of_type(const SchemaType *type, const Contract__Location *location)
{
    if (location->n_path == 2)
        return type;
    if (location->n_path != 4)
        return NULL;
    gsize index = (gsize)location->path[3];
    if (location->path[2] == OF_TYPE_FIELD && index < type->n_fields)
        return type->fields[index];
    if (location->path[2] == OF_TYPE_CHOICE && index < type->n_choices)
        return type->choices[index];
    return NULL;
}

static gconstpointer element_of_enum(const SchemaEnum *type, const Contract__Location *location)
{
    if (location->n_path == 2)
        return type;
    gboolean is_value = location->n_path == 4 && location->path[2] == OF_ENUM_VALUE &&
                        (gsize)location->path[3] < type->n_values;
    return is_value ? type->values[location->path[3]] : NULL;
}

static gconstpointer element_at(const SchemaFile *file, const Contract__Location *location)
{
    if (location->n_path == 1 && location->path[0] == OF_FILE_SYNTAX)
        return file;
    if (location->n_path < 2)
        return NULL;
    gsize index = (gsize)location->path[1];
    if (location->path[0] == OF_FILE_TYPE && index < file->n_types)
        return element_of_type(file->types[index], location);
    if (location->path[0] == OF_FILE_ENUM && index < file->n_enums)
        return element_of_enum(file->enums[index], location);
    return NULL;
}

static char *join_lines(const char *comment)
{
    GString *text = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(comment, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        gboolean is_within = text->len > 0 && text->str[text->len - 1] != '\n';
        if (**line == '\0' && is_within)
            g_string_append_c(text, '\n');
        else if (**line)
            g_string_append_printf(text, "%s%s", is_within ? " " : "", *line);
    }
    while (text->len > 0 && text->str[text->len - 1] == '\n')
        g_string_truncate(text, text->len - 1);
    return g_string_free(text, FALSE);
}

static void read_comments(Schema *schema, const SchemaFile *file)
{
    for (gsize i = 0; file->source && i < file->source->n_locations; i++) {
        const Contract__Location *location = file->source->locations[i];
        gconstpointer element = element_at(file, location);
        if (element && *location->comment)
            g_hash_table_insert(schema->comments, (gpointer)element, join_lines(location->comment));
    }
}

// --- all of it -----------------------------------------------------------------------------------

static void read_file(Schema *schema, const SchemaFile *file)
{
    for (gsize i = 0; i < file->n_types; i++)
        g_hash_table_insert(schema->types, g_strconcat(PACKAGE, file->types[i]->name, NULL),
                            file->types[i]);
    for (gsize i = 0; i < file->n_enums; i++)
        g_hash_table_insert(schema->enums, g_strconcat(PACKAGE, file->enums[i]->name, NULL),
                            file->enums[i]);
    read_comments(schema, file);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp((*(SchemaFile *const *)a)->name, (*(SchemaFile *const *)b)->name);
}

Schema *schema_new(GBytes *set)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(set, &n_bytes);
    Schema *schema = g_new0(Schema, 1);
    schema->set = contract__file_set__unpack(NULL, n_bytes, bytes);
    g_assert(schema->set);
    qsort(schema->set->files, schema->set->n_files, sizeof(SchemaFile *), compare_files);
    schema->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    schema->enums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    schema->comments = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (gsize i = 0; i < schema->set->n_files; i++)
        read_file(schema, schema->set->files[i]);
    return schema;
}

void schema_free(Schema *schema)
{
    if (!schema)
        return;
    g_hash_table_unref(schema->comments);
    g_hash_table_unref(schema->enums);
    g_hash_table_unref(schema->types);
    contract__file_set__free_unpacked(schema->set, NULL);
    g_free(schema);
}

gsize schema_n_files(const Schema *schema)
{
    return schema->set->n_files;
}

const SchemaFile *schema_file(const Schema *schema, gsize index)
{
    return schema->set->files[index];
}

const SchemaType *schema_find_type(const Schema *schema, const char *name)
{
    return g_hash_table_lookup(schema->types, name + (*name == '.'));
}

const SchemaEnum *schema_find_enum(const Schema *schema, const char *name)
{
    return g_hash_table_lookup(schema->enums, name + (*name == '.'));
}

const char *schema_comment(const Schema *schema, gconstpointer element)
{
    const char *comment = g_hash_table_lookup(schema->comments, element);
    return comment ? comment : "";
}

// --- fields --------------------------------------------------------------------------------------

gboolean schema_field_is_repeated(const SchemaField *field)
{
    return field->label == LABEL_REPEATED;
}

gboolean schema_field_is_named(const SchemaField *field)
{
    return field->type == TYPE_MESSAGE || field->type == TYPE_ENUM;
}

const char *schema_field_type(const SchemaField *field)
{
    if (schema_field_is_named(field))
        return strrchr(field->type_name, '.') + 1;
    g_assert(field->type > 0 && (gsize)field->type < G_N_ELEMENTS(scalar_names));
    return scalar_names[field->type];
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/proto-text.h"

static void append_comment(GString *text, const char *indent, const char *comment)
{
    g_auto(GStrv) lines = g_strsplit(comment, "\n", -1);
    for (char **line = lines; *line; line++)
        g_string_append_printf(text, "%s// %s\n", indent, *line);
}

static void append_field(GString *text, const Schema *schema, const SchemaField *field,
                         const char *indent)
{
    append_comment(text, indent, schema_comment(schema, field));
    g_string_append_printf(text, "%s%s%s %s = %d;\n", indent,
                           schema_field_is_repeated(field) ? "repeated " : "",
                           schema_field_type(field), field->name, field->number);
}

static gboolean is_of_choice(const SchemaField *field, int choice)
{
    return field->is_of_case == CONTRACT__FIELD__IS_OF_CHOICE && field->choice == choice;
}

// The fields of a choice follow each other; returns the index after the last.
static gsize append_choice(GString *text, const Schema *schema, const SchemaType *type, gsize first)
{
    int choice = type->fields[first]->choice;
    gsize i = first;
    append_comment(text, "  ", schema_comment(schema, type->choices[choice]));
    g_string_append_printf(text, "  oneof %s {\n", type->choices[choice]->name);
    for (; i < type->n_fields && is_of_choice(type->fields[i], choice); i++)
        append_field(text, schema, type->fields[i], "    ");
    g_string_append(text, "  }\n");
    return i;
}

static void append_type(GString *text, const Schema *schema, const SchemaType *type,
                        gboolean is_root)
{
    g_string_append_c(text, '\n');
    append_comment(text, "", schema_comment(schema, type));
    g_string_append_printf(text, "%smessage %s {\n", is_root ? "// @RootNode\n" : "", type->name);
    for (gsize i = 0; i < type->n_fields;) {
        if (type->fields[i]->is_of_case == CONTRACT__FIELD__IS_OF_CHOICE)
            i = append_choice(text, schema, type, i);
        else
            append_field(text, schema, type->fields[i++], "  ");
    }
    g_string_append(text, "}\n");
}

static void append_enum(GString *text, const Schema *schema, const SchemaEnum *type)
{
    g_string_append_c(text, '\n');
    append_comment(text, "", schema_comment(schema, type));
    g_string_append_printf(text, "enum %s {\n", type->name);
    for (gsize i = 0; i < type->n_values; i++) {
        append_comment(text, "  ", schema_comment(schema, type->values[i]));
        g_string_append_printf(text, "  %s = %d;\n", type->values[i]->name,
                               type->values[i]->number);
    }
    g_string_append(text, "}\n");
}

// No message type contains itself, so this ends.
static void append_named(GString *text, const Schema *schema, const char *name, GHashTable *done,
                         gboolean is_root)
{
    if (!g_hash_table_add(done, g_strdup(name)))
        return;
    const SchemaEnum *of_enum = schema_find_enum(schema, name);
    if (of_enum) {
        append_enum(text, schema, of_enum);
        return;
    }
    const SchemaType *type = schema_find_type(schema, name);
    g_assert(type);
    for (gsize i = 0; i < type->n_fields; i++) {
        if (schema_field_is_named(type->fields[i]))
            append_named(text, schema, type->fields[i]->type_name, done, FALSE);
    }
    append_type(text, schema, type, is_root);
}

char *proto_text_format(const Schema *schema, const char *name)
{
    GString *text = g_string_new("syntax = \"proto3\";\n\npackage qkdnf.v1;\n");
    g_autoptr(GHashTable) done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    append_named(text, schema, name, done, TRUE);
    return g_string_free(text, FALSE);
}

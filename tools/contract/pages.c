// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/pages.h"

#include "tools/contract/asyncapi.h"
#include "tools/contract/example.h"
#include "tools/contract/glossary.h"
#include "topics/topic.h"

#include <string.h>

#define GENERATED "<!-- Made by `qkdnf contract`: the comments of the schemas are the text. -->\n\n"

// GitHub's anchor of a heading that is one name.
static char *link_to(const char *page, const char *name)
{
    g_autofree char *anchor = g_ascii_strdown(name, -1);
    return g_strdup_printf("[%s](%s#%s)", name, page, anchor);
}

static void append_paragraph(GString *page, const char *text)
{
    g_autoptr(GString) paragraphs = g_string_new(text);
    g_string_replace(paragraphs, "\n", "\n\n", 0);
    if (paragraphs->len > 0)
        g_string_append_printf(page, "%s\n\n", paragraphs->str);
}

// --- kinds ---------------------------------------------------------------------------------------

static char *name_roles(Roles set)
{
    GString *text = g_string_new(NULL);
    const char *name;
    Role role;
    for (guint i = 0; (name = asyncapi_role_name(i, &role)); i++) {
        if (set & ROLE_BIT(role))
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", name);
    }
    return g_string_free(text, FALSE);
}

static void append_row(GString *page, const char *what, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static void append_row(GString *page, const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_append_printf(page, "| %s | ", what);
    g_string_append_vprintf(page, format, arguments);
    g_string_append(page, " |\n");
    va_end(arguments);
}

// A platform takes it from agents in these states, and a broker that knows them passes it on.
static void append_states(GString *page, const Kind *kind)
{
    json_t *states = asyncapi_list_states(kind);
    if (!states)
        return;
    g_string_append(page, "| from agents whose state is |");
    for (gsize i = 0; i < json_array_size(states); i++)
        g_string_append_printf(page, "%s %s", i > 0 ? "," : "",
                               json_string_value(json_array_get(states, i)));
    g_string_append(page, " |\n");
    json_decref(states);
}

static void append_rules(GString *page, const Kind *kind)
{
    g_autofree char *from = name_roles(kind->from);
    g_autofree char *to = name_roles(kind->to);
    g_autofree char *message = link_to("messages.md", kind->message->short_name);
    g_string_append(page, "| | |\n|---|---|\n");
    append_row(page, "topic", "`" TOPIC_PREFIX "/%s/<from>/%s`", kind->name,
               kind->to_all ? ID_ALL : "<to>");
    append_row(page, "message", "%s", message);
    append_row(page, "from", "%s", from);
    append_states(page, kind);
    append_row(page, "to", "%s", to);
    append_row(page, "retained", "%s", kind->retained ? "yes" : "no");
    append_row(page, "QoS", "%u", kind->qos);
    if (kind->expiry_ms > 0)
        append_row(page, "expires", "%u ms after it was sent", kind->expiry_ms);
    append_row(page, "largest message", "%zu bytes", kind->max_bytes);
    if (kind->messages_per_s > 0)
        append_row(page, "quota", "%u messages a second from one sender to one receiver",
                   kind->messages_per_s);
}

static void append_example(GString *page, const Kind *kind)
{
    json_t *message = example_message(kind->message, NULL);
    char *text = json_dumps(message, JSON_INDENT(2));
    g_string_append_printf(page, "\n```json\n%s\n```\n", text);
    free(text);
    json_decref(message);
}

char *pages_format_kinds(const Schema *schema)
{
    GString *page = g_string_new(GENERATED "# What is said on the bus\n\n");
    g_string_append(page, "A monitor reads all of it. How a publish is made up, and what a sender "
                          "may rely on, is in [README.md](README.md).\n\n"
                          "| kind | from | to | carries |\n|---|---|---|---|\n");
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = kind_get(id);
        g_autofree char *from = name_roles(kind->from);
        g_autofree char *to = name_roles(kind->to);
        g_autofree char *link = link_to("", kind->name);
        g_string_append_printf(page, "| %s | %s | %s | %s |\n", link, from, to, kind->carries);
    }
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = kind_get(id);
        const SchemaType *type = schema_find_type(schema, kind->message->name);
        g_string_append_printf(page, "\n## %s\n\n", kind->name);
        append_paragraph(page, schema_comment(schema, type));
        append_rules(page, kind);
        append_example(page, kind);
    }
    return g_string_free(page, FALSE);
}

// --- messages ------------------------------------------------------------------------------------

const char *pages_field_meaning(const Schema *schema, const SchemaField *field)
{
    const char *comment = schema_comment(schema, field);
    const char *meaning = *comment ? comment : glossary_find(field->name);
    if (meaning || !schema_field_is_named(field))
        return meaning;
    const SchemaType *type = schema_find_type(schema, field->type_name);
    return schema_comment(schema,
                          type ? (gconstpointer)type : schema_find_enum(schema, field->type_name));
}

// In a cell of a table neither a bar nor the end of a paragraph may stand.
static char *as_cell(const char *text)
{
    GString *cell = g_string_new(text);
    g_string_replace(cell, "|", "\\|", 0);
    g_string_replace(cell, "\n", "<br>", 0);
    return g_string_free(cell, FALSE);
}

static void append_field(GString *page, const Schema *schema, const SchemaType *type,
                         const SchemaField *field)
{
    const char *name = schema_field_type(field);
    const char *meaning = pages_field_meaning(schema, field);
    gboolean is_choice = field->is_of_case == CONTRACT__FIELD__IS_OF_CHOICE;
    g_autofree char *link = schema_field_is_named(field) ? link_to("", name) : g_strdup(name);
    g_autofree char *cell = as_cell(meaning ? meaning : "");
    g_string_append_printf(
        page, "| %s | %d | %s%s | %s%s%s%s |\n", field->name, field->number,
        schema_field_is_repeated(field) ? "repeated " : "", link, is_choice ? "One of `" : "",
        is_choice ? type->choices[field->choice]->name : "", is_choice ? "`. " : "", cell);
}

static void append_carriers(GString *page, const SchemaType *type)
{
    for (guint id = 0; id < N_KINDS; id++) {
        if (strcmp(kind_get(id)->message->short_name, type->name) != 0)
            continue;
        g_autofree char *link = link_to("kinds.md", kind_get(id)->name);
        g_string_append_printf(page, "The message of %s.\n\n", link);
    }
}

static void append_type(GString *page, const Schema *schema, const SchemaType *type)
{
    g_string_append_printf(page, "### %s\n\n", type->name);
    append_carriers(page, type);
    append_paragraph(page, schema_comment(schema, type));
    if (type->n_fields > 0)
        g_string_append(page, "| field | number | type | meaning |\n|---|---|---|---|\n");
    for (gsize i = 0; i < type->n_fields; i++)
        append_field(page, schema, type, type->fields[i]);
    g_string_append_c(page, '\n');
}

static void append_enum(GString *page, const Schema *schema, const SchemaEnum *type)
{
    g_string_append_printf(page, "### %s\n\n", type->name);
    append_paragraph(page, schema_comment(schema, type));
    g_string_append(page, "| value | number | meaning |\n|---|---|---|\n");
    for (gsize i = 0; i < type->n_values; i++) {
        const SchemaValue *value = type->values[i];
        g_autofree char *cell = as_cell(schema_comment(schema, value));
        g_string_append_printf(page, "| %s | %d | %s |\n", value->name, value->number, cell);
    }
    g_string_append_c(page, '\n');
}

char *pages_format_messages(const Schema *schema)
{
    GString *page = g_string_new(GENERATED "# Messages\n\n");
    for (gsize i = 0; i < schema_n_files(schema); i++) {
        const SchemaFile *file = schema_file(schema, i);
        g_string_append_printf(page, "## %s\n\n", file->name);
        append_paragraph(page, schema_comment(schema, file));
        for (gsize j = 0; j < file->n_types; j++)
            append_type(page, schema, file->types[j]);
        for (gsize j = 0; j < file->n_enums; j++)
            append_enum(page, schema, file->enums[j]);
    }
    return g_string_free(page, FALSE);
}

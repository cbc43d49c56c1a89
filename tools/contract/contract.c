// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/contract.h"

#include "tools/contract/asyncapi.h"
#include "tools/contract/contract-resources.h"
#include "tools/contract/example.h"
#include "tools/contract/pages.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define PREFIX  "/qkdnf/contract/"
#define SCHEMAS "schemas/"

static GBytes *resource_bytes(const char *name)
{
    g_autofree char *path = g_strconcat(PREFIX, name, NULL);
    GBytes *bytes =
        g_resource_lookup_data(contract_get_resource(), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_assert(bytes);
    return bytes;
}

static char *resource_text(const char *name)
{
    g_autoptr(GBytes) bytes = resource_bytes(name);
    gsize n_bytes = 0;
    const char *text = g_bytes_get_data(bytes, &n_bytes);
    return g_strndup(text, n_bytes);
}

Schema *contract_load_schema(void)
{
    g_autoptr(GBytes) set = resource_bytes("schemas.set");
    return schema_new(set);
}

// --- what is written -----------------------------------------------------------------------------

static char *format_json(json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2));
    char *line = g_strconcat(text, "\n", NULL);
    free(text);
    json_decref(object);
    return line;
}

static char *format_guide(const Schema *schema)
{
    return resource_text("guide.md");
}

static char *format_asyncapi(const Schema *schema)
{
    return format_json(asyncapi_make(schema));
}

static char *format_vectors(const Schema *schema)
{
    json_t *publishes = json_array();
    for (guint id = 0; id < N_KINDS; id++)
        json_array_append_new(publishes, example_publish(id));
    return format_json(json_pack("{s:o}", "publishes", publishes));
}

static const struct {
    const char *name;
    char *(*format)(const Schema *schema);
} files[] = {
    {"README.md", format_guide},      {"asyncapi.json", format_asyncapi},
    {"kinds.md", pages_format_kinds}, {"messages.md", pages_format_messages},
    {"vectors.json", format_vectors},
};

void contract_for_each(ContractFileFn take, gpointer data)
{
    g_autoptr(Schema) schema = contract_load_schema();
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *text = files[i].format(schema);
        take(data, files[i].name, text);
    }
    g_auto(GStrv) names = g_resource_enumerate_children(contract_get_resource(), PREFIX SCHEMAS,
                                                        G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    for (char **name = names; name && *name; name++) {
        g_autofree char *path = g_strconcat(SCHEMAS, *name, NULL);
        g_autofree char *text = resource_text(path);
        take(data, path, text);
    }
}

typedef struct {
    const char *dir;
    GError *error; // the first
} Writing;

static void write_text(gpointer data, const char *name, const char *text)
{
    Writing *writing = data;
    g_autofree char *path = g_build_filename(writing->dir, name, NULL);
    if (!writing->error)
        g_file_set_contents(path, text, -1, &writing->error);
}

gboolean contract_write(const char *dir, GError **error)
{
    g_autofree char *schemas = g_build_filename(dir, SCHEMAS, NULL);
    if (g_mkdir_with_parents(schemas, 0777) < 0) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
                    "%s cannot be made: %s", schemas, g_strerror(errno));
        return FALSE;
    }
    Writing writing = {dir, NULL};
    contract_for_each(write_text, &writing);
    if (!writing.error)
        return TRUE;
    g_propagate_error(error, writing.error);
    return FALSE;
}

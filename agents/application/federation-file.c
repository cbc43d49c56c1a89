// SPDX-License-Identifier: Apache-2.0

#include "agents/application/federation-file.h"

#include <jansson.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static const json_t *find(const json_t *array, const char *id)
{
    for (gsize i = 0; id && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (g_strcmp0(text_of(item, "id"), id) == 0)
            return item;
    }
    return NULL;
}

// NULL where `name` is not given.
static char *place(const char *dir, const char *name)
{
    return name ? g_canonicalize_filename(name, dir) : NULL;
}

static gboolean check(const FederationFile *file, const json_t *sae, const char *id, GError **error)
{
    const char *missing = !sae                 ? "no such application"
                          : !file->broker_url  ? "no broker url"
                          : !file->ca          ? "no ca"
                          : !file->platform    ? "no platform id"
                          : !file->certificate ? "no certificate"
                          : !file->key         ? "no key"
                                               : NULL;
    if (missing)
        g_set_error(error, g_quark_from_static_string("qkdnf"), 0, "%s for %s", missing, id);
    return !missing;
}

FederationFile *federation_file_parse(const char *text, gsize n_bytes, const char *dir,
                                      const char *id, GError **error)
{
    json_error_t fault;
    g_autoptr(json_t) root = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &fault);
    if (!root) {
        g_set_error(error, g_quark_from_static_string("qkdnf"), 0, "line %d: %s", fault.line,
                    fault.text);
        return NULL;
    }
    const json_t *sae = find(json_object_get(root, "saes"), id);
    const json_t *qkdn = find(json_object_get(root, "qkdns"), text_of(sae, "qkdn"));
    g_autoptr(FederationFile) file = g_new0(FederationFile, 1);
    file->broker_url = g_strdup(text_of(json_object_get(root, "broker"), "url"));
    file->platform = g_strdup(text_of(json_object_get(root, "platform"), "id"));
    file->ca = place(dir, text_of(root, "ca"));
    file->certificate = place(dir, text_of(sae, "certificate"));
    file->key = place(dir, text_of(sae, "key"));
    file->kme_url = g_strdup(text_of(sae, "kme"));
    file->kme_id = g_strdup(text_of(qkdn, "kme_id"));
    return check(file, sae, id, error) ? g_steal_pointer(&file) : NULL;
}

void federation_file_free(FederationFile *file)
{
    if (!file)
        return;
    g_free(file->broker_url);
    g_free(file->ca);
    g_free(file->platform);
    g_free(file->certificate);
    g_free(file->key);
    g_free(file->kme_url);
    g_free(file->kme_id);
    g_free(file);
}

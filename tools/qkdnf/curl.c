// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/curl.h"

#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#include <string.h>

static gboolean run_curl(const char *const *argv, char **ret_output, GError **error)
{
    g_autofree char *complaint = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, ret_output,
                      &complaint, &status, error))
        return FALSE;
    if (g_spawn_check_wait_status(status, error))
        return TRUE;
    g_prefix_error(error, "curl: %s", complaint);
    return FALSE;
}

json_t *curl_fetch(const json_t *federation, const char *sae, const char *path, const char *body,
                   GError **error)
{
    const json_t *user = exchange_find_sae(federation, sae, error);
    if (!user)
        return NULL;
    g_autofree char *url = g_strconcat(json_read_text(user, "kme"), path, NULL);
    const char *argv[] = {"curl",
                          "--silent",
                          "--noproxy",
                          "*",
                          "--show-error",
                          "--fail-with-body",
                          "--max-time",
                          "30",
                          "--cacert",
                          json_read_text(federation, "ca"),
                          "--cert",
                          json_read_text(user, "certificate"),
                          "--key",
                          json_read_text(user, "key"),
                          url,
                          body ? "--json" : NULL,
                          body,
                          NULL};
    g_autofree char *output = NULL;
    gboolean ok = run_curl(argv, &output, error);
    json_t *container = ok ? json_loads(output, JSON_REJECT_DUPLICATES, NULL) : NULL;
    // The answer holds keys.
    if (output)
        explicit_bzero(output, strlen(output));
    if (ok && !json_is_array(json_object_get(container, "keys"))) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s answered with no key container",
                    url);
        g_clear_pointer(&container, json_decref);
    }
    return container;
}

static char *key_ids_body(const json_t *container)
{
    json_t *ids = json_array();
    gsize i;
    json_t *key;
    json_array_foreach(json_object_get(container, "keys"), i, key)
    {
        json_array_append_new(ids, json_pack("{s:s}", "key_ID", json_read_text(key, "key_ID")));
    }
    json_t *body = json_pack("{s:o}", "key_IDs", ids);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

static gboolean target_has_the_same(const json_t *federation, const json_t *ours,
                                    const char *initiator, const char *target, const char *ids,
                                    GError **error)
{
    g_autofree char *path = g_strdup_printf("/api/v1/keys/%s/dec_keys", initiator);
    json_t *theirs = curl_fetch(federation, target, path, ids, error);
    gboolean is_equal =
        theirs && json_equal(json_object_get(ours, "keys"), json_object_get(theirs, "keys"));
    if (theirs && !is_equal)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s and %s hold different keys",
                    initiator, target);
    json_decref(theirs);
    return is_equal;
}

static json_t *fetch_as_initiator(const json_t *federation, const char *request,
                                  const char *initiator, const char *target, GError **error)
{
    g_autofree char *path = g_strdup_printf("/api/v1/keys/%s/enc_keys", target);
    g_autofree char *body =
        g_strdup_printf("{\"extension_mandatory\": [{\"qkdnf_request\": \"%s\"}]}", request);
    return curl_fetch(federation, initiator, path, body, error);
}

guint curl_compare(const json_t *federation, const char *request, const char *initiator,
                   const char *const *targets, gsize n_targets, GError **error)
{
    json_t *ours = fetch_as_initiator(federation, request, initiator, targets[0], error);
    if (!ours)
        return 0;
    char *ids = key_ids_body(ours);
    guint n_equal = (guint)json_array_size(json_object_get(ours, "keys"));
    for (gsize i = 0; i < n_targets && n_equal > 0; i++) {
        if (!target_has_the_same(federation, ours, initiator, targets[i], ids, error))
            n_equal = 0;
    }
    free(ids);
    json_decref(ours);
    return n_equal;
}

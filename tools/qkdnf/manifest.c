// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/manifest.h"

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/deployment.h"
#include "topics/mqtt/pki.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <unistd.h>

static json_t *member(const char *dir, const char *id)
{
    g_autofree char *certificate = deployment_pki_path(dir, id, ".crt");
    g_autofree char *key = deployment_pki_path(dir, id, ".key");
    return json_pack("{s:s, s:s, s:s}", "id", id, "certificate", certificate, "key", key);
}

static json_t *members(const char *dir, char *const *ids)
{
    json_t *list = json_array();
    for (; *ids; ids++)
        json_array_append_new(list, member(dir, *ids));
    return list;
}

static void add_saes(json_t *list, const char *dir, const AgentConfig *agent)
{
    for (guint i = 0; i < agent->applications->len; i++) {
        const AgentApplication *application = agent->applications->pdata[i];
        json_t *sae = member(dir, application->sae);
        json_object_set_new(sae, "qkdn", json_string(agent->id));
        json_object_set_new(sae, "node", json_string(application->node));
        json_object_set_new(sae, "kme", json_string(agent->kme_url));
        json_array_append_new(list, sae);
    }
}

static json_t *metrics(guint16 port)
{
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/metrics", port);
    return json_string(url);
}

static json_t *qkdn(const DescriptionProvider *provider, const Fleet *fleet)
{
    const AgentConfig *agent = &provider->agent;
    return json_pack("{s:s, s:i, s:s, s:s, s:o}", "id", agent->id, "pid",
                     (int)fleet_pid(fleet, agent->id), "kme", agent->kme_url, "kme_id",
                     agent->kme_id, "metrics", metrics(provider->metrics_port));
}

static void add_dashboard(json_t *broker, const Description *description, const Fleet *fleet)
{
    if (!fleet_pid(fleet, DEPLOYMENT_DASHBOARD))
        return;
    g_autofree char *url = g_strdup_printf(
        "http://127.0.0.1:%u/?token=%s", description->dashboard_port, description->dashboard_token);
    json_object_set_new(broker, "dashboard", json_string(url));
}

static json_t *make_manifest(const char *dir, const Description *description, const Fleet *fleet)
{
    json_t *qkdns = json_array(), *saes = json_array();
    for (guint i = 0; i < description->providers->len; i++) {
        const DescriptionProvider *provider = description->providers->pdata[i];
        json_array_append_new(qkdns, qkdn(provider, fleet));
        add_saes(saes, dir, &provider->agent);
    }
    const char *platform = description->platform.id;
    g_autofree char *ca = g_build_filename(dir, "pki", PKI_CA_CERTIFICATE_FILE, NULL);
    json_t *broker = json_pack("{s:s, s:i}", "url", description->broker_url, "pid",
                               (int)fleet_pid(fleet, DEPLOYMENT_BROKER));
    add_dashboard(broker, description, fleet);
    return json_pack("{s:o, s:s, s:{s:s, s:i, s:o}, s:o, s:o, s:o, s:o}", //
                     "broker", broker,                                    //
                     "ca", ca,                                            //
                     "platform", "id", platform, "pid", (int)fleet_pid(fleet, platform), "metrics",
                     metrics(description->metrics_port), "qkdns", qkdns, ACCESS_SAES, saes,
                     ACCESS_MONITORS, members(dir, description->monitors), ACCESS_OPERATORS,
                     members(dir, description->platform.operators));
}

gboolean manifest_write(const char *dir, const Description *description, const Fleet *fleet,
                        GError **error)
{
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    json_t *manifest = make_manifest(dir, description, fleet);
    char *text = json_dumps(manifest, JSON_INDENT(2));
    json_decref(manifest);
    gboolean is_written =
        g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
    free(text);
    return is_written;
}

void manifest_remove(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    if (g_unlink(path) != 0 && errno != ENOENT)
        g_warning("%s: %s", path, g_strerror(errno));
}

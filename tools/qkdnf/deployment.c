// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/deployment.h"

#include "agents/settings.h"
#include "platform/settings.h"
#include "tools/dashboard/dashboard.h"
#include "topics/mqtt/broker.h"
#include "topics/mqtt/daemon.h"
#include "topics/mqtt/pki.h"
#include "tools/qkdnf/ports.h"
#include "tools/qkdnf/program.h"

#include <errno.h>
#include <string.h>

#define SECRET_BYTES 32
#define HOST         "127.0.0.1"

char *deployment_path(const char *dir, const char *member, const char *file)
{
    return g_build_filename(dir, member, file, NULL);
}

char *deployment_pki_path(const char *dir, const char *id, const char *suffix)
{
    g_autofree char *file = g_strconcat(id, suffix, NULL);
    return g_build_filename(dir, "pki", file, NULL);
}

guint16 deployment_url_port(const char *url)
{
    int port = 0;
    g_uri_split_network(url, G_URI_FLAGS_NONE, NULL, NULL, &port, NULL);
    return (guint16)port;
}

static DescriptionProvider *provider_at(const Description *description, guint i)
{
    return description->providers->pdata[i];
}

static gboolean make_dir(const char *dir, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    if (g_mkdir_with_parents(path, 0700) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s", path,
                g_strerror(errno));
    return FALSE;
}

static gboolean make_dirs(const char *dir, const Description *description, GError **error)
{
    static const char *const names[] = {"pki", "borders", DEPLOYMENT_BROKER, DEPLOYMENT_PLATFORM,
                                        DEPLOYMENT_DASHBOARD};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!make_dir(dir, names[i], error))
            return FALSE;
    }
    for (guint i = 0; i < description->providers->len; i++) {
        if (!make_dir(dir, provider_at(description, i)->agent.id, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean issue_all(const PkiCa *ca, const char *dir, char *const *ids, Role role,
                          GError **error)
{
    for (; *ids; ids++) {
        if (!pki_issue(ca, *ids, PKI_USAGE_CLIENT, ROLE_BIT(role), dir, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean issue_provider(const PkiCa *ca, const char *dir, const AgentConfig *agent,
                               GError **error)
{
    if (!pki_issue(ca, agent->id, PKI_USAGE_CLIENT, ROLE_BIT(ROLE_AGENT), dir, error) ||
        !pki_issue(ca, agent->kme_id, PKI_USAGE_SERVER, 0, dir, error))
        return FALSE;
    for (guint i = 0; i < agent->applications->len; i++) {
        const AgentApplication *application = agent->applications->pdata[i];
        if (!pki_issue(ca, application->sae, PKI_USAGE_CLIENT, ROLE_BIT(ROLE_APPLICATION), dir,
                       error))
            return FALSE;
    }
    return TRUE;
}

static gboolean make_pki(const char *dir, const Description *description, GError **error)
{
    g_autofree char *pki = g_build_filename(dir, "pki", NULL);
    g_autoptr(PkiCa) ca = pki_create_ca(pki, error);
    if (!ca || !pki_issue(ca, DEPLOYMENT_BROKER, PKI_USAGE_SERVER, 0, pki, error) ||
        !pki_issue(ca, description->platform.id, PKI_USAGE_CLIENT, ROLE_BIT(ROLE_PLATFORM), pki,
                   error) ||
        !issue_all(ca, pki, description->platform.operators, ROLE_OPERATOR, error) ||
        !issue_all(ca, pki, description->monitors, ROLE_MONITOR, error))
        return FALSE;
    for (guint i = 0; i < description->providers->len; i++) {
        if (!issue_provider(ca, pki, &provider_at(description, i)->agent, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean take_port(Ports *ports, char **url, const char *scheme, const char *what,
                          GError **error)
{
    guint16 port = ports_take(ports, deployment_url_port(*url), error);
    if (!port) {
        g_prefix_error(error, "%s: ", what);
        return FALSE;
    }
    g_free(*url);
    *url = g_strdup_printf("%s://" HOST ":%u", scheme, port);
    return TRUE;
}

static gboolean take_ports(Description *description, GError **error)
{
    g_autoptr(Ports) ports = ports_new();
    description->metrics_port = ports_take(ports, 0, error);
    description->dashboard_port = description->metrics_port ? ports_take(ports, 0, error) : 0;
    if (!description->dashboard_port ||
        !take_port(ports, &description->broker_url, "mqtts", "the broker", error))
        return FALSE;
    for (guint i = 0; i < description->providers->len; i++) {
        AgentConfig *agent = &provider_at(description, i)->agent;
        guint16 *metrics_port = &provider_at(description, i)->metrics_port;
        *metrics_port = ports_take(ports, 0, error);
        if (!*metrics_port || !take_port(ports, &agent->kme_url, "https", agent->kme_id, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean write_private(const char *path, const char *bytes, gsize n_bytes, GError **error)
{
    return g_file_set_contents_full(path, bytes, (gssize)n_bytes, G_FILE_SET_CONTENTS_CONSISTENT,
                                    0600, error);
}

// Random bytes as they are, made once.
static gboolean make_master_key(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    g_autoptr(Secret) key = secret_new(SECRET_BYTES);
    random_fill(daemon_random(), key->data, key->n_bytes);
    return write_private(path, (const char *)key->data, key->n_bytes, error);
}

// Random bytes in hexadecimal, made once.
static char *make_border_secret(const char *dir, const char *border, GError **error)
{
    g_autofree char *file = g_strconcat(border, ".secret", NULL);
    g_autofree char *path = g_build_filename(dir, "borders", file, NULL);
    g_autofree char *text = NULL;
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return g_file_get_contents(path, &text, NULL, error) ? g_steal_pointer(&text) : NULL;
    g_autoptr(Secret) secret = secret_new(SECRET_BYTES);
    random_fill(daemon_random(), secret->data, secret->n_bytes);
    GString *hex = g_string_new(NULL);
    for (gsize i = 0; i < secret->n_bytes; i++)
        g_string_append_printf(hex, "%02x", secret->data[i]);
    text = g_string_free(hex, FALSE);
    return write_private(path, text, strlen(text), error) ? g_steal_pointer(&text) : NULL;
}

static gboolean make_border_secrets(const char *dir, DescriptionProvider *provider, GError **error)
{
    for (guint i = 0; i < provider->qkdn.sim.borders->len; i++) {
        SimBorder *border = provider->qkdn.sim.borders->pdata[i];
        g_free(border->secret);
        border->secret = make_border_secret(dir, border->id, error);
        if (!border->secret)
            return FALSE;
    }
    return TRUE;
}

static gboolean write_broker(const char *dir, const Description *description, GError **error)
{
    g_autofree char *ca = g_build_filename(dir, "pki", PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *certificate = deployment_pki_path(dir, DEPLOYMENT_BROKER, ".crt");
    g_autofree char *key = deployment_pki_path(dir, DEPLOYMENT_BROKER, ".key");
    g_autofree char *broker = g_build_filename(dir, DEPLOYMENT_BROKER, NULL);
    g_autofree char *plugin = program_find_plugin();
    BrokerConfig config = {
        .address = HOST,
        .port = deployment_url_port(description->broker_url),
        .ca = ca,
        .crl = description->crl,
        .certificate = certificate,
        .key = key,
        .monitors = (const char *const *)description->monitors,
        .plugin = plugin,
    };
    return broker_write_config(&config, broker, error);
}

// Made anew with every start.
static gboolean write_token(const char *dir, Description *description, GError **error)
{
    g_autofree char *path = deployment_path(dir, DEPLOYMENT_DASHBOARD, DEPLOYMENT_TOKEN_FILE);
    g_free(description->dashboard_token);
    description->dashboard_token = dashboard_make_token();
    return write_private(path, description->dashboard_token, strlen(description->dashboard_token),
                         error);
}

// The daemon's settings point at what they were made of, and are only written.
static gboolean write_settings(const SettingTable *table, gconstpointer root, const char *path,
                               GError **error)
{
    g_autofree char *text = settings_format(table, root);
    gboolean is_written = write_private(path, text, strlen(text), error);
    secret_wipe(text, strlen(text));
    return is_written;
}

static gboolean write_platform(const char *dir, const Description *description, GError **error)
{
    const char *id = description->platform.id;
    g_autofree char *path = deployment_path(dir, DEPLOYMENT_PLATFORM, "platform.yaml");
    g_autofree char *store = deployment_path(dir, DEPLOYMENT_PLATFORM, "platform.db");
    g_autofree char *ca = g_build_filename(dir, "pki", PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *certificate = deployment_pki_path(dir, id, ".crt");
    g_autofree char *key = deployment_pki_path(dir, id, ".key");
    PlatformSettings platform = {
        .daemon = {{description->broker_url, ca, certificate, key, .crl = description->crl},
                   store,
                   description->store_synchronous,
                   .metrics = {(char *)HOST, description->metrics_port}},
        .federation = description->platform,
    };
    return write_settings(&platform_settings_table, &platform, path, error);
}

static gboolean write_agent(const char *dir, const Description *description,
                            const DescriptionProvider *provider, GError **error)
{
    const AgentConfig *agent = &provider->agent;
    g_autofree char *path = deployment_path(dir, agent->id, "agent.yaml");
    g_autofree char *store = deployment_path(dir, agent->id, "agent.db");
    g_autofree char *master_key = deployment_path(dir, agent->id, "master.key");
    g_autofree char *ca = g_build_filename(dir, "pki", PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *certificate = deployment_pki_path(dir, agent->id, ".crt");
    g_autofree char *key = deployment_pki_path(dir, agent->id, ".key");
    g_autofree char *kme_certificate = deployment_pki_path(dir, agent->kme_id, ".crt");
    g_autofree char *kme_key = deployment_pki_path(dir, agent->kme_id, ".key");
    g_autofree char *listen = g_strdup_printf(HOST ":%u", deployment_url_port(agent->kme_url));
    AgentSettings settings = {
        .daemon = {{description->broker_url, ca, certificate, key, .crl = description->crl},
                   store,
                   description->store_synchronous,
                   .metrics = {(char *)HOST, provider->metrics_port}},
        .agent = *agent,
        .master_key = master_key,
        .kme = {listen, ca, kme_certificate, kme_key, .crl = description->crl},
        .qkdn = provider->qkdn,
    };
    return make_master_key(master_key, error) &&
           write_settings(&agent_settings_table, &settings, path, error);
}

gboolean deployment_make(const char *dir, Description *description, GError **error)
{
    if (!make_dirs(dir, description, error) || !make_pki(dir, description, error) ||
        !take_ports(description, error) || !write_broker(dir, description, error) ||
        !write_token(dir, description, error) || !write_platform(dir, description, error))
        return FALSE;
    for (guint i = 0; i < description->providers->len; i++) {
        DescriptionProvider *provider = provider_at(description, i);
        if (!make_border_secrets(dir, provider, error) ||
            !write_agent(dir, description, provider, error))
            return FALSE;
    }
    return TRUE;
}

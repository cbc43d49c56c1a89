// SPDX-License-Identifier: Apache-2.0

#include "agents/host.h"

#include "agents/federation/agent.h"
#include "agents/kme/server.h"
#include "agents/master-key.h"
#include "agents/policy.h"
#include "agents/qkdn/sim.h"
#include "topics/mqtt/daemon.h"

// --- the core as the KME server calls it ---------------------------------------------------------

static void key_status(gpointer core, guint64 call, const KeyCaller *caller, const char *target)
{
    agent_key_status(core, call, caller, target, daemon_now_us());
}

static void get_keys(gpointer core, guint64 call, const KeyQuery *query)
{
    agent_get_keys(core, call, query, daemon_now_us());
}

static void get_keys_by_id(gpointer core, guint64 call, const KeyCaller *caller,
                           const char *initiator, const char *const *key_ids)
{
    agent_get_keys_by_id(core, call, caller, initiator, key_ids, daemon_now_us());
}

static void cancel(gpointer core, guint64 call)
{
    agent_cancel_call(core, call);
}

static const KeyService key_service = {key_status, get_keys, get_keys_by_id, cancel};

// --- life ----------------------------------------------------------------------------------------

static Driver *driver_new(const QkdnSettings *settings)
{
    switch ((QkdnDriver)settings->driver) {
    case QKDN_DRIVER_SIM:
        return driver_sim_new(&settings->sim, daemon_random(), daemon_now_us());
    }
    g_assert_not_reached();
}

typedef struct {
    AgentSettings *settings;
    const char *path; // of the configuration
    Agent *agent;
    KmeServer *server;
} Host;

static void committed(gpointer host)
{
    kme_server_flush(((Host *)host)->server);
}

static void set_fingerprint(AgentSettings *settings)
{
    g_clear_pointer(&settings->agent.certificate_sha256, g_bytes_unref);
    settings->agent.certificate_sha256 = policy_fingerprint(settings);
}

// Each for itself: what is bad in the one does not hold up the other.
static gboolean reload(gpointer data, GError **error)
{
    Host *host = data;
    g_autoptr(GError) cause = NULL;
    gboolean is_policy = policy_reload(host->settings, host->path, &cause);
    gboolean are_certificates = kme_server_reload(host->server, is_policy ? error : NULL);
    set_fingerprint(host->settings);
    agent_reconfigured(host->agent, daemon_now_us());
    if (!is_policy)
        g_propagate_error(error, g_steal_pointer(&cause));
    return is_policy && are_certificates;
}

static gboolean serve(AgentSettings *settings, const char *path, Agent *agent, Store *store,
                      struct event_base *base, GError **error)
{
    g_autoptr(KmeServer) server =
        kme_server_new(base, &settings->kme, &settings->agent.limits, &key_service, agent, error);
    if (!server)
        return FALSE;
    agent_set_key_answer(agent, kme_server_answer, server);
    Host host = {settings, path, agent, server};
    DaemonSetup setup = {
        .id = settings->agent.id,
        .role = ROLE_AGENT,
        .connection = &settings->daemon.broker,
        .pre_shared = settings->daemon.pre_shared,
        .core_ops = &agent_ops,
        .core = agent,
        .committed = committed,
        .reload = reload,
        .server = &host,
        .store = store,
        .metrics = &settings->daemon.metrics,
        .base = base,
    };
    return daemon_run(&setup, error);
}

gboolean host_run(AgentSettings *settings, const char *path, GError **error)
{
    g_autofree char *owner = g_strconcat("agent ", settings->agent.id, NULL);
    g_autoptr(Secret) master_key = master_key_read(settings->master_key, error);
    if (!master_key)
        return FALSE;
    settings->agent.master_key = master_key;
    settings->kme.id = settings->agent.kme_id;
    set_fingerprint(settings);
    g_autoptr(Store) store = daemon_open_store(&settings->daemon, owner, error);
    if (!store)
        return FALSE;
    g_autoptr(Driver) driver = driver_new(&settings->qkdn);
    g_autoptr(Agent) agent =
        agent_new(&settings->agent, store, driver, daemon_random(), daemon_now_us(), error);
    if (!agent) {
        g_prefix_error(error, "cannot load %s with master key %s: ", settings->daemon.store,
                       settings->master_key);
        return FALSE;
    }
    struct event_base *base = daemon_base_new();
    gboolean ok = serve(settings, path, agent, store, base, error);
    event_base_free(base);
    g_clear_pointer(&settings->agent.certificate_sha256, g_bytes_unref);
    return ok;
}

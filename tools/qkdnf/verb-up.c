// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/dashboard.h"
#include "tools/qkdnf/deployment.h"
#include "tools/qkdnf/fleet.h"
#include "tools/qkdnf/lock.h"
#include "tools/qkdnf/manifest.h"
#include "tools/qkdnf/program.h"
#include "tools/qkdnf/verb.h"
#include "topics/mqtt/broker.h"
#include "topics/mqtt/pki.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

// In the order in which they need each other.
enum {
    PHASE_BROKER,
    PHASE_PLATFORM,
    PHASE_AGENTS,
};

typedef struct {
    const char *verb;
    const char *file;
    const char *dir_argument;
    char *dir; // absolute
    Description *description;
    struct event_base *base;
    Fleet *fleet;
    int exit_code;
} Up;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Up *up = state->input;
    switch (key) {
    case 'd':
        up->dir_argument = value;
        return 0;
    case ARGP_KEY_ARG:
        if (up->file)
            argp_error(state, "expected only one file");
        up->file = value;
        return 0;
    case ARGP_KEY_END:
        if (!up->file)
            argp_error(state, "expected the description of a federation");
        if (!up->dir_argument)
            argp_error(state, "expected --dir DIR");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"dir", 'd', "DIR", 0, "where everything that it makes and stores is", 0},
    {0},
};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "FILE",
    .doc = "Starts a whole federation on this machine from one description: private authority and "
           "certificates, broker, platform, one agent per provider. Stays in the foreground and "
           "ends everything on SIGINT or SIGTERM. What DIR has of certificates, keys and stores is "
           "used again. When everything is ready, DIR/federation.json is there.",
};

static void on_told(gpointer data, const char *text)
{
    const Up *up = data;
    fprintf(stderr, "%s: %s\n", up->verb, text);
}

static void write_manifest(Up *up)
{
    g_autoptr(GError) error = NULL;
    if (manifest_write(up->dir, up->description, up->fleet, &error))
        return;
    up->exit_code = verb_fail(up->verb, EXIT_REFUSED, error);
    fleet_stop(up->fleet);
}

static void on_ready(gpointer data)
{
    Up *up = data;
    write_manifest(up);
    if (up->exit_code == EXIT_DONE)
        fprintf(stderr, "%s: everything is ready; see %s/federation.json\n", up->verb, up->dir);
}

static void on_stopped(gpointer data, const char *failure)
{
    Up *up = data;
    if (failure) {
        on_told(up, failure);
        up->exit_code = EXIT_REFUSED;
    }
    event_base_loopexit(up->base, NULL);
}

static const FleetListener fleet_listener = {
    .ready = on_ready,
    .changed = (void (*)(gpointer))write_manifest,
    .told = on_told,
    .stopped = on_stopped,
};

static void on_signal(evutil_socket_t signal_number, short what, void *data)
{
    Up *up = data;
    fprintf(stderr, "%s: stopping\n", up->verb);
    manifest_remove(up->dir);
    fleet_stop(up->fleet);
}

static gboolean add_broker(Up *up, GError **error)
{
    g_autofree char *program = program_find("mosquitto", "", error);
    g_autofree char *config = deployment_path(up->dir, DEPLOYMENT_BROKER, BROKER_CONFIG_FILE);
    g_autofree char *log = deployment_path(up->dir, DEPLOYMENT_BROKER, "log");
    const char *argv[] = {program, "-c", config, NULL};
    if (!program)
        return FALSE;
    guint16 port = deployment_url_port(up->description->broker_url);
    fleet_add(up->fleet, PHASE_BROKER, &(ChildSpec){DEPLOYMENT_BROKER, argv, log, port});
    return TRUE;
}

static void add_daemon(Up *up, guint phase, const char *program, const char *id, const char *dir,
                       const char *file)
{
    g_autofree char *config = deployment_path(up->dir, dir, file);
    g_autofree char *log = deployment_path(up->dir, dir, "log");
    const char *argv[] = {program, "--config", config, NULL};
    fleet_add(up->fleet, phase, &(ChildSpec){id, argv, log, 0});
}

// With the first monitor's certificate; left out where there is none, or no page.
static void add_dashboard(Up *up, const char *program)
{
    const char *id = up->description->monitors[0];
    if (!id || !dashboard_is_built())
        return;
    g_autofree char *port = g_strdup_printf("%u", up->description->dashboard_port);
    g_autofree char *token = deployment_path(up->dir, DEPLOYMENT_DASHBOARD, DEPLOYMENT_TOKEN_FILE);
    g_autofree char *log = deployment_path(up->dir, DEPLOYMENT_DASHBOARD, "log");
    g_autofree char *ca = g_build_filename(up->dir, "pki", PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *certificate = deployment_pki_path(up->dir, id, ".crt");
    g_autofree char *key = deployment_pki_path(up->dir, id, ".key");
    const char *argv[] = {program,
                          "dashboard",
                          "--broker",
                          up->description->broker_url,
                          "--as",
                          id,
                          "--ca",
                          ca,
                          "--certificate",
                          certificate,
                          "--key",
                          key,
                          "--port",
                          port,
                          "--token-file",
                          token,
                          NULL};
    fleet_add(up->fleet, PHASE_AGENTS,
              &(ChildSpec){DEPLOYMENT_DASHBOARD, argv, log, up->description->dashboard_port});
}

static gboolean add_programs(Up *up, GError **error)
{
    g_autofree char *platform = program_find("qkdnf-platform", "platform", error);
    g_autofree char *agent = platform ? program_find("qkdnf-agent", "agents", error) : NULL;
    g_autofree char *self = agent ? program_find("qkdnf", "tools/qkdnf", error) : NULL;
    if (!self || !add_broker(up, error))
        return FALSE;
    add_daemon(up, PHASE_PLATFORM, platform, up->description->platform.id, DEPLOYMENT_PLATFORM,
               "platform.yaml");
    for (guint i = 0; i < up->description->providers->len; i++) {
        const DescriptionProvider *provider = up->description->providers->pdata[i];
        const char *id = provider->agent.id;
        add_daemon(up, PHASE_AGENTS, agent, id, id, "agent.yaml");
    }
    add_dashboard(up, self);
    return TRUE;
}

static gboolean make_dir(Up *up, GError **error)
{
    if (g_mkdir_with_parents(up->dir_argument, 0700) != 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s",
                    up->dir_argument, g_strerror(errno));
        return FALSE;
    }
    up->dir = g_canonicalize_filename(up->dir_argument, NULL);
    return lock_take(up->dir, error);
}

static gboolean prepare(Up *up, GError **error)
{
    if (!make_dir(up, error))
        return FALSE;
    manifest_remove(up->dir);
    return deployment_make(up->dir, up->description, error) && add_programs(up, error);
}

static void run(Up *up)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct event *events[G_N_ELEMENTS(signals)];
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++) {
        events[i] = evsignal_new(up->base, signals[i], on_signal, up);
        evsignal_add(events[i], NULL);
    }
    fleet_start(up->fleet);
    event_base_dispatch(up->base);
    manifest_remove(up->dir);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        event_free(events[i]);
}

static int load_and_run(Up *up)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_load(&description_table, up->file);
    up->description = settings_root(settings);
    if (up->description)
        description_check(up->description, settings);
    if (!settings_finish(settings, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return EXIT_USAGE;
    }
    up->base = event_base_new();
    up->fleet = fleet_new(up->base, &fleet_listener, up);
    if (prepare(up, &error))
        run(up);
    else
        up->exit_code = verb_fail(up->verb, EXIT_REFUSED, error);
    fleet_free(up->fleet);
    event_base_free(up->base);
    g_free(up->description->dashboard_token);
    g_free(up->dir);
    return up->exit_code;
}

int verb_up(int argc, char **argv)
{
    Up up = {.verb = argv[0]};
    argp_parse(&argp, argc, argv, 0, NULL, &up);
    return load_and_run(&up);
}

// SPDX-License-Identifier: Apache-2.0
//
// qkdnf broker: the broker's configuration and access rules, from the table of kinds.

#include "tools/qkdnf/program.h"
#include "tools/qkdnf/verb.h"
#include "topics/mqtt/broker.h"
#include "topics/mqtt/peer.h"

#include <stdio.h>

enum {
    OPTION_DIR = 1,
    OPTION_LISTEN,
    OPTION_CA,
    OPTION_CRL,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_MONITOR
};

typedef struct {
    BrokerConfig config;
    Peer listen;
    const char *dir;
    GPtrArray *monitors;
} Arguments;

static void take_listen(Arguments *arguments, const char *value, struct argp_state *state)
{
    g_autofree char *url = g_strconcat("mqtts://", value, NULL);
    peer_clear(&arguments->listen);
    if (!peer_parse(url, &arguments->listen, NULL))
        argp_error(state, "--listen: expected ADDRESS:PORT, not '%s'", value);
    arguments->config.address = arguments->listen.host;
    arguments->config.port =
        (guint16)verb_parse_number(state, "listen", arguments->listen.port, 1, 65535);
}

static void check(Arguments *arguments, struct argp_state *state)
{
    const BrokerConfig *config = &arguments->config;
    if (!arguments->dir || !config->address || !config->ca || !config->certificate || !config->key)
        argp_error(state, "--dir, --listen, --ca, --certificate and --key are all needed");
    g_ptr_array_add(arguments->monitors, NULL);
    arguments->config.monitors = (const char *const *)arguments->monitors->pdata;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case OPTION_DIR:
        arguments->dir = value;
        return 0;
    case OPTION_LISTEN:
        take_listen(arguments, value, state);
        return 0;
    case OPTION_CA:
        arguments->config.ca = value;
        return 0;
    case OPTION_CRL:
        arguments->config.crl = value;
        return 0;
    case OPTION_CERTIFICATE:
        arguments->config.certificate = value;
        return 0;
    case OPTION_KEY:
        arguments->config.key = value;
        return 0;
    case OPTION_MONITOR:
        g_ptr_array_add(arguments->monitors, value);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "expected no more than options, not '%s'", value);
        return 0;
    case ARGP_KEY_END:
        check(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"dir", OPTION_DIR, "DIR", 0, "where to write it, and where the broker keeps its state", 0},
    {"listen", OPTION_LISTEN, "ADDRESS:PORT", 0, "where members reach it", 0},
    {"ca", OPTION_CA, "FILE", 0, "who may have certified the members (PEM)", 0},
    {"crl", OPTION_CRL, "FILE", 0, "revoked certificates of members (PEM)", 0},
    {"certificate", OPTION_CERTIFICATE, "FILE", 0, "the broker's own (PEM)", 0},
    {"key", OPTION_KEY, "FILE", 0, "its key (PEM, PKCS#8)", 0},
    {"monitor", OPTION_MONITOR, "ID", 0, "who may read everything (repeatable)", 0},
    {0},
};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Writes mosquitto's configuration (DIR/" BROKER_CONFIG_FILE ") and access rules "
           "(DIR/" BROKER_ACCESS_FILE
           ") from the table of kinds: who may say what to whom; and has the broker load "
           "qkdnf's plugin, where it is installed. Run it as the user as whom the "
           "broker will run, and again with every new version.",
};

int verb_broker(int argc, char **argv)
{
    g_autoptr(GPtrArray) monitors = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    Arguments arguments = {.monitors = monitors};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autofree char *dir = g_canonicalize_filename(arguments.dir, NULL);
    g_autofree char *plugin = program_find_plugin();
    arguments.config.plugin = plugin;
    gboolean is_written = broker_write_config(&arguments.config, dir, &error);
    peer_clear(&arguments.listen);
    if (!is_written)
        return verb_fail(argv[0], EXIT_REFUSED, error);
    printf("start it with: mosquitto -c %s/" BROKER_CONFIG_FILE "\n", dir);
    return EXIT_DONE;
}

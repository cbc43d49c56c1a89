// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/options.h"

#include <argp.h>

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "Read the configuration from FILE (required)", 0},
    {"check-config", 'n', NULL, 0, "Say whether the configuration is valid, and end", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    DaemonOptions *chosen = state->input;
    if (key == 'c')
        chosen->config = argument;
    else if (key == 'n')
        chosen->check_only = TRUE;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "unexpected argument '%s'", argument);
    else if (key == ARGP_KEY_END && !chosen->config)
        argp_error(state, "--config FILE is missing");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

DaemonOptions daemon_options_parse(int argc, char **argv, const char *what_it_is)
{
    const struct argp parser = {.options = options, .parser = parse_option, .doc = what_it_is};
    DaemonOptions chosen = {0};
    argp_program_version = "qkdnf " QKDNF_VERSION;
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &chosen);
    return chosen;
}

int daemon_fail(int exit_code, const GError *error)
{
    g_printerr("%s: %s\n", g_get_prgname(), error->message);
    return exit_code;
}

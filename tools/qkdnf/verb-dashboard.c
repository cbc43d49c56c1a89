// SPDX-License-Identifier: Apache-2.0
//
// qkdnf dashboard: the federation in a browser.

#include "tools/dashboard/dashboard.h"
#include "tools/qkdnf/access.h"
#include "tools/qkdnf/verb.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_LEAST_BYTES 32

enum {
    OPTION_ADDRESS = 1,
    OPTION_PORT,
    OPTION_TOKEN_FILE,
};

static const struct argp_option options[] = {
    {"address", OPTION_ADDRESS, "ADDRESS", 0, "an IP address of this machine (127.0.0.1)", 0},
    {"port", OPTION_PORT, "PORT", 0, "any free one if not given", 0},
    {"token-file", OPTION_TOKEN_FILE, "FILE", 0,
     "has the token that the page must know; if not given, it is made anew", 0},
    {0},
};

typedef struct {
    Access access;
    const char *address;
    guint16 port;
    const char *token_file;
} Arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    if (key == ARGP_KEY_INIT)
        state->child_inputs[0] = &arguments->access;
    else if (key == OPTION_ADDRESS)
        arguments->address = value;
    else if (key == OPTION_PORT)
        arguments->port = (guint16)verb_parse_number(state, "port", value, 1, G_MAXUINT16);
    else if (key == OPTION_TOKEN_FILE)
        arguments->token_file = value;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "expected no more than options, not '%s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static char *load_token(const Arguments *arguments, GError **error)
{
    g_autofree char *text = NULL;
    if (!arguments->token_file)
        return dashboard_make_token();
    if (!g_file_get_contents(arguments->token_file, &text, NULL, error))
        return NULL;
    g_strchomp(text);
    gsize n_bytes = strlen(text);
    if (n_bytes >= TOKEN_LEAST_BYTES && strspn(text, "0123456789abcdef") == n_bytes)
        return g_steal_pointer(&text);
    g_set_error(error, ACCESS_ERROR, 0, "%s: expected at least %d hexadecimal digits",
                arguments->token_file, TOKEN_LEAST_BYTES);
    return NULL;
}

static void on_signal(evutil_socket_t number, short what, void *data)
{
    event_base_loopbreak(data);
}

static void serve(struct event_base *base, const Dashboard *dashboard)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct event *events[G_N_ELEMENTS(signals)];
    g_autofree char *url = dashboard_url(dashboard);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++) {
        events[i] = evsignal_new(base, signals[i], on_signal, base);
        event_add(events[i], NULL);
    }
    printf("%s\n", url);
    fflush(stdout);
    event_base_dispatch(base);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        event_free(events[i]);
}

static int run(const char *verb, Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    if (!access_resolve(&arguments->access, ACCESS_MONITORS, &error))
        return verb_fail_on_bus(verb, error);
    g_autofree char *token = load_token(arguments, &error);
    if (!token)
        return verb_fail(verb, EXIT_USAGE, error);
    const DashboardSettings settings = {
        .address = arguments->address,
        .port = arguments->port,
        .token = token,
        .broker = &arguments->access.connection,
        .id = arguments->access.id,
    };
    struct event_base *base = event_base_new();
    Dashboard *dashboard = dashboard_new(base, &settings, &error);
    if (dashboard)
        serve(base, dashboard);
    dashboard_free(dashboard);
    event_base_free(base);
    return error ? verb_fail(verb, EXIT_REFUSED, error) : EXIT_DONE;
}

int verb_dashboard(int argc, char **argv)
{
    static const struct argp_child children[] = {{&access_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Serves a web page that shows the federation live, and prints its URL, with a token "
               "that whoever is to see it must know. Stays in the foreground. The page reads the "
               "bus with a monitor's certificate, and writes nothing.",
        .children = children,
    };
    Arguments arguments = {.address = "127.0.0.1"};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (!dashboard_is_built()) {
        fprintf(stderr,
                "%s: this was built without the dashboard's page; tools/quickstart "
                "installs what it needs and builds again\n",
                argv[0]);
        return EXIT_REFUSED;
    }
    signal(SIGPIPE, SIG_IGN);
    int code = run(argv[0], &arguments);
    access_clear(&arguments.access);
    return code;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>

// Of a large request people are shown so many keys' IDs.
#define KEYS_SHOWN 4

typedef struct {
    Access access;
    char **targets;
    char **exclude;
    struct qkdnf_request request;
    gboolean fetch;
    gboolean json;
} Arguments;

enum {
    OPTION_TO = 512,
    OPTION_NUMBER,
    OPTION_SIZE,
    OPTION_PATHS,
    OPTION_EXCLUDE,
    OPTION_TIMEOUT,
    OPTION_FETCH
};

static const struct argp_option options[] = {
    {"to", OPTION_TO, "SAE[,SAE...]", 0, "who shall hold the same keys", 0},
    {"number", OPTION_NUMBER, "N", 0, "of keys (default: 1)", 0},
    {"size", OPTION_SIZE, "BITS", 0, "of each key (default: 256)", 0},
    {"paths", OPTION_PATHS, "K", 0, "without a common transit provider (default: 1)", 0},
    {"exclude", OPTION_EXCLUDE, "ID[,ID...]", 0, "providers that no path may cross", 0},
    {"timeout", OPTION_TIMEOUT, "S", 0, "give up after so many seconds (default: 10)", 0},
    {"fetch", OPTION_FETCH, NULL, 0,
     "fetch the keys at all ends over ETSI GS QKD 014, and compare them", 0},
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    struct qkdnf_request *request = &arguments->request;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case OPTION_TO:
        g_strfreev(arguments->targets);
        arguments->targets = g_strsplit(value, ",", -1);
        return 0;
    case OPTION_NUMBER:
        request->number = (unsigned)verb_parse_number(state, "number", value, 1, 1000000);
        return 0;
    case OPTION_SIZE:
        request->size_bits = (unsigned)verb_parse_number(state, "size", value, 1, 100000000);
        return 0;
    case OPTION_PATHS:
        request->n_paths = (unsigned)verb_parse_number(state, "paths", value, 1, 1000);
        return 0;
    case OPTION_EXCLUDE:
        g_strfreev(arguments->exclude);
        arguments->exclude = g_strsplit(value, ",", -1);
        return 0;
    case OPTION_TIMEOUT:
        request->timeout_ms = 1000 * (unsigned)verb_parse_number(state, "timeout", value, 1, 3600);
        return 0;
    case OPTION_FETCH:
        arguments->fetch = TRUE;
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->targets)
            argp_error(state, "--to SAE is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc = "Makes one key request as an application of a federation, and says what became of it.",
};

static void print_for_people(const Exchange *exchange)
{
    const struct qkdnf_reply *reply = exchange->reply;
    printf("%s in %.2f ms, attempt %u\n", qkdnf_status_name(reply->status),
           (double)exchange->duration_us / 1000, reply->n_attempts);
    for (gsize i = 0; i < reply->n_paths; i++) {
        const struct qkdnf_path *path = &reply->paths[i];
        printf("to %s: ", path->target);
        for (gsize j = 0; j < path->n_providers; j++)
            printf("%s%s", j > 0 ? " → " : "", path->providers[j]);
        putchar('\n');
    }
    for (gsize i = 0; i < MIN(reply->n_key_ids, KEYS_SHOWN); i++)
        printf("key %s\n", reply->key_ids[i]);
    if (reply->n_key_ids > KEYS_SHOWN)
        printf("and %zu more (--json lists all)\n", reply->n_key_ids - KEYS_SHOWN);
    if (exchange->is_fetched && !exchange->fetch_error)
        printf("fetched at all ends: %s\n", exchange->is_equal ? "equal" : "NOT EQUAL");
}

static int report(const Arguments *arguments, const Exchange *exchange, const char *verb)
{
    const struct qkdnf_reply *reply = exchange->reply;
    if (arguments->json) {
        json_t *object = exchange_to_json(exchange);
        verb_print_json(object);
        json_decref(object);
    } else if (reply->status == QKDNF_OK) {
        print_for_people(exchange);
    }
    if (reply->status != QKDNF_OK) {
        verb_print(stderr, "%s: %s: %s\n", verb, qkdnf_status_name(reply->status),
                   reply->text && *reply->text ? reply->text : qkdnf_status_text(reply->status));
        return EXIT_REFUSED;
    }
    if (exchange->fetch_error)
        verb_print(stderr, "%s: %s\n", verb, exchange->fetch_error);
    return exchange->is_fetched && !exchange->is_equal ? EXIT_REFUSED : EXIT_DONE;
}

static struct qkdnf *connect_as(const Access *access, GError **error)
{
    const Connection *connection = &access->connection;
    struct qkdnf_config config = {
        .sae = access->id,
        .broker_url = connection->url,
        .ca = connection->ca,
        .certificate = connection->certificate,
        .key = connection->key,
        .platform = access->platform,
    };
    struct qkdnf_error trouble = {0};
    struct qkdnf *application = qkdnf_connect(&config, &trouble);
    if (!application)
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, trouble.text);
    return application;
}

// Only a federation's description says where the keys are and has the targets' certificates.
static gboolean check_fetch(const Arguments *arguments, GError **error)
{
    if (!arguments->fetch || arguments->access.federation)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "--fetch needs --federation: it fetches as the targets, too");
    return FALSE;
}

static gboolean ask(const Arguments *arguments, struct qkdnf *application, const json_t *federation,
                    Exchange *ret_exchange, GError **error)
{
    const struct qkdnf_request *request = &arguments->request;
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the answer");
    if (!exchange_warm_up(application, arguments->access.id, request->timeout_ms, error))
        return FALSE;
    exchange_run(application, federation, request, arguments->fetch, ret_exchange);
    return TRUE;
}

static int run(Arguments *arguments, const char *verb)
{
    g_autoptr(GError) error = NULL;
    Access *access = &arguments->access;
    if (!access_resolve(access, ACCESS_SAES, &error) || !check_fetch(arguments, &error))
        return verb_fail(verb, EXIT_USAGE, error);
    json_t *federation = access->federation ? access_load(access->federation, &error) : NULL;
    struct qkdnf *application = error ? NULL : connect_as(access, &error);
    int code = EXIT_REFUSED;
    g_auto(Exchange) exchange = {0};
    if (application && ask(arguments, application, federation, &exchange, &error)) {
        code = report(arguments, &exchange, verb);
    } else {
        verb_fail(verb, code, error);
    }
    qkdnf_close(application);
    json_decref(federation);
    return code;
}

int verb_request(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct qkdnf_request *request = &arguments.request;
    request->targets = (const char *const *)arguments.targets;
    request->n_targets = g_strv_length(arguments.targets);
    request->exclude = (const char *const *)arguments.exclude;
    request->n_exclude = arguments.exclude ? g_strv_length(arguments.exclude) : 0;
    int code = run(&arguments, argv[0]);
    access_clear(&arguments.access);
    g_strfreev(arguments.targets);
    g_strfreev(arguments.exclude);
    return code;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/session-arguments.h"

#include "tools/qkdnf/verb.h"

#include <string.h>

enum {
    OPTION_TO = 512,
    OPTION_RATE,
    OPTION_SIZE,
    OPTION_BUFFER,
    OPTION_LIFETIME,
    OPTION_PRIORITY,
    OPTION_PROTECTED,
    OPTION_PATHS,
    OPTION_EXCLUDE,
    OPTION_ID,
    OPTION_SAE,
    OPTION_TO_PROVIDER,
    OPTION_NODE,
    OPTION_REGION,
    OPTION_TIMEOUT
};

#define BIT(option) (1u << ((option)-OPTION_TO))

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "open:", 2},
    {"to", OPTION_TO, "SAE[,SAE...]", 0, "who shall hold the same keys", 2},
    {"rate", OPTION_RATE, "BPS", 0, "key bits per second that will be used", 2},
    {"size", OPTION_SIZE, "BITS", 0, "of each key (default: 256)", 2},
    {"buffer", OPTION_BUFFER, "N", 0, "keys that are kept ready (default: by the rate)", 2},
    {"lifetime", OPTION_LIFETIME, "S", 0, "it ends by itself after so many seconds", 2},
    {"priority", OPTION_PRIORITY, "P", 0, "0 to 7; what is higher is moved first", 2},
    {"protected", OPTION_PROTECTED, NULL, 0, "reserve a second way beforehand", 2},
    {"paths", OPTION_PATHS, "K", 0, "without a common transit provider (default: 1)", 2},
    {"exclude", OPTION_EXCLUDE, "ID[,ID...]", 0, "providers that no path may cross", 2},
    {"id", OPTION_ID, "UUID", 0, "of the session: opening it again changes nothing", 2},
    {NULL, 0, NULL, 0, "move:", 3},
    {"to-provider", OPTION_TO_PROVIDER, "ID", 0, "who shall serve the application", 3},
    {"node", OPTION_NODE, "N", 0, "at this access node", 3},
    {"region", OPTION_REGION, "R", 0, "the best provider of a region", 3},
    {NULL, 0, NULL, 0, "As an operator:", 4},
    {"sae", OPTION_SAE, "SAE", 0, "list: only of this application; move: who moves", 4},
    {NULL, 0, NULL, 0, "All:", 5},
    {"timeout", OPTION_TIMEOUT, "S", 0, "give up after so many seconds (default: 10; move: 30)", 5},
    {"json", 'j', NULL, 0, "report as JSON: one object, or one for each phase of a handover", 5},
    {0},
};

typedef struct {
    const char *name;
    gboolean has_session;
    guint options; // that it takes
    guint needed;  // of these one
    const char *missing;
} Action;

#define OPEN_OPTIONS                                                                               \
    (BIT(OPTION_TO) | BIT(OPTION_RATE) | BIT(OPTION_SIZE) | BIT(OPTION_BUFFER) |                   \
     BIT(OPTION_LIFETIME) | BIT(OPTION_PRIORITY) | BIT(OPTION_PROTECTED) | BIT(OPTION_PATHS) |     \
     BIT(OPTION_EXCLUDE) | BIT(OPTION_ID))
#define MOVE_OPTIONS                                                                               \
    (BIT(OPTION_TO_PROVIDER) | BIT(OPTION_NODE) | BIT(OPTION_REGION) | BIT(OPTION_SAE))

static const Action actions[] = {
    [SESSION_ACTION_OPEN] = {"open", FALSE, OPEN_OPTIONS, BIT(OPTION_TO), "--to SAE is missing"},
    [SESSION_ACTION_LIST] = {"list", FALSE, BIT(OPTION_SAE), 0, NULL},
    [SESSION_ACTION_SHOW] = {"show", TRUE, 0, 0, NULL},
    [SESSION_ACTION_MOVE] = {"move", FALSE, MOVE_OPTIONS,
                             BIT(OPTION_TO_PROVIDER) | BIT(OPTION_REGION),
                             "--to-provider ID or --region R is missing"},
    [SESSION_ACTION_CLOSE] = {"close", TRUE, 0, 0, NULL},
};

#define WORDS "open, list, show, move or close"

// 0 for none of them.
static SessionAction find_action(const char *name)
{
    for (guint i = SESSION_ACTION_OPEN; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, name) == 0)
            return (SessionAction)i;
    }
    return SESSION_ACTION_NONE;
}

static void take_word(SessionArguments *arguments, char *word, struct argp_state *state)
{
    const Action *action = &actions[arguments->action];
    if (!arguments->action) {
        arguments->action = find_action(word);
        if (!arguments->action)
            argp_error(state, "expected " WORDS ", not '%s'", word);
    } else if (action->has_session && !arguments->session) {
        if (!g_uuid_string_is_valid(word))
            argp_error(state, "expected the UUID of a session, not '%s'", word);
        arguments->session = word;
    } else {
        argp_error(state, "unexpected argument '%s'", word);
    }
}

static void check_options(const SessionArguments *arguments, const Action *action,
                          struct argp_state *state)
{
    for (const struct argp_option *option = options; option->name || option->group; option++) {
        gboolean is_counted = option->key >= OPTION_TO && option->key < OPTION_TIMEOUT;
        if (is_counted && (arguments->given & BIT(option->key) & ~action->options))
            argp_error(state, "--%s is not for %s", option->name, action->name);
    }
    if (action->needed && !(arguments->given & action->needed))
        argp_error(state, "%s", action->missing);
}

static void check(const SessionArguments *arguments, struct argp_state *state)
{
    const Action *action = &actions[arguments->action];
    gboolean opens = arguments->action == SESSION_ACTION_OPEN;
    gboolean moves = arguments->action == SESSION_ACTION_MOVE;
    if (arguments->action == SESSION_ACTION_NONE)
        argp_error(state, "expected " WORDS);
    if (action->has_session && !arguments->session)
        argp_error(state, "expected which session");
    check_options(arguments, action, state);
    if (opens && !arguments->access.id)
        argp_error(state, "--as SAE is missing");
    if (opens && arguments->qos.rate_bps == 0)
        argp_error(state, "--rate BPS is missing");
    if (arguments->id && !g_uuid_string_is_valid(arguments->id))
        argp_error(state, "--id: expected a UUID, not '%s'", arguments->id);
    if (moves && !arguments->sae && !arguments->access.id)
        argp_error(state, "--as SAE or --sae SAE is missing");
}

static void split(char ***ret_ids, const char *value)
{
    g_strfreev(*ret_ids);
    *ret_ids = g_strsplit(value, ",", -1);
}

static error_t parse_qos(int key, char *value, struct argp_state *state)
{
    SessionArguments *arguments = state->input;
    WireSessionQos *qos = &arguments->qos;
    switch (key) {
    case OPTION_RATE:
        qos->rate_bps = verb_parse_number(state, "rate", value, 1, G_MAXINT64);
        return 0;
    case OPTION_SIZE:
        qos->size_bits = (guint32)verb_parse_number(state, "size", value, 8, 100000000);
        return 0;
    case OPTION_BUFFER:
        qos->buffer = (guint32)verb_parse_number(state, "buffer", value, 1, 1000000);
        return 0;
    case OPTION_LIFETIME:
        qos->lifetime_ms = 1000 * verb_parse_number(state, "lifetime", value, 1, 1000000000);
        return 0;
    case OPTION_PRIORITY:
        qos->priority = (guint32)verb_parse_number(state, "priority", value, 0, 7);
        return 0;
    case OPTION_PROTECTED:
        qos->protected_ = TRUE;
        return 0;
    case OPTION_PATHS:
        qos->paths = (guint32)verb_parse_number(state, "paths", value, 1, 1000);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    SessionArguments *arguments = state->input;
    if (key >= OPTION_TO && key <= OPTION_TIMEOUT)
        arguments->given |= BIT(key);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case OPTION_TO:
        split(&arguments->targets, value);
        return 0;
    case OPTION_EXCLUDE:
        split(&arguments->exclude, value);
        return 0;
    case OPTION_ID:
        arguments->id = value;
        return 0;
    case OPTION_SAE:
        arguments->sae = value;
        return 0;
    case OPTION_TO_PROVIDER:
        arguments->provider = value;
        return 0;
    case OPTION_NODE:
        arguments->node = value;
        return 0;
    case OPTION_REGION:
        arguments->region = value;
        return 0;
    case OPTION_TIMEOUT:
        arguments->timeout_ms = 1000 * (guint)verb_parse_number(state, "timeout", value, 1, 3600);
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        take_word(arguments, value, state);
        return 0;
    case ARGP_KEY_END:
        check(arguments, state);
        return 0;
    default:
        return parse_qos(key, value, state);
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
const struct argp session_argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "open --as SAE --to SAE[,SAE...] --rate BPS\n"
                "list\n"
                "show SESSION\n"
                "close SESSION\n"
                "move --as SAE --to-provider ID [--node N]\n"
                "move --as SAE --region R",
    .children = children,
    .doc = "Key streams: a buffer of keys that is kept filled at both ends, whatever fails on the "
           "way. `move` lets an application be served by another provider, with all its sessions; "
           "it waits until the application has come to its new KME, and the old one is released.",
};

void session_arguments_clear(SessionArguments *arguments)
{
    access_clear(&arguments->access);
    g_strfreev(arguments->targets);
    g_strfreev(arguments->exclude);
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/fault-list.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    Access access;
    const char *words[4]; // action, provider, scope, subject
    guint n_words;
    WireDrill drill;
    gboolean json;
} Arguments;

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};

static const char *const action_names[] = {"inject", "clear", "list", NULL};
static const char *const scope_names[] = {"link", "node", "border", "provider", NULL};

// 1 for the first name, as in the wire's enumerations; 0 for none of them.
static int find_name(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return i + 1;
    }
    return 0;
}

// All faults, as the platform knows them.
static gboolean is_federations(const Arguments *arguments)
{
    return arguments->n_words == 1 && strcmp(arguments->words[0], "list") == 0;
}

static void check_words(Arguments *arguments, struct argp_state *state)
{
    WireDrill *drill = &arguments->drill;
    const char *const *words = arguments->words;
    if (is_federations(arguments))
        return;
    if (arguments->n_words < 2)
        argp_error(state, "expected an action and a provider");
    drill->action = (Qkdnf__V1__DrillAction)find_name(action_names, words[0]);
    if (!drill->action)
        argp_error(state, "expected inject, clear or list, not '%s'", words[0]);
    if (drill->action == QKDNF__V1__DRILL_ACTION__DRILL_ACTION_LIST && arguments->n_words == 2)
        return;
    drill->scope = words[2] ? (Qkdnf__V1__FaultScope)find_name(scope_names, words[2]) : 0;
    if (!drill->scope)
        argp_error(state, "expected link, node, border or provider, not '%s'",
                   words[2] ? words[2] : "");
    gboolean is_provider = drill->scope == QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_PROVIDER;
    if (is_provider != (arguments->n_words == 3))
        argp_error(state, is_provider ? "a whole provider needs no more said" : "expected which %s",
                   words[2]);
    drill->subject = (char *)(words[3] ? words[3] : "");
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->n_words >= G_N_ELEMENTS(arguments->words))
            argp_error(state, "unexpected argument '%s'", value);
        arguments->words[arguments->n_words++] = value;
        return 0;
    case ARGP_KEY_END:
        check_words(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "inject|clear PROVIDER border LINK\n"
                "inject|clear PROVIDER node NODE\n"
                "inject|clear PROVIDER link A/B\n"
                "inject|clear PROVIDER provider\n"
                "list [PROVIDER]",
    .children = children,
    .doc = "Drills: makes a provider's simulated QKDN misbehave, or behave again. `list` shows the "
           "federation's faults, or a provider's drills and the faults of others that it was told.",
};

static void print_lines(const WireAdminReply *answer)
{
    for (gsize i = 0; i < answer->n_lines; i++)
        verb_print(stdout, "%s\n", answer->lines[i]);
}

static void print_json(const Arguments *arguments, const WireAdminReply *answer, json_t *notices)
{
    json_t *lines = json_array();
    for (gsize i = 0; i < answer->n_lines; i++)
        json_array_append_new(lines, json_string(answer->lines[i]));
    json_t *report = json_pack(
        "{s:s, s:s, s:s, s:s, s:o}", "action", arguments->words[0], "provider", arguments->words[1],
        "status", status_name((Status)answer->status), "text", answer->text, "faults", lines);
    if (notices)
        json_object_set(report, "notices", notices);
    verb_print_json(report);
    json_decref(report);
}

static int report(const Arguments *arguments, const WireAdminReply *answer, json_t *notices,
                  const char *verb)
{
    if (arguments->json)
        print_json(arguments, answer, notices);
    else
        print_lines(answer);
    if (notices && !arguments->json)
        fault_list_print(notices);
    if (answer->status == STATUS_OK)
        return EXIT_DONE;
    verb_print(stderr, "%s: %s: %s\n", verb, status_name((Status)answer->status), answer->text);
    return EXIT_REFUSED;
}

static char *list_providers(const json_t *federation, const char *wanted, gboolean *ret_found)
{
    GString *ids = g_string_new(NULL);
    gsize i;
    json_t *qkdn;
    *ret_found = FALSE;
    json_array_foreach(json_object_get(federation, "qkdns"), i, qkdn)
    {
        const char *id = json_read_text(qkdn, "id");
        *ret_found = *ret_found || g_str_equal(id, wanted);
        g_string_append_printf(ids, "%s%s", i > 0 ? ", " : "", id);
    }
    return g_string_free(ids, FALSE);
}

// Nobody would answer for a provider that is not there; without a description it cannot be known.
static gboolean check_provider(const Access *access, const char *provider, GError **error)
{
    json_t *federation = access->federation ? access_load(access->federation, error) : NULL;
    if (!federation)
        return !access->federation;
    gboolean is_found;
    g_autofree char *ids = list_providers(federation, provider, &is_found);
    json_decref(federation);
    if (!is_found)
        g_set_error(error, ACCESS_ERROR, 0, "there is no provider '%s'; expected one of %s",
                    provider, ids);
    return is_found;
}

static WireAdminReply *ask(Arguments *arguments, WireAdmin *question, GError **error)
{
    Access *access = &arguments->access;
    const char *provider = arguments->words[1];
    if (!access_resolve(access, ACCESS_OPERATORS, error) ||
        !check_provider(access, provider, error))
        return NULL;
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the provider's answer");
    return inquiry_admin(access, provider, question, error);
}

static int list_all(Arguments *arguments, const char *verb)
{
    g_autoptr(GError) error = NULL;
    json_t *faults = NULL;
    if (access_resolve(&arguments->access, ACCESS_OPERATORS, &error))
        faults = fault_list_ask(&arguments->access, arguments->access.platform, &error);
    if (!faults)
        return verb_fail_on_bus(verb, error);
    if (!arguments->json)
        fault_list_print(faults);
    for (gsize i = 0; arguments->json && i < json_array_size(faults); i++)
        verb_print_json(json_array_get(faults, i));
    json_decref(faults);
    return EXIT_DONE;
}

static int command(Arguments *arguments, const char *verb)
{
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_DRILL;
    question.drill = &arguments->drill;
    g_autoptr(GError) error = NULL;
    json_t *notices = NULL;
    WireAdminReply *answer = ask(arguments, &question, &error);
    if (answer && arguments->drill.action == QKDNF__V1__DRILL_ACTION__DRILL_ACTION_LIST)
        notices = fault_list_ask(&arguments->access, arguments->words[1], NULL);
    int code = answer ? report(arguments, answer, notices, verb) : verb_fail_on_bus(verb, error);
    json_decref(notices);
    wire_free(answer);
    return code;
}

int verb_fault(int argc, char **argv)
{
    Arguments arguments = {.drill = WIRE_DRILL_INIT};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code =
        is_federations(&arguments) ? list_all(&arguments, argv[0]) : command(&arguments, argv[0]);
    access_clear(&arguments.access);
    return code;
}

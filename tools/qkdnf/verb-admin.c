// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/admin-print.h"
#include "tools/qkdnf/agreement-print.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    Access access;
    const char *words[2]; // action, provider
    guint n_words;
    const char *reason;
    Qkdnf__V1__Purpose scope[PURPOSES_MAX];
    gsize n_scope;
    gboolean json;
} Arguments;

enum { OPTION_SCOPE = 300, OPTION_REASON };

static const struct argp_option options[] = {
    {"scope", OPTION_SCOPE, "PURPOSE,…", 0, "what it may serve: " PURPOSES_EXPECTED, 0},
    {"reason", OPTION_REASON, "TEXT", 0, "why, for people", 0},
    {"json", 'j', NULL, 0, "report as JSON, one object a line", 0},
    {0},
};

// --- actions -------------------------------------------------------------------------------------

typedef int (*ActionFn)(Arguments *arguments, const char *verb);

typedef struct {
    const char *name;
    gboolean needs_provider;
    gboolean needs_reason;
    ActionFn run;
    int action; // of the message
} Action;

static const Action *find_action(const char *name);

static WireAdminReply *ask(Arguments *arguments, const char *member, WireAdmin *question,
                           const char *verb, int *ret_code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the answer");
    WireAdminReply *answer = inquiry_admin(&arguments->access, member, question, &error);
    if (!answer)
        *ret_code = verb_fail_on_bus(verb, error);
    return answer;
}

static int put(Arguments *arguments, const char *member, WireAdmin *question, const char *verb)
{
    int code = EXIT_REFUSED;
    WireAdminReply *answer = ask(arguments, member, question, verb, &code);
    if (answer)
        code = admin_report(answer, arguments->words[0], "provider", arguments->words[1],
                            arguments->json, verb);
    wire_free(answer);
    return code;
}

static int change_member(Arguments *arguments, const char *verb)
{
    WireMemberCommand command = WIRE_MEMBER_COMMAND_INIT;
    command.action = (Qkdnf__V1__MemberAction)find_action(arguments->words[0])->action;
    command.member = (char *)arguments->words[1];
    command.reason = (char *)(arguments->reason ? arguments->reason : "");
    command.scope = arguments->scope;
    command.n_scope = arguments->n_scope;
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBER;
    question.member = &command;
    return put(arguments, arguments->access.platform, &question, verb);
}

static int command_agent(Arguments *arguments, const char *verb)
{
    WireAgentCommand command = WIRE_AGENT_COMMAND_INIT;
    command.action = (Qkdnf__V1__AgentAction)find_action(arguments->words[0])->action;
    command.reason = (char *)(arguments->reason ? arguments->reason : "");
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_AGENT;
    question.agent = &command;
    return put(arguments, arguments->words[1], &question, verb);
}

static void print_json(json_t *object)
{
    verb_print_json(object);
    json_decref(object);
}

static void print_members(const Arguments *arguments, const WireAdminReply *answer)
{
    for (gsize i = 0; i < answer->n_members; i++) {
        if (arguments->json)
            print_json(admin_member_json(answer->members[i]));
        else
            admin_print_member(answer->members[i]);
    }
}

static int list_members(Arguments *arguments, const char *verb)
{
    g_autofree char *after = g_strdup("");
    int code = EXIT_DONE;
    for (gboolean more = TRUE; more && code == EXIT_DONE;) {
        WireMemberQuery query = WIRE_MEMBER_QUERY_INIT;
        WireAdmin question = WIRE_ADMIN_INIT;
        query.after = after;
        question.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBERS;
        question.members = &query;
        WireAdminReply *answer = ask(arguments, arguments->access.platform, &question, verb, &code);
        if (!answer)
            return code;
        print_members(arguments, answer);
        more = answer->more && answer->n_members > 0;
        if (more) {
            g_free(after);
            after = g_strdup(answer->members[answer->n_members - 1]->id);
        }
        wire_free(answer);
    }
    return code;
}

static void print_records(const Arguments *arguments, const WireAdminReply *answer)
{
    for (gsize i = 0; i < answer->n_audit; i++) {
        if (arguments->json)
            print_json(admin_record_json(answer->audit[i]));
        else
            admin_print_record(answer->audit[i]);
    }
}

static int list_audit(Arguments *arguments, const char *verb)
{
    WireAuditQuery query = WIRE_AUDIT_QUERY_INIT;
    int code = EXIT_DONE;
    for (gboolean more = TRUE; more && code == EXIT_DONE;) {
        WireAdmin question = WIRE_ADMIN_INIT;
        question.command_case = QKDNF__V1__ADMIN__COMMAND_AUDIT;
        question.audit = &query;
        WireAdminReply *answer = ask(arguments, arguments->access.platform, &question, verb, &code);
        if (!answer)
            return code;
        print_records(arguments, answer);
        more = answer->more && answer->n_audit > 0;
        if (more)
            query.after = answer->audit[answer->n_audit - 1]->number;
        wire_free(answer);
    }
    return code;
}

static int list_agreements(Arguments *arguments, const char *verb)
{
    return agreement_print_all(&arguments->access, arguments->access.platform, arguments->json,
                               verb);
}

#define MEMBER_ACTION(name) QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_##name
#define AGENT_ACTION(name)  QKDNF__V1__AGENT_ACTION__AGENT_ACTION_##name

static const Action actions[] = {
    {"members", FALSE, FALSE, list_members, 0},
    {"audit", FALSE, FALSE, list_audit, 0},
    {"agreements", FALSE, FALSE, list_agreements, 0},
    {"approve", TRUE, FALSE, change_member, MEMBER_ACTION(APPROVE)},
    {"refuse", TRUE, TRUE, change_member, MEMBER_ACTION(REFUSE)},
    {"suspend", TRUE, TRUE, change_member, MEMBER_ACTION(SUSPEND)},
    {"resume", TRUE, FALSE, change_member, MEMBER_ACTION(RESUME)},
    {"expel", TRUE, TRUE, change_member, MEMBER_ACTION(EXPEL)},
    {"withdraw", TRUE, FALSE, command_agent, AGENT_ACTION(WITHDRAW)},
    {"apply", TRUE, FALSE, command_agent, AGENT_ACTION(APPLY)},
};

static const Action *find_action(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    }
    return NULL;
}

// --- command line --------------------------------------------------------------------------------

static void check_words(const Arguments *arguments, struct argp_state *state)
{
    const char *name = arguments->words[0];
    const Action *action = name ? find_action(name) : NULL;
    if (!action)
        argp_error(state,
                   "expected members, audit, agreements, approve, refuse, suspend, resume, expel, "
                   "withdraw or apply%s%s",
                   name ? ", not " : "", name ? name : "");
    if (action->needs_provider != (arguments->n_words == 2))
        argp_error(state,
                   action->needs_provider ? "%s: expected which provider" : "%s needs no more said",
                   name);
    if (action->needs_reason && !(arguments->reason && *arguments->reason))
        argp_error(state, "%s needs a --reason", name);
    if (arguments->n_scope > 0 && strcmp(name, "approve") != 0)
        argp_error(state, "%s takes no --scope", name);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case OPTION_SCOPE:
        verb_parse_purposes(state, value, arguments->scope, &arguments->n_scope);
        return 0;
    case OPTION_REASON:
        arguments->reason = value;
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
    .args_doc = "members\n"
                "audit\n"
                "agreements\n"
                "approve PROVIDER [--scope=PURPOSE,…]\n"
                "refuse|suspend|expel PROVIDER --reason=TEXT\n"
                "resume PROVIDER\n"
                "withdraw|apply PROVIDER",
    .children = children,
    .doc = "Administers the federation: who takes part, and what they may serve. `withdraw` and "
           "`apply` are for operators of the provider, and go to its agent.",
};

int verb_admin(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    int code = access_resolve(&arguments.access, ACCESS_OPERATORS, &error)
                   ? find_action(arguments.words[0])->run(&arguments, argv[0])
                   : verb_fail_on_bus(argv[0], error);
    access_clear(&arguments.access);
    return code;
}

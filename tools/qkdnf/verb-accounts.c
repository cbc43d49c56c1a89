// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/accounts-print.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    Access access;
    const char *word;
    AccountsFormat format;
} Arguments;

enum { OPTION_CSV = 300 };

static const struct argp_option options[] = {
    {"csv", OPTION_CSV, NULL, 0, "report as CSV (RFC 4180), with a head line", 0},
    {"json", 'j', NULL, 0, "report as JSON, one object a line", 0},
    {0},
};

#define ACTION(name) QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_##name

// Prints an answer; where the next one goes on, to be freed.
typedef char *(*PrintFn)(const WireAdminReply *answer, AccountsFormat format);

typedef struct {
    const char *name;
    Qkdnf__V1__AccountsAction action;
    AccountsTable table;
    PrintFn print;
} Action;

static const Action actions[] = {
    {"usage", ACTION(USAGE), ACCOUNTS_CHARGES, accounts_print_charges},
    {"disputes", ACTION(DISPUTES), ACCOUNTS_CHARGES, accounts_print_charges},
    {"statements", ACTION(STATEMENTS), ACCOUNTS_STATEMENTS, accounts_print_statements},
    {"settle", ACTION(SETTLE), ACCOUNTS_NETTINGS, accounts_print_nettings},
    {"netting", ACTION(NETTING), ACCOUNTS_NETTINGS, accounts_print_nettings},
    {"parties", ACTION(PARTIES), ACCOUNTS_CONDUCTS, accounts_print_conducts},
};

static const Action *find_action(const char *name)
{
    for (gsize i = 0; name && i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    }
    return NULL;
}

static WireAdminReply *ask(Arguments *arguments, const Action *action, const char *after,
                           GError **error)
{
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the answer");
    WireAccountsCommand command = WIRE_ACCOUNTS_COMMAND_INIT;
    command.action = action->action;
    command.after = (char *)after;
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_ACCOUNTS;
    question.accounts = &command;
    return inquiry_admin(&arguments->access, arguments->access.platform, &question, error);
}

static int run(Arguments *arguments, const char *verb)
{
    const Action *action = find_action(arguments->word);
    g_autofree char *after = g_strdup("");
    accounts_print_head(action->table, arguments->format);
    while (after) {
        g_autoptr(GError) error = NULL;
        WireAdminReply *answer = ask(arguments, action, after, &error);
        if (!answer)
            return verb_fail_on_bus(verb, error);
        if (answer->status != QKDNF__V1__STATUS__STATUS_OK) {
            verb_print(stderr, "%s: %s: %s\n", verb, status_name((Status)answer->status),
                       answer->text);
            wire_free(answer);
            return EXIT_REFUSED;
        }
        char *last = action->print(answer, arguments->format);
        g_free(after);
        after = answer->more ? g_steal_pointer(&last) : NULL;
        g_free(last);
        wire_free(answer);
    }
    return EXIT_DONE;
}

// --- command line --------------------------------------------------------------------------------

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case OPTION_CSV:
    case 'j':
        if (arguments->format != ACCOUNTS_TEXT)
            argp_error(state, "expected one of --csv and --json");
        arguments->format = key == 'j' ? ACCOUNTS_JSON : ACCOUNTS_CSV;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->word)
            argp_error(state, "unexpected argument '%s'", value);
        arguments->word = value;
        return 0;
    case ARGP_KEY_END:
        if (!find_action(arguments->word))
            argp_error(state,
                       "expected usage, disputes, statements, settle, netting or parties%s%s",
                       arguments->word ? ", not " : "", arguments->word ? arguments->word : "");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "usage\n"
                "disputes\n"
                "statements\n"
                "settle\n"
                "netting\n"
                "parties",
    .children = children,
    .doc = "Shows who did what for whom, and what that costs: the records of usage, those of which "
           "seller, buyer and platform say different things, the batches of each seller and buyer, "
           "and what each member gets or owes by period. `settle` closes the period that runs. "
           "`parties` shows of each member how often it said what others said differently, or "
           "objected to a batch.",
};

int verb_accounts(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    int code = access_resolve(&arguments.access, ACCESS_OPERATORS, &error)
                   ? run(&arguments, argv[0])
                   : verb_fail_on_bus(argv[0], error);
    access_clear(&arguments.access);
    return code;
}

// SPDX-License-Identifier: Apache-2.0
//
// qkdnf certificate: the private authority of a federation that has no other.

#include "tools/qkdnf/verb.h"
#include "topics/mqtt/pki.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DIR = 1, OPTION_ROLE, OPTION_HOST };

typedef struct Arguments Arguments;
typedef gboolean (*ActionFn)(const Arguments *arguments, const PkiCa *ca, GError **error);

typedef struct {
    const char *name;
    gboolean has_id; // and a role; else any number of files
    ActionFn run;
} Action;

// A certificate's use. Servers have no role on the bus.
typedef struct {
    const char *name;
    PkiUsage usage;
    Role role;
} Use;

static const Use uses[] = {
    {"platform", PKI_USAGE_CLIENT, ROLE_PLATFORM},
    {"agent", PKI_USAGE_CLIENT, ROLE_AGENT},
    {"application", PKI_USAGE_CLIENT, ROLE_APPLICATION},
    {"operator", PKI_USAGE_CLIENT, ROLE_OPERATOR},
    {"monitor", PKI_USAGE_CLIENT, ROLE_MONITOR},
    {"server", PKI_USAGE_SERVER, 0},
};

#define ROLES_EXPECTED "platform, agent, application, operator, monitor or server"

struct Arguments {
    const Action *action;
    const char *dir;
    const Use *use;
    GPtrArray *hosts; // NULL-terminated when it is complete, as `words`
    GPtrArray *words;
};

static const char *const *texts(const GPtrArray *array)
{
    return (const char *const *)array->pdata;
}

static gboolean run_issue(const Arguments *arguments, const PkiCa *ca, GError **error)
{
    const Use *use = arguments->use;
    const char *id = arguments->words->pdata[0];
    gboolean is_issued =
        use->usage == PKI_USAGE_SERVER
            ? pki_issue_server(ca, id, texts(arguments->hosts), arguments->dir, error)
            : pki_issue(ca, id, use->usage, ROLE_BIT(use->role), arguments->dir, error);
    if (is_issued)
        printf("%s/%s.crt %s/%s.key\n", arguments->dir, id, arguments->dir, id);
    return is_issued;
}

static gboolean run_renew(const Arguments *arguments, const PkiCa *ca, GError **error)
{
    return pki_retire(arguments->words->pdata[0], arguments->dir, error) &&
           run_issue(arguments, ca, error);
}

static gboolean run_revoke(const Arguments *arguments, const PkiCa *ca, GError **error)
{
    gboolean is_revoked = pki_revoke(ca, texts(arguments->words), arguments->dir, error);
    if (is_revoked)
        printf("%s/" PKI_CRL_FILE "\n", arguments->dir);
    return is_revoked;
}

static const Action actions[] = {
    {"issue", TRUE, run_issue},
    {"renew", TRUE, run_renew},
    {"revoke", FALSE, run_revoke},
};

static void take_action(Arguments *arguments, const char *word, struct argp_state *state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, word) == 0)
            arguments->action = &actions[i];
    }
    if (!arguments->action)
        argp_error(state, "expected issue, renew or revoke, not '%s'", word);
}

static void take_use(Arguments *arguments, const char *value, struct argp_state *state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(uses); i++) {
        if (strcmp(uses[i].name, value) == 0)
            arguments->use = &uses[i];
    }
    if (!arguments->use)
        argp_error(state, "--role: expected " ROLES_EXPECTED ", not '%s'", value);
}

static void check(Arguments *arguments, struct argp_state *state)
{
    const Action *action = arguments->action;
    if (!action)
        argp_error(state, "expected issue, renew or revoke");
    if (!arguments->dir)
        argp_error(state, "--dir DIR is missing");
    if (action->has_id && arguments->words->len != 1)
        argp_error(state, "%s: expected one ID", action->name);
    if (action->has_id && !arguments->use)
        argp_error(state, "%s: --role ROLE is missing: " ROLES_EXPECTED, action->name);
    if (arguments->hosts->len > 0 && (!arguments->use || arguments->use->usage != PKI_USAGE_SERVER))
        argp_error(state, "--host is for --role server");
    g_ptr_array_add(arguments->hosts, NULL);
    g_ptr_array_add(arguments->words, NULL);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case OPTION_DIR:
        arguments->dir = value;
        return 0;
    case OPTION_ROLE:
        take_use(arguments, value, state);
        return 0;
    case OPTION_HOST:
        g_ptr_array_add(arguments->hosts, value);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->action)
            g_ptr_array_add(arguments->words, value);
        else
            take_action(arguments, value, state);
        return 0;
    case ARGP_KEY_END:
        check(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"dir", OPTION_DIR, "DIR", 0, "the authority's directory, made if need be (required)", 0},
    {"role", OPTION_ROLE, "ROLE", 0, "what its holder is: " ROLES_EXPECTED, 0},
    {"host", OPTION_HOST, "HOST", 0,
     "of a server: a name or address that it is reached by (repeatable)", 0},
    {0},
};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "issue --role=ROLE ID\n"
                "renew --role=ROLE ID\n"
                "revoke [FILE...]",
    .doc = "The private authority of a federation that has no other. `issue` writes DIR/ID.crt and "
           "DIR/ID.key, good for a year, and the authority itself when it is not there; "
           "applications and agents are clients of the broker, and the broker and every key "
           "management entity is a server. `renew` does the same with a new key, and keeps the "
           "old ones as ID.crt.old and ID.key.old. `revoke` writes DIR/crl.pem anew, good for 90 "
           "days, with the certificates in the files added to it.",
};

static gboolean run(const Arguments *arguments, GError **error)
{
    if (g_mkdir_with_parents(arguments->dir, 0700) != 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s",
                    arguments->dir, g_strerror(errno));
        return FALSE;
    }
    g_autoptr(PkiCa) ca = pki_create_ca(arguments->dir, error);
    return ca && arguments->action->run(arguments, ca, error);
}

int verb_certificate(int argc, char **argv)
{
    g_autoptr(GPtrArray) hosts = g_ptr_array_new(), words = g_ptr_array_new();
    Arguments arguments = {.hosts = hosts, .words = words};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    return run(&arguments, &error) ? EXIT_DONE : verb_fail(argv[0], EXIT_REFUSED, error);
}

// SPDX-License-Identifier: Apache-2.0
//
// qkdnf: everything that a person does with a federation, one verb each.

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/verb.h"
#include "topics/mqtt/session.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;
} Verb;

static const Verb verbs[] = {
    {"up", verb_up, "start a whole federation on this machine"},
    {"down", verb_down, "stop it"},
    {"status", verb_status, "show what runs"},
    {"demo", verb_demo, "show a federation at work, and check it as it is shown"},
    {"request", verb_request, "make a key request as an application"},
    {"session", verb_session, "open, list, move and close key streams of an application"},
    {"discover", verb_discover, "find applications, by ID, region or service"},
    {"accounts", verb_accounts, "show who did what for whom, and what it costs"},
    {"rating", verb_rating, "show how providers serve, and what that was made of"},
    {"admin", verb_admin, "decide who takes part in the federation, and as what"},
    {"agreement", verb_agreement,
     "negotiate, show and decide what providers may use of each other"},
    {"fault", verb_fault, "drills: make a simulated QKDN misbehave, or behave again"},
    {"topology", verb_topology, "show the federation as registered"},
    {"top", verb_top, "show how it does, on a full screen"},
    {"tap", verb_tap, "show the bus, decoded, live"},
    {"dashboard", verb_dashboard, "show all of it in a browser"},
    {"bench", verb_bench, "measure it, beside the floor"},
    {"contract", verb_contract, "write what others need to speak on the bus"},
    {"broker", verb_broker, "write the broker's configuration and access rules"},
    {"certificate", verb_certificate, "issue, renew and revoke certificates"},
    {"check-config", verb_check_config, "find every error in a configuration file"},
};

static void print_safely(FILE *file, const char *text, gboolean is_line)
{
    g_autoptr(GString) printable = g_string_new(NULL);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        gboolean is_end = c == '\n' && (!is_line || !at[1]);
        g_string_append_unichar(printable, is_end || g_unichar_isprint(c) ? c : '?');
    }
    fputs(printable->str, file);
}

void verb_print(FILE *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_safely(file, text, TRUE);
}

// Errors in a configuration show the line that they are in.
int verb_fail(const char *verb, int exit_code, const GError *error)
{
    g_autofree char *text = g_strdup_printf("%s: %s\n", verb, error->message);
    print_safely(stderr, text, FALSE);
    return exit_code;
}

int verb_fail_on_bus(const char *verb, const GError *error)
{
    return verb_fail(verb, error->domain == ACCESS_ERROR ? EXIT_USAGE : EXIT_REFUSED, error);
}

void verb_print_json(const json_t *report)
{
    // A double's 17 digits would say more than was measured.
    json_dumpf(report, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
}

guint64 verb_parse_number(struct argp_state *state, const char *option, const char *value,
                          guint64 min, guint64 max)
{
    guint64 number = 0;
    if (!g_ascii_string_to_unsigned(value, 10, min, max, &number, NULL))
        argp_error(state,
                   "--%s: expected a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                   ", not '%s'",
                   option, min, max, value);
    return number;
}

void verb_parse_purposes(struct argp_state *state, const char *value,
                         Qkdnf__V1__Purpose purposes[PURPOSES_MAX], gsize *n_purposes)
{
    g_auto(GStrv) names = g_strsplit(value, ",", -1);
    for (char **name = names; *name; name++) {
        Qkdnf__V1__Purpose purpose;
        if (!purpose_find(*name, &purpose))
            argp_error(state, "'%s' is no purpose; expected " PURPOSES_EXPECTED, *name);
        if (*n_purposes < PURPOSES_MAX)
            purposes[(*n_purposes)++] = purpose;
    }
}

static void print_help(void)
{
    printf("Usage: qkdnf VERB [OPTION...]\n"
           "A message-bus federation fabric for quantum key distribution networks.\n\n");
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        printf("  %-14s %s\n", verbs[i].name, verbs[i].does);
    printf("\n`qkdnf VERB --help` says more about a verb.\n"
           "Exit codes: 0 done, 1 refused or failed, 2 usage or configuration error.\n");
}

static int run_verb(int argc, char **argv)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_str_equal(verbs[i].name, argv[0])) {
            g_autofree char *name = g_strconcat("qkdnf ", argv[0], NULL);
            argv[0] = name;
            return verbs[i].run(argc, argv);
        }
    }
    fprintf(stderr, "qkdnf: there is no verb '%s'; `qkdnf --help` lists them\n", argv[0]);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    // Some verbs hold keys. One byte, as in topics/mqtt/privilege.c.
    setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1});
    session_prepare_process();
    argp_program_version = "qkdnf " QKDNF_VERSION;
    argp_err_exit_status = EXIT_USAGE;
    g_set_prgname("qkdnf");
    if (argc < 2) {
        fprintf(stderr, "qkdnf: expected a verb; `qkdnf --help` lists them\n");
        return EXIT_USAGE;
    }
    if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "help")) {
        print_help();
        return EXIT_DONE;
    }
    if (g_str_equal(argv[1], "--version"))
        return puts(argp_program_version) < 0;
    return run_verb(argc - 1, argv + 1);
}

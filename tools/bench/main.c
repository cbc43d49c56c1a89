// SPDX-License-Identifier: Apache-2.0
//
// qkdnf bench: measures, beside the floor, in one run on one machine.

#include "tools/bench/accounts.h"
#include "tools/bench/all.h"
#include "tools/bench/authentication.h"
#include "tools/bench/compare.h"
#include "tools/bench/durability.h"
#include "tools/bench/endurance.h"
#include "tools/bench/handover.h"
#include "tools/bench/kme.h"
#include "tools/bench/overload.h"
#include "tools/bench/recovery.h"
#include "tools/bench/relay.h"
#include "tools/bench/reroute.h"
#include "tools/bench/scale.h"
#include "tools/bench/throughput.h"
#include "tools/qkdnf/access.h"
#include "tools/qkdnf/stage.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXIT_REFUSED 1
#define EXIT_USAGE   2

#define N_MAX 1000000

enum {
    OPTION_FEDERATION = 1,
    OPTION_ROUNDS,
    OPTION_RUNS,
    OPTION_GAP,
    OPTION_SESSIONS,
    OPTION_RECORDS,
    OPTION_SECONDS
};

typedef json_t *(*MeasureFn)(const char *dir, const BenchSettings *settings, GError **error);

typedef json_t *(*MeasureAloneFn)(const BenchSettings *settings, GError **error);

typedef struct {
    const char *name;
    MeasureFn run;                         // NULL: it runs its federations itself, or none
    MeasureAloneFn run_alone;              // of what needs none; or NULL
    char *(*format)(const json_t *report); // NULL: each report by its own
} Measure;

static const Measure measures[] = {
    {"request", bench_request, NULL, bench_format_table},
    {"throughput", bench_throughput, NULL, throughput_format_table},
    {"kme", bench_kme, NULL, kme_format_table},
    {"relay", bench_relay, NULL, relay_format_table},
    {"overload", bench_overload, NULL, overload_format_table},
    {"recovery", bench_recovery, NULL, recovery_format_table},
    {"floor", bench_floor, NULL, bench_format_table},
    {"durability", NULL, NULL, durability_format_table},
    {"handover", bench_handover, NULL, handover_format_table},
    {"reroute", NULL, bench_reroute, reroute_format_table},
    {"scale", NULL, bench_scale, scale_format_table},
    {"authentication", NULL, bench_authentication, authentication_format_table},
    {"accounts", NULL, bench_accounts, accounts_format_table},
    {"endurance", bench_endurance, NULL, endurance_format_table}, // takes an hour to say something
    {"all", NULL, NULL, NULL},                                    // those before
    {"compare", NULL, NULL, compare_format_table},
};

// Before these, all that measures by itself.
#define N_OTHERS 3

typedef struct {
    const Measure *measure;
    const char *file;
    const char *second; // to compare with it
    const char *federation;
    gboolean json;
    BenchSettings settings;
} Arguments;

static const struct argp_option options[] = {
    {"federation", OPTION_FEDERATION, "DIR", 0,
     "measure one that runs, instead of FILE's (or $QKDNF_FEDERATION)", 0},
    {"rounds", OPTION_ROUNDS, "N", 0, "of each run (default: 400)", 0},
    {"runs", OPTION_RUNS, "N", 0, "whose median is reported (default: 5)", 0},
    {"gap-us", OPTION_GAP, "N", 0, "mean pause between rounds (default: 2000)", 0},
    {"sessions", OPTION_SESSIONS, "N", 0,
     "of reroute: at most so many; of scale: ten times as many (default: 10000)", 0},
    {"records", OPTION_RECORDS, "N", 0,
     "of accounts: a hundredth, a tenth and all of so many (default: 1000000)", 0},
    {"seconds", OPTION_SECONDS, "N", 0, "of overload and endurance: how long (default: 10)", 0},
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};

static void parse_number(struct argp_state *state, const char *option, const char *value,
                         guint64 *ret_number)
{
    if (!g_ascii_string_to_unsigned(value, 10, 1, N_MAX, ret_number, NULL))
        argp_error(state, "%s: expected a number from 1 to %d, not '%s'", option, N_MAX, value);
}

static gboolean compares(const Measure *measure)
{
    return measure->format == compare_format_table;
}

static void parse_argument(struct argp_state *state, Arguments *arguments, const char *value)
{
    const Measure *measure = arguments->measure;
    if (measure && !arguments->file) {
        arguments->file = value;
        return;
    }
    if (measure && compares(measure) && !arguments->second) {
        arguments->second = value;
        return;
    }
    if (measure)
        argp_error(state, "unexpected '%s'", value);
    for (gsize i = 0; i < G_N_ELEMENTS(measures); i++) {
        if (strcmp(measures[i].name, value) == 0)
            arguments->measure = &measures[i];
    }
    if (!arguments->measure)
        argp_error(state,
                   "expected request, throughput, kme, relay, overload, endurance, recovery, "
                   "floor, durability, handover, reroute, scale, authentication, accounts, all or "
                   "compare, not '%s'",
                   value);
}

static void check_arguments(struct argp_state *state, Arguments *arguments)
{
    const Measure *measure = arguments->measure;
    if (measure && measure->run_alone) {
        if (arguments->file || arguments->federation)
            argp_error(state, "%s: needs no federation", measure->name);
        return;
    }
    if (measure && compares(measure)) {
        if (!arguments->second || arguments->federation)
            argp_error(state, "compare: expected two reports");
        return;
    }
    if (!arguments->file && !arguments->federation)
        arguments->federation = g_getenv("QKDNF_FEDERATION");
    if (!measure || !arguments->file == !arguments->federation)
        argp_error(state, "expected what to measure, and either a description or --federation");
    if (!measure->run && !arguments->file)
        argp_error(state, "%s: expected a description, of which it runs federations itself",
                   measure->name);
}

static error_t parse_option(int option, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (option) {
    case OPTION_FEDERATION:
        arguments->federation = value;
        return 0;
    case OPTION_ROUNDS:
        parse_number(state, "--rounds", value, &arguments->settings.n_rounds);
        return 0;
    case OPTION_RUNS:
        parse_number(state, "--runs", value, &arguments->settings.n_runs);
        return 0;
    case OPTION_GAP:
        parse_number(state, "--gap-us", value, &arguments->settings.gap_us);
        return 0;
    case OPTION_SESSIONS:
        parse_number(state, "--sessions", value, &arguments->settings.n_sessions);
        return 0;
    case OPTION_RECORDS:
        parse_number(state, "--records", value, &arguments->settings.n_records);
        return 0;
    case OPTION_SECONDS:
        parse_number(state, "--seconds", value, &arguments->settings.n_seconds);
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        parse_argument(state, arguments, value);
        return 0;
    case ARGP_KEY_END:
        check_arguments(state, arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "request|throughput|kme|relay|overload|endurance|recovery FILE\n"
                "floor|durability|handover|all FILE\n"
                "reroute|scale|authentication|accounts\n"
                "compare FIRST SECOND",
    .doc =
        "Measures key requests (request), and beside them the floor: what the same publishes cost "
        "with trivial handlers (floor: it alone), through the broker of a federation that FILE "
        "describes or that runs; how many a second are granted when many are under way "
        "(throughput); how many ETSI GS QKD 014 calls a second an agent answers (kme); how much "
        "key is relayed in large requests (relay); what becomes of requests when three times as "
        "many come as can be granted (overload), and whether all stays as it is when it is 70 % of "
        "that (endurance); how long it takes until keys are granted again when a "
        "process was killed (recovery); how long an "
        "application takes to move to another provider and "
        "what its user notices (handover); what it costs that every promise is on disk before it "
        "is made (durability), on the disk of $TMPDIR; or, without a federation, how long it takes "
        "to move sessions to another way when a border link fails (reroute), how the platform's "
        "core grows with providers and "
        "sessions (scale), what it costs that "
        "frames are authenticated (authentication), or how long it takes to rate, batch and "
        "reconcile records of usage, and how that grows (accounts). Or all of these but endurance, "
        "one after the other (all); two such reports, as --json prints them, are compared ratio by "
        "ratio "
        "(compare).",
};

static int fail(int exit_code, const GError *error)
{
    fprintf(stderr, "qkdnf bench: %s\n", error->message);
    return exit_code;
}

static void print_table(const Measure *measure, const json_t *report)
{
    g_autofree char *table = measure->format(report);
    fputs(table, stdout);
}

static void print_tables(const json_t *reports)
{
    for (gsize i = 0; i < G_N_ELEMENTS(measures); i++) {
        const json_t *report = json_object_get(reports, measures[i].name);
        const json_t *trouble = json_object_get(report, "error");
        if (trouble)
            printf("%s: not measured: %s\n", measures[i].name, json_string_value(trouble));
        else if (report)
            print_table(&measures[i], report);
        if (report)
            putchar('\n');
    }
}

static int show(gpointer data, json_t *report, const GError *error)
{
    const Arguments *arguments = data;
    if (!report)
        return fail(EXIT_REFUSED, error);
    if (arguments->json) {
        json_dumpf(report, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
    } else if (arguments->measure->format) {
        print_table(arguments->measure, report);
    } else {
        print_tables(json_object_get(report, "reports"));
    }
    json_decref(report);
    return 0;
}

static int measure(gpointer data, const char *dir)
{
    const Arguments *arguments = data;
    g_autoptr(GError) error = NULL;
    json_t *report = arguments->measure->run(dir, &arguments->settings, &error);
    return show(data, report, error);
}

static int measure_alone(Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    json_t *report = arguments->measure->run_alone(&arguments->settings, &error);
    return show(arguments, report, error);
}

static int measure_running(Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    json_t *description = access_load(arguments->federation, &error);
    if (!description)
        return fail(EXIT_USAGE, error);
    json_decref(description);
    return measure(arguments, arguments->federation);
}

// Ends with 1 when one of them could not be measured.
static int measure_everything(Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    AllMeasure list[G_N_ELEMENTS(measures)] = {0};
    for (gsize i = 0; i + N_OTHERS < G_N_ELEMENTS(measures); i++)
        list[i] = (AllMeasure){measures[i].name, measures[i].run_alone != NULL};
    json_t *report = all_run(list, arguments->file, &arguments->settings, &error);
    gboolean is_whole = report && all_is_whole(report);
    int code = show(arguments, report, error);
    return code == 0 && !is_whole ? EXIT_REFUSED : code;
}

static int compare(Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    json_t *report = compare_reports(arguments->file, arguments->second, &error);
    return report ? show(arguments, report, NULL) : fail(EXIT_USAGE, error);
}

static int measure_described(Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    const Play play = {"bench", arguments->file, STAGE_REMOVE, measure, arguments};
    int code = arguments->measure->run
                   ? stage_run(&play, &error)
                   : durability_run(arguments->file, &arguments->settings, show, arguments, &error);
    if (code >= 0)
        return code;
    gboolean is_wrong = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    return fail(is_wrong ? EXIT_USAGE : EXIT_REFUSED, error);
}

int main(int argc, char **argv)
{
    Arguments arguments = {.settings = {.n_rounds = 400,
                                        .n_runs = 5,
                                        .gap_us = 2000,
                                        .n_sessions = 10000,
                                        .n_records = 1000000,
                                        .n_seconds = 10}};
    session_prepare_process();
    argp_err_exit_status = EXIT_USAGE;
    argp_program_version = "qkdnf " QKDNF_VERSION;
    g_set_prgname("qkdnf bench");
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    signal(SIGPIPE, SIG_IGN);
    if (arguments.measure->run_alone)
        return measure_alone(&arguments);
    if (compares(arguments.measure))
        return compare(&arguments);
    if (!arguments.measure->format)
        return measure_everything(&arguments);
    return arguments.federation ? measure_running(&arguments) : measure_described(&arguments);
}

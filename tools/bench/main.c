// SPDX-License-Identifier: Apache-2.0
//
// qkdnf bench: measures, beside the floor, in one run on one machine.

#include "tools/bench/bench.h"
#include "tools/bench/stage.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXIT_REFUSED 1
#define EXIT_USAGE   2

#define N_MAX 1000000

enum { OPTION_FEDERATION = 1, OPTION_ROUNDS, OPTION_RUNS, OPTION_GAP };

typedef json_t *(*MeasureFn)(const char *dir, const BenchSettings *settings, GError **error);

static const struct {
    const char *name;
    MeasureFn run;
} measures[] = {{"request", bench_request}, {"floor", bench_floor}};

typedef struct {
    MeasureFn measure;
    const char *file;
    const char *federation;
    gboolean json;
    BenchSettings settings;
} Arguments;

static const struct argp_option options[] = {
    {"federation", OPTION_FEDERATION, "DIR", 0, "measure one that runs, instead of FILE's", 0},
    {"rounds", OPTION_ROUNDS, "N", 0, "of each run (default: 200)", 0},
    {"runs", OPTION_RUNS, "N", 0, "whose median is reported (default: 3)", 0},
    {"gap-us", OPTION_GAP, "N", 0, "mean pause between rounds (default: 2000)", 0},
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};

static void parse_number(struct argp_state *state, const char *option, const char *value,
                         guint64 *ret_number)
{
    if (!g_ascii_string_to_unsigned(value, 10, 1, N_MAX, ret_number, NULL))
        argp_error(state, "%s: expected a number from 1 to %d, not '%s'", option, N_MAX, value);
}

static void parse_argument(struct argp_state *state, Arguments *arguments, const char *value)
{
    if (arguments->measure && arguments->file)
        argp_error(state, "unexpected '%s'", value);
    if (arguments->measure) {
        arguments->file = value;
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(measures); i++) {
        if (strcmp(measures[i].name, value) == 0)
            arguments->measure = measures[i].run;
    }
    if (!arguments->measure)
        argp_error(state, "expected request or floor, not '%s'", value);
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
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        parse_argument(state, arguments, value);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->measure || !arguments->file == !arguments->federation)
            argp_error(state, "expected what to measure, and either a description or --federation");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "request|floor [FILE]",
    .doc =
        "Measures key requests (request), and beside them the floor: what the same publishes cost "
        "with trivial handlers (floor: it alone), through the broker of a federation that FILE "
        "describes or that runs.",
};

static json_t *run(const Arguments *arguments, GError **error)
{
    if (arguments->federation)
        return arguments->measure(arguments->federation, &arguments->settings, error);
    g_autoptr(Stage) stage = stage_new(arguments->file, error);
    return stage ? arguments->measure(stage_dir(stage), &arguments->settings, error) : NULL;
}

int main(int argc, char **argv)
{
    Arguments arguments = {.settings = {.n_rounds = 200, .n_runs = 3, .gap_us = 2000}};
    g_autoptr(GError) error = NULL;
    argp_err_exit_status = EXIT_USAGE;
    g_set_prgname("qkdnf bench");
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    signal(SIGPIPE, SIG_IGN);
    json_t *report = run(&arguments, &error);
    if (!report) {
        fprintf(stderr, "qkdnf bench: %s\n", error->message);
        return EXIT_REFUSED;
    }
    if (arguments.json) {
        json_dumpf(report, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
    } else {
        g_autofree char *table = bench_format_table(report);
        fputs(table, stdout);
    }
    json_decref(report);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
//
// The simulator: runs seeds one after another and says which failed, at which step, and why. A seed
// replays exactly.

#include "tests/sim/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    guint64 first, last;
    Trial trial;
    gboolean shrinks;
    gboolean wants_failure;
} Options;

typedef struct {
    guint64 n_seeds, n_failed, n_steps, n_faults;
    guint64 faults[N_FAULTS];
    guint64 n_asked, n_granted, n_delivered, n_sessions, n_session_keys;
    guint64 deeds[N_DEEDS];
    gint64 virtual_us;
} Sums;

static const char *const breach_names[] = {"none", "lost-commit", "publish-first", NULL};

static gboolean parse_seeds(const char *text, Options *options)
{
    char *end = NULL;
    options->first = options->last = g_ascii_strtoull(text, &end, 10);
    if (g_str_has_prefix(end, ".."))
        options->last = g_ascii_strtoull(end + 2, &end, 10);
    return end != text && *end == '\0' && options->first <= options->last;
}

static gboolean parse_breach(const char *text, Options *options)
{
    for (guint i = 0; breach_names[i]; i++) {
        if (strcmp(breach_names[i], text) == 0) {
            options->trial.breach = (Breach)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean parse_only(const char *text, Options *options)
{
    g_auto(GStrv) addresses = g_strsplit(text, ",", -1);
    for (char **address = addresses; *address; address++) {
        if (!fault_address_is_valid(*address))
            return FALSE;
    }
    options->trial.only = shrink_set_of(addresses);
    return TRUE;
}

static gboolean parse(int *argc, char ***argv, Options *options)
{
    g_autofree char *seeds = NULL, *breach = NULL, *only = NULL;
    gint64 n_steps = 0;
    const GOptionEntry entries[] = {
        {"seeds", 0, 0, G_OPTION_ARG_STRING, &seeds, "which to run", "A..B"},
        {"trace", 0, 0, G_OPTION_ARG_NONE, &options->trial.is_traced,
         "print the conversation and every fault", NULL},
        {"steps", 0, 0, G_OPTION_ARG_INT64, &n_steps, "stop each after so many steps", "N"},
        {"shrink", 0, 0, G_OPTION_ARG_NONE, &options->shrinks,
         "find the faults that a failure needs, each of them", NULL},
        {"only", 0, 0, G_OPTION_ARG_STRING, &only, "no other faults than these", "ADDRESS,..."},
        {"breach", 0, 0, G_OPTION_ARG_STRING, &breach,
         "break a promise: none, lost-commit or publish-first", "NAME"},
        {"expect-failure", 0, 0, G_OPTION_ARG_NONE, &options->wants_failure,
         "succeed only when a seed fails", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_option_context_add_main_entries(context, entries, NULL);
    gboolean ok = g_option_context_parse(context, argc, argv, &error) &&
                  parse_seeds(seeds ? seeds : "1..100", options) &&
                  (!breach || parse_breach(breach, options)) &&
                  (!only || parse_only(only, options));
    options->trial.max_steps = (guint64)n_steps;
    if (!ok)
        fprintf(stderr, "qkdnf-sim: %s\n",
                error ? error->message : "no such seeds, breach or faults");
    return ok;
}

// --- shrinking
// ------------------------------------------------------------------------------------

static void print_shrunk(const Trial *trial, guint n_faults)
{
    guint n_runs = 0;
    g_auto(TrialResult) least = shrink(trial, &n_runs);
    printf("seed %" G_GUINT64_FORMAT " shrunk in %u runs from %u faults to %u, step "
           "%" G_GUINT64_FORMAT ": %s\n",
           trial->seed, n_runs, n_faults, least.faults->len, least.n_steps,
           least.failure ? least.failure : "nothing");
    for (guint i = 0; i < least.faults->len; i++) {
        const Fault *fault = least.faults->pdata[i];
        printf("%12.6f %s %s\n", (double)(fault->at_us - WORLD_START_US) / G_USEC_PER_SEC,
               fault->address, fault->detail);
    }
    g_autofree char *list = shrink_list(least.faults);
    printf("replay: qkdnf-sim --seeds %" G_GUINT64_FORMAT "..%" G_GUINT64_FORMAT
           " --breach %s --only '%s' --trace\n",
           trial->seed, trial->seed, breach_names[trial->breach], list);
}

// --- running
// --------------------------------------------------------------------------------------

static void add_up(Sums *sums, const TrialResult *result)
{
    sums->n_seeds++;
    sums->n_failed += result->failure != NULL;
    sums->n_steps += result->n_steps;
    sums->virtual_us += result->virtual_us;
    sums->n_asked += result->n_asked;
    sums->n_granted += result->n_granted;
    sums->n_delivered += result->n_delivered;
    sums->n_sessions += result->n_sessions;
    sums->n_session_keys += result->n_session_keys;
    for (guint deed = 0; deed < N_DEEDS; deed++)
        sums->deeds[deed] += result->n_deeds[deed];
    for (guint kind = 0; kind < N_FAULTS; kind++) {
        sums->faults[kind] += result->n_faults[kind];
        sums->n_faults += result->n_faults[kind];
    }
}

static void run_seed(const Options *options, guint64 seed, Sums *sums)
{
    Trial trial = options->trial;
    trial.seed = seed;
    g_auto(TrialResult) result = trial_run(&trial);
    add_up(sums, &result);
    if (!result.failure)
        return;
    printf("seed %" G_GUINT64_FORMAT ", step %" G_GUINT64_FORMAT ": %s\n", seed, result.n_steps,
           result.failure);
    fflush(stdout);
    if (options->shrinks)
        print_shrunk(&trial, result.faults->len);
}

// The same seed must be the same run.
static gboolean replays(const Options *options)
{
    Trial trial = options->trial;
    trial.seed = options->first;
    trial.is_traced = FALSE;
    g_auto(TrialResult) once = trial_run(&trial);
    g_auto(TrialResult) again = trial_run(&trial);
    printf("seed %" G_GUINT64_FORMAT ": digest %s\n", trial.seed, once.digest);
    if (strcmp(once.digest, again.digest) == 0)
        return TRUE;
    printf("seed %" G_GUINT64_FORMAT " does not replay: then %s\n", trial.seed, again.digest);
    return FALSE;
}

static gboolean report(const Sums *sums, gint64 wall_us)
{
    gboolean all = TRUE;
    for (guint kind = 0; kind < N_FAULTS; kind++) {
        printf("%10" G_GUINT64_FORMAT " %s\n", sums->faults[kind], fault_names[kind]);
        all = all && sums->faults[kind] > 0;
    }
    for (guint deed = 0; deed < N_DEEDS; deed++) {
        printf("%10" G_GUINT64_FORMAT " %s\n", sums->deeds[deed], deed_names[deed]);
        all = all && sums->deeds[deed] > 0;
    }
    printf("%" G_GUINT64_FORMAT " seeds, %" G_GUINT64_FORMAT " faults, %" G_GUINT64_FORMAT
           " asked, %" G_GUINT64_FORMAT " granted, %" G_GUINT64_FORMAT " keys delivered\n",
           sums->n_seeds, sums->n_faults, sums->n_asked, sums->n_granted, sums->n_delivered);
    printf("%" G_GUINT64_FORMAT " sessions, %" G_GUINT64_FORMAT " keys of them for initiators\n",
           sums->n_sessions, sums->n_session_keys);
    double wall_s = (double)MAX(wall_us, 1) / G_USEC_PER_SEC;
    printf("%.0f steps/s, %.0f virtual s in %.1f s: %.0f times as fast as life\n",
           (double)sums->n_steps / wall_s, (double)sums->virtual_us / G_USEC_PER_SEC, wall_s,
           (double)sums->virtual_us / G_USEC_PER_SEC / wall_s);
    return all;
}

static int run(const Options *options)
{
    gint64 started_us = g_get_monotonic_time();
    Sums sums = {0};
    for (guint64 seed = options->first; seed <= options->last; seed++) {
        run_seed(options, seed, &sums);
        if (options->wants_failure && sums.n_failed > 0) {
            printf("caught after %" G_GUINT64_FORMAT " seeds\n", sums.n_seeds);
            return EXIT_SUCCESS;
        }
    }
    gint64 wall_us = g_get_monotonic_time() - started_us;
    gboolean is_same = options->trial.is_traced || replays(options);
    gboolean is_all = report(&sums, wall_us);
    // A few seeds need not meet everything.
    gboolean is_covered = is_all || sums.n_seeds < 100;
    if (!is_covered)
        printf("not every kind of fault or deed has happened\n");
    printf("%" G_GUINT64_FORMAT " failed\n", sums.n_failed);
    gboolean is_well = sums.n_failed == 0 && is_same && is_covered;
    return is_well && !options->wants_failure ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    Options options = {0};
    int code = parse(&argc, &argv, &options) ? run(&options) : 2;
    g_clear_pointer(&options.trial.only, g_hash_table_unref);
    return code;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/scale.h"

#include "tools/bench/in-child.h"
#include "tools/bench/rig.h"
#include "tools/bench/routing.h"
#include "tools/qkdnf/json-read.h"

#include <stdio.h>
#include <unistd.h>

#define N_PAIRS 1000

// While sessions grow in number, there are so many providers; from a tenth of the sessions that are
// asked for to ten times as many.
#define N_PROVIDERS     100
#define SESSIONS_FACTOR 10

static const guint n_providers[] = {10, 100, 1000};
// While providers grow in number, each has as many sessions: all that are asked for at the last
// row.
#define N_PROVIDERS_MAX 1000

// What a row says, and which exponents are of interest.
static const char *const figures[] = {"provider_bytes", "session_bytes", "restart_us",
                                      "fault_us",       "affected",      "affected_us"};

// --- one federation ------------------------------------------------------------------------------

typedef struct {
    guint n_providers;
    guint n_sessions;
    const char *store;
} Case;

static Rig *build(const Case *what, guint n_sessions, GError **error)
{
    RigSettings settings = {
        .store = what->store, .n_providers = what->n_providers, .n_sessions = n_sessions};
    remove(what->store);
    return rig_new(&settings, error);
}

static gboolean measure_empty(const Case *what, gsize *ret_n_bytes, GError **error)
{
    gsize before = rig_n_bytes();
    g_autoptr(Rig) rig = build(what, 0, error);
    *ret_n_bytes = rig_n_bytes() - before;
    return rig != NULL;
}

// In a child, whose memory holds nothing else.
static json_t *measure_case(gpointer data, InChild *self, GError **error)
{
    const Case *what = data;
    RigTime restart;
    gsize empty;
    if (!measure_empty(what, &empty, error))
        return NULL;
    gsize before = rig_n_bytes();
    g_autoptr(Rig) rig = build(what, what->n_sessions, error);
    if (!rig)
        return NULL;
    gsize full = rig_n_bytes() - before;
    RigTime fault = rig_cut(rig);
    guint n_affected = rig_n_rerouted(rig);
    if (!rig_restart(rig, &restart, error))
        return NULL;
    return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:i, s:f}", "providers",
                     (int)what->n_providers, "sessions", (int)what->n_sessions, figures[0],
                     (json_int_t)(empty / what->n_providers), figures[1],
                     (json_int_t)((full - MIN(full, empty)) / what->n_sessions), figures[2],
                     (json_int_t)restart.cpu_us, figures[3], (json_int_t)fault.cpu_us, figures[4],
                     (int)n_affected, figures[5], (double)fault.cpu_us / MAX(1, n_affected));
}

static gboolean add_case(json_t *rows, guint providers, guint sessions, const char *store,
                         GError **error)
{
    Case what = {providers, sessions, store};
    json_t *row = in_child(measure_case, &what, error);
    return row && json_array_append_new(rows, row) == 0;
}

// --- all of them ---------------------------------------------------------------------------------

static json_t *measure_routing(void)
{
    json_t *rows = json_array();
    for (gsize i = 0; i < G_N_ELEMENTS(n_providers); i++) {
        g_autoptr(Network) network = network_new_random(n_providers[i]);
        json_t *row = routing_measure(network, N_PAIRS);
        json_object_set_new(row, "providers", json_integer(n_providers[i]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static gboolean measure_all(json_t *report, guint64 n_sessions, const char *store, GError **error)
{
    json_t *providers = json_object_get(report, "providers");
    json_t *sessions = json_object_get(report, "sessions");
    guint n_each = MAX(1, (guint)n_sessions / N_PROVIDERS_MAX);
    // Never more providers than sessions.
    for (gsize i = 0; i < G_N_ELEMENTS(n_providers) && n_providers[i] <= n_sessions; i++) {
        if (!add_case(providers, n_providers[i], n_each * n_providers[i], store, error))
            return FALSE;
    }
    for (guint64 n = MAX(1, n_sessions / SESSIONS_FACTOR); n <= SESSIONS_FACTOR * n_sessions;
         n *= SESSIONS_FACTOR) {
        if (!add_case(sessions, N_PROVIDERS, (guint)n, store, error))
            return FALSE;
    }
    return TRUE;
}

static json_t *fit(const json_t *rows, const char *from)
{
    json_t *exponents = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(exponents, figures[i],
                            json_real(bench_exponent(rows, from, figures[i])));
    return exponents;
}

static void add_exponents(json_t *report)
{
    json_object_set_new(
        report, "exponents",
        json_pack("{s:o, s:o, s:f}", "providers",
                  fit(json_object_get(report, "providers"), "providers"), "sessions",
                  fit(json_object_get(report, "sessions"), "sessions"), "routing",
                  bench_exponent(json_object_get(report, "routing"), "providers", "p99_us")));
}

json_t *bench_scale(const BenchSettings *settings, GError **error)
{
    g_autofree char *dir = g_dir_make_tmp("qkdnf-bench-XXXXXX", error);
    if (!dir)
        return NULL;
    g_autofree char *store = g_build_filename(dir, "platform.db", NULL);
    // Each row is one federation's.
    BenchSettings once = *settings;
    once.n_rounds = once.n_runs = 1;
    json_auto_t *report = bench_report_new("scale", &once);
    json_object_set_new(report, "routing", measure_routing());
    json_object_set_new(report, "providers", json_array());
    json_object_set_new(report, "sessions", json_array());
    gboolean done = measure_all(report, settings->n_sessions, store, error);
    remove(store);
    rmdir(dir);
    if (!done)
        return NULL;
    add_exponents(report);
    return g_steal_pointer(&report);
}

// --- for people ----------------------------------------------------------------------------------

static void append_routing(GString *table, const json_t *report)
{
    const json_t *rows = json_object_get(report, "routing");
    g_string_append(table, "CPU us of a search, p50 / p99:");
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        g_string_append_printf(
            table,
            "%s %" G_GINT64_FORMAT " / %" G_GINT64_FORMAT " (two disjoint: %" G_GINT64_FORMAT
            " / %" G_GINT64_FORMAT ") of %" G_GINT64_FORMAT,
            i > 0 ? "," : "", json_read_integer(row, "p50_us"), json_read_integer(row, "p99_us"),
            json_read_integer(row, "disjoint_p50_us"), json_read_integer(row, "disjoint_p99_us"),
            json_read_integer(row, "providers"));
    }
    double exponent =
        json_number_value(json_object_get(json_object_get(report, "exponents"), "routing"));
    g_string_append_printf(table, " providers; exponent %.2f\n", exponent);
}

static void append_rows(GString *table, const json_t *report, const char *what)
{
    const json_t *rows = json_object_get(report, what);
    const json_t *exponents = json_object_get(json_object_get(report, "exponents"), what);
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        g_string_append_printf(table, "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT,
                               json_read_integer(row, "providers"),
                               json_read_integer(row, "sessions"));
        for (gsize j = 0; j < G_N_ELEMENTS(figures); j++)
            g_string_append_printf(table, "%16.0f",
                                   json_number_value(json_object_get(row, figures[j])));
        g_string_append_c(table, '\n');
    }
    g_string_append_printf(table, "%-20s", what[0] == 'p' ? "  by providers ^" : "  by sessions ^");
    for (gsize j = 0; j < G_N_ELEMENTS(figures); j++)
        g_string_append_printf(table, "%16.2f",
                               json_number_value(json_object_get(exponents, figures[j])));
    g_string_append_c(table, '\n');
}

char *scale_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    append_routing(table, report);
    g_string_append_printf(table, "%10s%10s%16s%16s%16s%16s%16s%16s\n", "providers", "sessions",
                           "B a provider", "B a session", "restart CPU us", "fault CPU us",
                           "sessions moved", "CPU us of each");
    append_rows(table, report, "providers");
    append_rows(table, report, "sessions");
    return g_string_free(table, FALSE);
}

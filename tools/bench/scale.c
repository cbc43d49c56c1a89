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
#define N_PROVIDERS_MIN 2
#define SESSIONS_FACTOR 10
// What a session takes is seen beside a federation with so many times fewer.
#define FEWER 10

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

static Rig *build(const Case *what, GError **error)
{
    RigSettings settings = {
        .store = what->store, .n_providers = what->n_providers, .n_sessions = what->n_sessions};
    remove(what->store);
    return rig_new(&settings, error);
}

static gboolean measure_bytes(const Case *what, gsize *ret_n_bytes, GError **error)
{
    gsize before = rig_n_bytes();
    g_autoptr(Rig) rig = build(what, error);
    *ret_n_bytes = rig_n_bytes() - before;
    return rig != NULL;
}

static gsize each_of(gsize most, gsize least, guint n)
{
    return (most - MIN(most, least)) / MAX(1, n);
}

// What there is of it beside what each provider and session adds.
typedef struct {
    gsize least, empty; // with the fewest providers, and with all
    Case fewer;         // sessions
    gsize few;
} Memory;

static gboolean measure_memory(const Case *what, Memory *ret_memory, GError **error)
{
    const Case least = {N_PROVIDERS_MIN, 0, what->store};
    const Case empty = {what->n_providers, 0, what->store};
    ret_memory->fewer = (Case){what->n_providers, what->n_sessions / FEWER, what->store};
    // The first in a process also pays for what libraries keep.
    return measure_bytes(&least, &ret_memory->least, error) &&
           measure_bytes(&least, &ret_memory->least, error) &&
           measure_bytes(&empty, &ret_memory->empty, error) &&
           measure_bytes(&ret_memory->fewer, &ret_memory->few, error);
}

// In a child, whose memory holds nothing else.
static json_t *measure_case(gpointer data, InChild *self, GError **error)
{
    const Case *what = data;
    RigTime restart;
    Memory memory;
    if (!measure_memory(what, &memory, error))
        return NULL;
    gsize before = rig_n_bytes();
    g_autoptr(Rig) rig = build(what, error);
    if (!rig)
        return NULL;
    gsize provider = each_of(memory.empty, memory.least, what->n_providers - N_PROVIDERS_MIN);
    gsize session =
        each_of(rig_n_bytes() - before, memory.few, what->n_sessions - memory.fewer.n_sessions);
    RigTime fault = rig_cut(rig);
    guint n_affected = rig_n_rerouted(rig);
    if (!rig_restart(rig, &restart, error))
        return NULL;
    return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:i, s:f}", "providers",
                     (int)what->n_providers, "sessions", (int)what->n_sessions, figures[0],
                     (json_int_t)provider, figures[1], (json_int_t)session, figures[2],
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

typedef double (*FitFn)(const json_t *rows, const char *from, const char *figure);

static json_t *fit(const json_t *report, const char *what, FitFn fn)
{
    json_t *fits = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(fits, figures[i],
                            json_real(fn(json_object_get(report, what), what, figures[i])));
    return fits;
}

static void add_fits(json_t *report, const char *name, FitFn fn)
{
    const json_t *sessions = json_object_get(report, "sessions");
    json_object_set_new(report, name,
                        json_pack("{s:o, s:o, s:f, s:f}", "providers", fit(report, "providers", fn),
                                  "sessions", fit(report, "sessions", fn), "routing",
                                  fn(json_object_get(report, "routing"), "providers", "p99_us"),
                                  "fault_by_affected", fn(sessions, "affected", "fault_us")));
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
    add_fits(report, "exponents", bench_exponent);
    add_fits(report, "misfits", bench_misfit);
    return g_steal_pointer(&report);
}

// --- for people ----------------------------------------------------------------------------------

static void append_searches(GString *table, const json_t *report, const char *what,
                            const char *name)
{
    const json_t *rows = json_object_get(report, "routing");
    g_string_append_printf(table, "CPU us of a search, p50 / p99, %s:", what);
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *times = name ? json_object_get(row, name) : row;
        g_string_append_printf(
            table, "%s %" G_GINT64_FORMAT " / %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
            i > 0 ? "," : "", json_read_integer(times, "p50_us"),
            json_read_integer(times, "p99_us"), json_read_integer(row, "providers"));
    }
    g_string_append(table, " providers");
}

static void append_routing(GString *table, const json_t *report)
{
    append_searches(table, report, "one route", NULL);
    double exponent =
        json_number_value(json_object_get(json_object_get(report, "exponents"), "routing"));
    g_string_append_printf(table, "; exponent %.2f\n", exponent);
    append_searches(table, report, "where many links are short", "short");
    g_string_append_c(table, '\n');
    append_searches(table, report, "two that are disjoint", "disjoint");
    g_string_append_c(table, '\n');
}

static void append_fits(GString *table, const json_t *report, const char *what, const char *fits,
                        const char *name)
{
    const json_t *values = json_object_get(json_object_get(report, fits), what);
    g_string_append_printf(table, "%20s", name);
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(table, "%16.2f",
                               json_number_value(json_object_get(values, figures[i])));
    g_string_append_c(table, '\n');
}

static void append_rows(GString *table, const json_t *report, const char *what)
{
    const json_t *rows = json_object_get(report, what);
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
    append_fits(table, report, what, "exponents",
                what[0] == 'p' ? "by providers ^" : "by sessions ^");
    append_fits(table, report, what, "misfits", "off the line by");
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
    double exponent = json_number_value(
        json_object_get(json_object_get(report, "exponents"), "fault_by_affected"));
    g_string_append_printf(table, "a fault by sessions moved ^ %.2f\n", exponent);
    return g_string_free(table, FALSE);
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/throughput.h"

#include "tools/bench/course.h"
#include "tools/bench/cpu.h"
#include "tools/bench/load.h"
#include "tools/bench/request.h"
#include "tools/bench/traffic.h"
#include "tools/qkdnf/json-read.h"

// Of what a run asks for at low load, so much more is asked for under load. In the whole seconds in
// which the broker counts, the floor's first role must stay below the quota of key requests.
#define LOAD_FACTOR 10

static const char *const figures[] = {"requests_per_s", "loaded_p50_us", "loaded_p99_us"};

static void set_median(json_t *measured, const char *figure)
{
    json_object_set_new(measured, figure,
                        json_integer(bench_median(json_object_get(measured, "runs"), figure)));
}

// --- runs ----------------------------------------------------------------------------------------

static gboolean run_floor(const FloorOps *ops, const FloorChain *chain, json_t *measured,
                          GError **error)
{
    g_autoptr(Samples) samples = floor_measure(ops, chain, error);
    if (!samples)
        return FALSE;
    gint64 took_us = MAX(1, samples_quantile(samples, 1));
    json_array_append_new(
        json_object_get(measured, "runs"),
        json_pack("{s:I}", figures[0], (json_int_t)chain->n_rounds * G_USEC_PER_SEC / took_us));
    set_median(measured, figures[0]);
    return TRUE;
}

static gboolean run_load(const LoadMeasure *load, json_t *measured, GError **error)
{
    json_t *run = in_child(load_measure, (gpointer)load, error);
    if (!run)
        return FALSE;
    json_array_append_new(json_object_get(measured, "runs"), run);
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        set_median(measured, figures[i]);
    return TRUE;
}

// In turns, so that what else the machine does meets all alike.
static gboolean run_all(const Course *course, const LoadMeasure *load, guint64 n_runs,
                        json_t *report, GError **error)
{
    FloorChain chain = course->chain;
    chain.n_rounds = load->n_requests;
    chain.n_outstanding = LOAD_OUTSTANDING;
    for (guint64 run = 0; run < n_runs; run++) {
        for (guint i = 0; i < N_COURSE_CLIENTS; i++) {
            json_t *measured = json_array_get(json_object_get(report, "floor"), i);
            if (!run_floor(course_clients[i].ops, &chain, measured, error))
                return FALSE;
        }
        if (!run_load(load, json_object_get(report, "requests"), error))
            return FALSE;
    }
    return TRUE;
}

// --- what one request costs ----------------------------------------------------------------------

static void add_cpu(json_t *measured)
{
    json_t *cpu_us = json_object();
    json_auto_t *all = json_array();
    gsize i;
    json_t *run;
    json_array_foreach(json_object_get(measured, "runs"), i, run)
        json_array_append(all, json_object_get(run, "cpu_us"));
    for (guint role = 0; role < N_CPU_ROLES; role++)
        json_object_set_new(cpu_us, cpu_role_names[role],
                            json_integer(bench_median(all, cpu_role_names[role])));
    json_object_set_new(measured, "cpu_us", cpu_us);
}

// What a monitor sees of the same load, in a run of its own, because it is one more to be served.
static gboolean add_publishes(const LoadMeasure *load, json_t *measured, GError **error)
{
    LoadMeasure again = *load;
    again.fetches = FALSE;
    InChild *counter = in_child_start(traffic_count, (gpointer)load->dir);
    gboolean counts = in_child_wait_ready(counter);
    json_t *run = counts ? in_child(load_measure, &again, error) : NULL;
    json_t *traffic = in_child_finish(counter, TRUE, run || !counts ? error : NULL);
    gboolean done = run && traffic;
    const char *kind;
    json_t *count;
    json_object_foreach(traffic, kind, count)
    {
        static const char *const names[] = {"n", "n_bytes"};
        for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
            gint64 of_all = json_read_integer(count, names[i]);
            json_object_set_new(count, names[i], json_integer(of_all * 1000 / load->n_requests));
        }
    }
    json_object_set_new(measured, "publishes", traffic);
    json_decref(run);
    return done;
}

static void add_ratios(json_t *report)
{
    json_t *requests = json_object_get(report, "requests");
    json_t *ratios = json_object();
    gsize i;
    json_t *floor;
    json_array_foreach(json_object_get(report, "floor"), i, floor)
    {
        double ratio = bench_median_ratio(json_object_get(requests, "runs"), figures[0],
                                          json_object_get(floor, "runs"), figures[0]);
        json_object_set_new(ratios, json_read_text(floor, "client"), json_real(ratio));
    }
    json_object_set_new(requests, "over_floor", ratios);
}

// --- all -----------------------------------------------------------------------------------------

static gboolean measure(json_t *report, const char *dir, const json_t *traffic,
                        const BenchSettings *settings, GError **error)
{
    g_auto(Course) course = {0};
    json_t *requests = json_object_get(report, "requests");
    LoadMeasure load = {dir, json_object_get(report, "pair"),
                        LOAD_FACTOR * (guint)settings->n_rounds, TRUE};
    if (!course_prepare(&course, dir, traffic, settings, error) ||
        !run_all(&course, &load, settings->n_runs, report, error) ||
        !add_publishes(&load, requests, error))
        return FALSE;
    add_cpu(requests);
    add_ratios(report);
    return TRUE;
}

json_t *bench_throughput(const char *dir, const BenchSettings *settings, GError **error)
{
    json_auto_t *pairs = NULL;
    json_auto_t *traffic = NULL;
    if (!course_explore(dir, &pairs, &traffic, error))
        return NULL;
    json_auto_t *report = bench_report_new("throughput", settings);
    json_object_set_new(json_object_get(report, "settings"), "outstanding",
                        json_integer(LOAD_OUTSTANDING));
    json_object_set(report, "pair", request_choose_pair(pairs));
    json_object_set_new(report, "floor", course_floors_to_json(N_COURSE_CLIENTS));
    json_object_set_new(report, "requests", json_pack("{s:[]}", "runs"));
    return measure(report, dir, traffic, settings, error) ? g_steal_pointer(&report) : NULL;
}

// --- for people ----------------------------------------------------------------------------------

static void append_publishes(GString *table, const json_t *publishes)
{
    const char *kind;
    json_t *count;
    g_string_append(table, "publishes of 1000 requests:");
    json_object_foreach((json_t *)publishes, kind, count) g_string_append_printf(
        table, " %s %" G_GINT64_FORMAT " (%" G_GINT64_FORMAT " kB)", kind,
        json_read_integer(count, "n"), json_read_integer(count, "n_bytes") / 1000);
    g_string_append_c(table, '\n');
}

static void append_cpu(GString *table, const json_t *cpu_us)
{
    g_string_append(table, "CPU us of a request:");
    for (guint i = 0; i < N_CPU_ROLES; i++)
        g_string_append_printf(table, " %s %" G_GINT64_FORMAT, cpu_role_names[i],
                               json_read_integer(cpu_us, cpu_role_names[i]));
    g_string_append_c(table, '\n');
}

static void append_requests(GString *table, const json_t *report)
{
    const json_t *requests = json_object_get(report, "requests");
    const json_t *ratios = json_object_get(requests, "over_floor");
    g_autofree char *what =
        g_strdup_printf("key requests across %" G_GINT64_FORMAT " providers",
                        json_read_integer(json_object_get(report, "pair"), "providers"));
    g_string_append_printf(
        table,
        "%-44s%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT "%10.2f%10.2f\n",
        what, json_read_integer(requests, figures[0]), json_read_integer(requests, figures[1]),
        json_read_integer(requests, figures[2]), json_number_value(json_object_get(ratios, "bare")),
        json_number_value(json_object_get(ratios, "paho")));
    append_cpu(table, json_object_get(requests, "cpu_us"));
    append_publishes(table, json_object_get(requests, "publishes"));
}

char *throughput_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%d at a time%-32s%10s%10s%10s%10s%10s\n", LOAD_OUTSTANDING, "",
                           "1/s", "p50 us", "p99 us", "x bare", "x Paho");
    gsize i;
    json_t *floor;
    json_array_foreach(json_object_get(report, "floor"), i, floor)
    {
        g_autofree char *what =
            g_strdup_printf("floor: %s, %" G_GINT64_FORMAT " hops", json_read_text(floor, "what"),
                            json_read_integer(floor, "hops"));
        g_string_append_printf(table, "%-44s%10" G_GINT64_FORMAT "\n", what,
                               json_read_integer(floor, figures[0]));
    }
    append_requests(table, report);
    return g_string_free(table, FALSE);
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/bench.h"

#include "tools/bench/course.h"
#include "tools/bench/machine.h"
#include "tools/bench/request.h"
#include "tools/qkdnf/json-read.h"

#include <math.h>

static int compare_integers(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return (x > y) - (x < y);
}

gint64 bench_median(const json_t *runs, const char *figure)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (gsize i = 0; i < json_array_size(runs); i++) {
        gint64 value = json_read_integer(json_array_get(runs, i), figure);
        g_array_append_val(values, value);
    }
    g_array_sort(values, compare_integers);
    return values->len > 0 ? g_array_index(values, gint64, values->len / 2) : 0;
}

static int compare_reals(gconstpointer a, gconstpointer b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

double bench_median_ratio(const json_t *runs, const char *figure, const json_t *floor_runs,
                          const char *floor_figure)
{
    g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
    for (gsize i = 0; i < MIN(json_array_size(runs), json_array_size(floor_runs)); i++) {
        gint64 floor = json_read_integer(json_array_get(floor_runs, i), floor_figure);
        gint64 ours = json_read_integer(json_array_get(runs, i), figure);
        double ratio = (double)ours / (double)MAX(1, floor);
        g_array_append_val(ratios, ratio);
    }
    g_array_sort(ratios, compare_reals);
    return ratios->len > 0 ? g_array_index(ratios, double, ratios->len / 2) : 0;
}

static double logarithm(const json_t *row, const char *figure)
{
    double value = json_number_value(json_object_get(row, figure));
    return log(MAX(value, 1));
}

double bench_exponent(const json_t *rows, const char *from, const char *figure)
{
    double n = 0, x_sum = 0, y_sum = 0, xx_sum = 0, xy_sum = 0;
    for (gsize i = 0; i < json_array_size(rows); i++) {
        double x = logarithm(json_array_get(rows, i), from);
        double y = logarithm(json_array_get(rows, i), figure);
        n++;
        x_sum += x;
        y_sum += y;
        xx_sum += x * x;
        xy_sum += x * y;
    }
    double spread = n * xx_sum - x_sum * x_sum;
    return spread > 0 ? (n * xy_sum - x_sum * y_sum) / spread : 0;
}

double bench_misfit(const json_t *rows, const char *from, const char *figure)
{
    double exponent = bench_exponent(rows, from, figure), sum = 0, farthest = 0;
    gsize n = json_array_size(rows);
    for (gsize i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        sum += logarithm(row, figure) - exponent * logarithm(row, from);
    }
    for (gsize i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        double above = logarithm(row, figure) - exponent * logarithm(row, from) - sum / (double)n;
        farthest = MAX(farthest, fabs(above));
    }
    return exp(farthest);
}

static void add_run(json_t *measured, const Samples *samples)
{
    json_t *runs = json_object_get(measured, "runs");
    json_array_append_new(runs, samples_to_json(samples));
    json_object_set_new(measured, "p50_us", json_integer(bench_median(runs, "p50_us")));
    json_object_set_new(measured, "p99_us", json_integer(bench_median(runs, "p99_us")));
}

static gboolean run_floors(const Course *course, json_t *measured, GError **error)
{
    for (guint i = 0; i < N_COURSE_FLOORS; i++) {
        FloorChain chain = course_chain(course, &course_clients[i]);
        g_autoptr(Samples) samples = floor_measure(course_clients[i].ops, &chain, error);
        if (!samples)
            return FALSE;
        add_run(json_array_get(measured, i), samples);
    }
    return TRUE;
}

static gboolean run_requests(const char *dir, const BenchSettings *settings, json_t *pair,
                             GError **error)
{
    RequestMeasure measure = {dir, pair, (guint)settings->n_rounds, (guint)settings->gap_us};
    json_t *result = in_child(request_measure, &measure, error);
    if (!result)
        return FALSE;
    g_autoptr(Samples) samples = samples_new();
    const json_t *durations = json_object_get(result, "durations_us");
    for (gsize i = 0; i < json_array_size(durations); i++)
        samples_add(samples, json_integer_value(json_array_get(durations, i)));
    add_run(pair, samples);
    json_object_set_new(
        pair, "n_waits",
        json_integer(json_read_integer(pair, "n_waits") + json_read_integer(result, "n_waits")));
    json_decref(result);
    return TRUE;
}

json_t *bench_report_new(const char *name, const BenchSettings *settings)
{
    return json_pack("{s:s, s:o, s:o, s:{s:I, s:I, s:I}}", "bench", name, "machine",
                     machine_to_json(), "versions", machine_versions_to_json(), "settings",
                     "rounds", (json_int_t)settings->n_rounds, "runs", (json_int_t)settings->n_runs,
                     "gap_us", (json_int_t)settings->gap_us);
}

json_t *bench_report_new_of_pair(const char *name, const char *dir, const BenchSettings *settings,
                                 GError **error)
{
    json_auto_t *pairs = in_child(request_find_pairs, (gpointer)dir, error);
    if (!pairs)
        return NULL;
    json_t *report = bench_report_new(name, settings);
    json_object_set(report, "pair", request_choose_pair(pairs));
    return report;
}

static void add_ratios(json_t *report)
{
    const json_t *measured = json_object_get(report, "floor");
    json_t *requests = json_object_get(report, "requests");
    for (gsize i = 0; i < json_array_size(requests); i++) {
        json_t *request = json_array_get(requests, i);
        json_t *ratios = json_object();
        for (gsize j = 0; j < json_array_size(measured); j++) {
            const json_t *below = json_array_get(measured, j);
            double ratio = bench_median_ratio(json_object_get(request, "runs"), "p50_us",
                                              json_object_get(below, "runs"), "p50_us");
            json_object_set_new(ratios, json_read_text(below, "client"), json_real(ratio));
        }
        json_object_set_new(request, "above_floor", ratios);
    }
}

// Floor and requests take turns, so that what else the machine does meets both alike.
static gboolean run_all(const char *dir, const BenchSettings *settings, const Course *course,
                        json_t *report, GError **error)
{
    json_t *requests = json_object_get(report, "requests");
    for (guint64 run = 0; run < settings->n_runs; run++) {
        if (!run_floors(course, json_object_get(report, "floor"), error))
            return FALSE;
        for (gsize i = 0; i < json_array_size(requests); i++) {
            if (!run_requests(dir, settings, json_array_get(requests, i), error))
                return FALSE;
        }
    }
    add_ratios(report);
    return TRUE;
}

static json_t *measure(json_t *report, const char *dir, const BenchSettings *settings,
                       GError **error)
{
    g_auto(Course) course = {0};
    json_object_set_new(report, "floor", course_floors_to_json(N_COURSE_FLOORS));
    if (course_prepare(&course, dir, json_object_get(report, "traffic"), settings, error) &&
        run_all(dir, settings, &course, report, error))
        return report;
    json_decref(report);
    return NULL;
}

json_t *bench_request(const char *dir, const BenchSettings *settings, GError **error)
{
    json_t *pairs = NULL, *traffic = NULL;
    if (!course_explore(dir, &pairs, &traffic, error)) {
        json_decref(pairs);
        json_decref(traffic);
        return NULL;
    }
    json_t *report = bench_report_new("request", settings);
    for (gsize i = 0; i < json_array_size(pairs); i++)
        json_object_set_new(json_array_get(pairs, i), "runs", json_array());
    json_object_set_new(report, "traffic", traffic);
    json_object_set_new(report, "requests", pairs);
    return measure(report, dir, settings, error);
}

json_t *bench_floor(const char *dir, const BenchSettings *settings, GError **error)
{
    return measure(bench_report_new("floor", settings), dir, settings, error);
}

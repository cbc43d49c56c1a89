// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/bench.h"

#include "tools/bench/machine.h"
#include "tools/bench/request.h"
#include "tools/bench/traffic.h"
#include "tools/qkdnf/access.h"
#include "tools/qkdnf/json-read.h"
#include "topics/mqtt/pki.h"

// The members of the floor's chain; nobody else has these IDs.
static const char *const floor_ids[] = {"floor-application", "floor-platform", "floor-initiator",
                                        "floor-target"};
#define N_FLOOR_ROLES G_N_ELEMENTS(floor_ids)

// The hops that a request waits for, whatever the number of providers: all of them act at once.
static const FloorHop request_hops[] = {
    {KIND_REQUEST, 0, 1, 160}, {KIND_ORDER, 1, 2, 380}, {KIND_RELAY, 2, 3, 220},
    {KIND_OUTCOME, 3, 1, 120}, {KIND_REPLY, 1, 0, 420},
};
#define N_HOPS G_N_ELEMENTS(request_hops)

static const struct {
    const char *name; // in reports
    const FloorOps *ops;
} floors[] = {{"bare", &floor_raw}, {"paho", &floor_paho}};
#define N_FLOORS G_N_ELEMENTS(floors)

// The chain as one federation's broker, authority and traffic make it.
typedef struct {
    FloorRole roles[N_FLOOR_ROLES];
    FloorHop hops[N_HOPS];
    GPtrArray *strings; // that the roles point at
    FloorChain chain;
} Course;

static char *keep(Course *course, char *text)
{
    g_ptr_array_add(course->strings, text);
    return text;
}

static void course_clear(Course *course)
{
    g_clear_pointer(&course->strings, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Course, course_clear)

static gboolean certify_roles(Course *course, const char *url, const char *ca_file, GError **error)
{
    char *pki = keep(course, g_path_get_dirname(ca_file));
    g_autoptr(PkiCa) ca = pki_create_ca(pki, error);
    for (guint i = 0; ca && i < N_FLOOR_ROLES; i++) {
        const char *id = floor_ids[i];
        if (!pki_issue(ca, id, PKI_USAGE_CLIENT, 0, pki, error))
            return FALSE;
        course->roles[i] = (FloorRole){
            id,
            {
                .url = keep(course, g_strdup(url)),
                .ca = keep(course, g_strdup(ca_file)),
                .certificate = keep(course, g_strdup_printf("%s/%s.crt", pki, id)),
                .key = keep(course, g_strdup_printf("%s/%s.key", pki, id)),
            },
        };
    }
    return ca != NULL;
}

static gboolean course_prepare(Course *course, const char *dir, const json_t *traffic,
                               const BenchSettings *settings, GError **error)
{
    json_t *description = access_load(dir, error);
    if (!description)
        return FALSE;
    course->strings = g_ptr_array_new_with_free_func(g_free);
    const char *url = json_read_text(json_object_get(description, "broker"), "url");
    gboolean done = certify_roles(course, url, json_read_text(description, "ca"), error);
    json_decref(description);
    for (guint i = 0; i < N_HOPS; i++) {
        course->hops[i] = request_hops[i];
        course->hops[i].n_bytes =
            traffic_mean_bytes(traffic, request_hops[i].kind, request_hops[i].n_bytes);
    }
    course->chain = (FloorChain){
        .roles = course->roles,
        .n_roles = N_FLOOR_ROLES,
        .hops = course->hops,
        .n_hops = N_HOPS,
        .n_rounds = (guint)settings->n_rounds,
        .gap_us = (guint)settings->gap_us,
    };
    return done;
}

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

static void add_run(json_t *measured, const Samples *samples)
{
    json_t *runs = json_object_get(measured, "runs");
    json_array_append_new(runs, samples_to_json(samples));
    json_object_set_new(measured, "p50_us", json_integer(bench_median(runs, "p50_us")));
    json_object_set_new(measured, "p99_us", json_integer(bench_median(runs, "p99_us")));
}

static json_t *floors_to_json(void)
{
    json_t *array = json_array();
    for (guint i = 0; i < N_FLOORS; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:i, s:[]}", "client", floors[i].name, "what",
                                        floors[i].ops->name, "hops", (int)N_HOPS, "runs"));
    return array;
}

static gboolean run_floors(const Course *course, json_t *measured, GError **error)
{
    for (guint i = 0; i < N_FLOORS; i++) {
        g_autoptr(Samples) samples = floor_measure(floors[i].ops, &course->chain, error);
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

// Finds the pairs while the traffic of doing so is counted.
static gboolean explore(const char *dir, json_t **ret_pairs, json_t **ret_traffic, GError **error)
{
    InChild *counter = in_child_start(traffic_count, (gpointer)dir);
    gboolean counts = in_child_wait_ready(counter);
    *ret_pairs = counts ? in_child(request_find_pairs, (gpointer)dir, error) : NULL;
    *ret_traffic = in_child_finish(counter, TRUE, *ret_pairs || !counts ? error : NULL);
    return *ret_pairs && *ret_traffic;
}

json_t *bench_report_new(const char *name, const BenchSettings *settings)
{
    return json_pack("{s:s, s:o, s:o, s:{s:I, s:I, s:I}}", "bench", name, "machine",
                     machine_to_json(), "versions", machine_versions_to_json(), "settings",
                     "rounds", (json_int_t)settings->n_rounds, "runs", (json_int_t)settings->n_runs,
                     "gap_us", (json_int_t)settings->gap_us);
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
            gint64 p50_us = MAX(1, json_read_integer(below, "p50_us"));
            double ratio = (double)json_read_integer(request, "p50_us") / (double)p50_us;
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
    json_object_set_new(report, "floor", floors_to_json());
    if (course_prepare(&course, dir, json_object_get(report, "traffic"), settings, error) &&
        run_all(dir, settings, &course, report, error))
        return report;
    json_decref(report);
    return NULL;
}

json_t *bench_request(const char *dir, const BenchSettings *settings, GError **error)
{
    json_t *pairs = NULL, *traffic = NULL;
    if (!explore(dir, &pairs, &traffic, error)) {
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

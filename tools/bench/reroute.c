// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/reroute.h"

#include "tools/bench/rig.h"
#include "tools/qkdnf/json-read.h"

#include <stdio.h>
#include <unistd.h>

static const guint n_sessions[] = {1, 100, 10000};

// --- one case ------------------------------------------------------------------------------------

static json_t *measure_run(const RigSettings *settings, GError **error)
{
    g_autoptr(Rig) rig = rig_new(settings, error);
    if (!rig)
        return NULL;
    RigTime took = rig_cut(rig);
    if (rig_n_rerouted(rig) == settings->n_sessions)
        return json_pack("{s:I, s:I}", "us", (json_int_t)took.wall_us, "cpu_us",
                         (json_int_t)took.cpu_us);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%u of %u sessions were moved",
                rig_n_rerouted(rig), settings->n_sessions);
    return NULL;
}

static gboolean add_run(json_t *time, const RigSettings *settings, GError **error)
{
    if (settings->store)
        remove(settings->store);
    json_t *run = measure_run(settings, error);
    if (!run)
        return FALSE;
    json_t *runs = json_object_get(time, "runs");
    json_array_append_new(runs, run);
    json_object_set_new(time, "p50_us", json_integer(bench_median(runs, "us")));
    json_object_set_new(time, "cpu_us", json_integer(bench_median(runs, "cpu_us")));
    return TRUE;
}

// --- all of them ---------------------------------------------------------------------------------

static json_t *course_new(const char *store, gboolean is_protected, guint64 n_max)
{
    json_t *times = json_array();
    for (gsize i = 0; i < G_N_ELEMENTS(n_sessions) && n_sessions[i] <= n_max; i++)
        json_array_append_new(times,
                              json_pack("{s:i, s:[]}", "sessions", (int)n_sessions[i], "runs"));
    return json_pack("{s:s, s:b, s:o}", "store", store, "protected", is_protected, "times", times);
}

static gboolean run_course(json_t *course, const char *path, GError **error)
{
    json_t *times = json_object_get(course, "times");
    for (gsize i = 0; i < json_array_size(times); i++) {
        RigSettings settings = {
            .store = path,
            .n_sessions = n_sessions[i],
            .is_protected = json_is_true(json_object_get(course, "protected")),
        };
        if (!add_run(json_array_get(times, i), &settings, error))
            return FALSE;
    }
    json_object_set_new(course, "exponent", json_real(bench_exponent(times, "sessions", "cpu_us")));
    return TRUE;
}

// In turns, so that what else the machine does meets all alike.
static gboolean run_all(json_t *courses, const char *path, guint64 n_runs, GError **error)
{
    for (guint64 i = 0; i < n_runs * json_array_size(courses); i++) {
        json_t *course = json_array_get(courses, i % json_array_size(courses));
        gboolean is_in_memory = g_str_equal(json_read_text(course, "store"), "memory");
        if (!run_course(course, is_in_memory ? NULL : path, error))
            return FALSE;
    }
    return TRUE;
}

static json_t *courses_new(guint64 n_max)
{
    json_t *courses = json_array();
    for (guint i = 0; i < 4; i++)
        json_array_append_new(courses, course_new(i < 2 ? "memory" : "sqlite", i % 2, n_max));
    return courses;
}

json_t *bench_reroute(const BenchSettings *settings, GError **error)
{
    g_autofree char *dir = g_dir_make_tmp("qkdnf-bench-XXXXXX", error);
    if (!dir)
        return NULL;
    g_autofree char *path = g_build_filename(dir, "platform.db", NULL);
    // One link fails once.
    BenchSettings once = *settings;
    once.n_rounds = 1;
    json_t *report = bench_report_new("reroute", &once);
    json_t *courses = courses_new(settings->n_sessions);
    json_object_set_new(report, "core", courses);
    gboolean done = run_all(courses, path, settings->n_runs, error);
    remove(path);
    rmdir(dir);
    if (done)
        return report;
    json_decref(report);
    return NULL;
}

// --- for people ----------------------------------------------------------------------------------

char *reroute_format_table(const json_t *report)
{
    const json_t *courses = json_object_get(report, "core");
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%-32s", "us until the last is moved, of");
    const json_t *measured = json_object_get(json_array_get(courses, 0), "times");
    for (gsize i = 0; i < json_array_size(measured); i++)
        g_string_append_printf(table, "%10" G_GINT64_FORMAT "%10s",
                               json_read_integer(json_array_get(measured, i), "sessions"), "CPU");
    g_string_append_printf(table, "%10s\n", "exponent");
    for (gsize i = 0; i < json_array_size(courses); i++) {
        const json_t *course = json_array_get(courses, i);
        const json_t *times = json_object_get(course, "times");
        gboolean is_protected = json_is_true(json_object_get(course, "protected"));
        g_string_append_printf(table, "store: %-10s%-15s", json_read_text(course, "store"),
                               is_protected ? "protected" : "not protected");
        for (gsize j = 0; j < json_array_size(times); j++)
            g_string_append_printf(table, "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT,
                                   json_read_integer(json_array_get(times, j), "p50_us"),
                                   json_read_integer(json_array_get(times, j), "cpu_us"));
        g_string_append_printf(table, "%10.2f\n",
                               json_number_value(json_object_get(course, "exponent")));
    }
    return g_string_free(table, FALSE);
}

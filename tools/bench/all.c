// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/all.h"

#include <stdio.h>
#include <string.h>

static void append_number(GPtrArray *argv, const char *option, guint64 value)
{
    g_ptr_array_add(argv, g_strdup_printf("%s=%" G_GUINT64_FORMAT, option, value));
}

static GPtrArray *list_arguments(const AllMeasure *measure, const char *program, const char *file,
                                 const BenchSettings *settings)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup(program));
    g_ptr_array_add(argv, g_strdup(measure->name));
    if (!measure->is_alone)
        g_ptr_array_add(argv, g_strdup(file));
    g_ptr_array_add(argv, g_strdup("--json"));
    append_number(argv, "--rounds", settings->n_rounds);
    append_number(argv, "--runs", settings->n_runs);
    append_number(argv, "--gap-us", settings->gap_us);
    append_number(argv, "--sessions", settings->n_sessions);
    append_number(argv, "--records", settings->n_records);
    append_number(argv, "--seconds", settings->n_seconds);
    g_ptr_array_add(argv, NULL);
    return argv;
}

// What it printed, as JSON; or the last line of what it complained of.
static json_t *report_of(const char *out, char *complaint)
{
    json_t *report = json_loads(out, 0, NULL);
    if (report)
        return report;
    const char *line = strrchr(g_strchomp(complaint), '\n');
    return json_pack("{s:s}", "error", line ? line + 1 : complaint);
}

static json_t *run_one(char **argv, GError **error)
{
    g_autofree char *out = NULL, *complaint = NULL;
    fprintf(stderr, "qkdnf bench: %s\n", argv[1]);
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &complaint, NULL, error))
        return NULL;
    return report_of(out, complaint);
}

json_t *all_run(const AllMeasure *measures, const char *file, const BenchSettings *settings,
                GError **error)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    if (!program)
        return NULL;
    json_auto_t *report = json_pack("{s:s, s:{}}", "bench", "all", "reports");
    json_t *reports = json_object_get(report, "reports");
    for (const AllMeasure *measure = measures; measure->name; measure++) {
        g_autoptr(GPtrArray) argv = list_arguments(measure, program, file, settings);
        json_t *one = run_one((char **)argv->pdata, error);
        if (!one)
            return NULL;
        json_object_set_new(reports, measure->name, one);
    }
    return g_steal_pointer(&report);
}

gboolean all_is_whole(const json_t *report)
{
    const char *name;
    json_t *one;
    json_object_foreach(json_object_get(report, "reports"), name, one)
    {
        if (json_object_get(one, "error"))
            return FALSE;
    }
    return TRUE;
}

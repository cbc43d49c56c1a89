// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/endurance.h"

#include "tools/bench/load.h"
#include "tools/qkdnf/access.h"
#include "tools/qkdnf/json-read.h"

#include <stdio.h>
#include <unistd.h>

#define LOAD_FACTOR   50 // so many times the rounds are asked to find the peak
#define SHARE_PERCENT 70
#define N_TENTHS      10

// Keys are fetched after each part: no longer than this, so that there is room for them until then.
#define PART_MAX_S 60

// --- memory --------------------------------------------------------------------------------------

// What is resident, as proc(5) has it in statm; 0 where the process is gone.
static gint64 process_kib(const json_t *process)
{
    g_autofree char *path =
        g_strdup_printf("/proc/%" G_GINT64_FORMAT "/statm", json_read_integer(process, "pid"));
    g_autofree char *text = NULL;
    long n_pages = 0;
    if (!g_file_get_contents(path, &text, NULL, NULL) || sscanf(text, "%*s %ld", &n_pages) != 1)
        return 0;
    return (gint64)n_pages * sysconf(_SC_PAGESIZE) / 1024;
}

static json_t *memory_to_json(const json_t *federation)
{
    const json_t *agents = json_object_get(federation, "qkdns");
    gint64 agents_kib = 0;
    for (gsize i = 0; i < json_array_size(agents); i++)
        agents_kib += process_kib(json_array_get(agents, i));
    return json_pack("{s:I, s:I, s:I}", "platform",
                     (json_int_t)process_kib(json_object_get(federation, "platform")), "agents",
                     (json_int_t)agents_kib, "broker",
                     (json_int_t)process_kib(json_object_get(federation, "broker")));
}

// --- all -----------------------------------------------------------------------------------------

static gboolean add_part(json_t *parts, const LoadMeasure *load, const json_t *federation,
                         GError **error)
{
    json_t *part = in_child(load_measure, (gpointer)load, error);
    if (!part)
        return FALSE;
    json_t *memory = memory_to_json(federation), *kib;
    const char *role;
    gint64 sum_kib = 0;
    json_object_foreach(memory, role, kib) sum_kib += json_integer_value(kib);
    json_object_set_new(part, "memory_kib", json_integer(sum_kib));
    json_object_set_new(part, "memory_of", memory);
    return json_array_append_new(parts, part) == 0;
}

static json_t *tenth_of(const json_t *parts, guint which)
{
    gsize n = json_array_size(parts) / N_TENTHS;
    json_t *tenth = json_array();
    for (gsize i = 0; i < n; i++)
        json_array_append(tenth, json_array_get(parts, which * n + i));
    return tenth;
}

// The first tenth is that in which everything is met for the first time.
static json_t *compare(const json_t *parts)
{
    static const char *const figures[] = {"requests_per_s", "loaded_p50_us", "loaded_p99_us",
                                          "memory_kib"};
    json_auto_t *second = tenth_of(parts, 1), *last = tenth_of(parts, N_TENTHS - 1);
    json_t *ratios = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(ratios, figures[i],
                            json_real((double)bench_median(last, figures[i]) /
                                      (double)MAX(1, bench_median(second, figures[i]))));
    return ratios;
}

static gboolean measure(const char *dir, const BenchSettings *settings, json_t *report,
                        GError **error)
{
    json_auto_t *federation = access_load(dir, error);
    const json_t *pair = json_object_get(report, "pair");
    LoadMeasure load = {dir, pair, LOAD_FACTOR * (guint)settings->n_rounds, .fetches = TRUE};
    json_auto_t *peak = federation ? in_child(load_measure, &load, error) : NULL;
    if (!peak)
        return FALSE;
    gint64 per_s = json_read_integer(peak, "requests_per_s");
    load.rate_per_s = MAX(1, (guint64)per_s * SHARE_PERCENT / 100);
    // As many parts in each tenth.
    guint n_parts = N_TENTHS * (guint)MAX(1, settings->n_seconds / (N_TENTHS * PART_MAX_S));
    load.n_requests = (guint)MAX(1, load.rate_per_s * settings->n_seconds / n_parts);
    json_object_set_new(report, "peak_per_s", json_integer(per_s));
    json_object_set_new(report, "asked_per_s", json_integer((json_int_t)load.rate_per_s));
    json_t *parts = json_array();
    json_object_set_new(report, "parts", parts);
    for (guint i = 0; i < n_parts; i++) {
        if (!add_part(parts, &load, federation, error))
            return FALSE;
    }
    json_object_set_new(report, "last_over_second", compare(parts));
    return TRUE;
}

json_t *bench_endurance(const char *dir, const BenchSettings *settings, GError **error)
{
    json_auto_t *report = bench_report_new_of_pair("endurance", dir, settings, error);
    if (!report)
        return NULL;
    json_object_set_new(report, "seconds", json_integer((json_int_t)settings->n_seconds));
    return measure(dir, settings, report, error) ? g_steal_pointer(&report) : NULL;
}

// --- for people ----------------------------------------------------------------------------------

char *endurance_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    const json_t *part;
    gsize i;
    bench_format_head(table, report);
    g_string_append_printf(table,
                           "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                           " requests/s for %" G_GINT64_FORMAT " s\n%12s%12s%12s%12s%14s%14s%14s\n",
                           json_read_integer(report, "asked_per_s"),
                           json_read_integer(report, "peak_per_s"),
                           json_read_integer(report, "seconds"), "1/s", "p50 us", "p99 us",
                           "fetched", "platform KiB", "agents KiB", "broker KiB");
    json_array_foreach(json_object_get(report, "parts"), i, part)
    {
        const json_t *memory = json_object_get(part, "memory_of");
        g_string_append_printf(
            table,
            "%12" G_GINT64_FORMAT "%12" G_GINT64_FORMAT "%12" G_GINT64_FORMAT "%12" G_GINT64_FORMAT
            "%14" G_GINT64_FORMAT "%14" G_GINT64_FORMAT "%14" G_GINT64_FORMAT "\n",
            json_read_integer(part, "requests_per_s"), json_read_integer(part, "loaded_p50_us"),
            json_read_integer(part, "loaded_p99_us"), json_read_integer(part, "n_fetched"),
            json_read_integer(memory, "platform"), json_read_integer(memory, "agents"),
            json_read_integer(memory, "broker"));
    }
    const json_t *ratios = json_object_get(report, "last_over_second");
    g_string_append_printf(table, "last tenth over second: p50 %.2f, p99 %.2f, memory %.2f\n",
                           json_number_value(json_object_get(ratios, "loaded_p50_us")),
                           json_number_value(json_object_get(ratios, "loaded_p99_us")),
                           json_number_value(json_object_get(ratios, "memory_kib")));
    return g_string_free(table, FALSE);
}

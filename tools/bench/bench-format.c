// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/bench.h"

#include "tools/qkdnf/json-read.h"

static void append_figures(GString *table, const json_t *measured)
{
    g_string_append_printf(table, "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT,
                           json_read_integer(measured, "p50_us"),
                           json_read_integer(measured, "p99_us"));
}

static void append_floor(GString *table, const json_t *floor)
{
    g_autofree char *what =
        g_strdup_printf("floor: %s, %" G_GINT64_FORMAT " hops, %" G_GINT64_FORMAT " commits",
                        json_read_text(floor, "what"), json_read_integer(floor, "hops"),
                        json_read_integer(floor, "commits"));
    g_string_append_printf(table, "%-44s", what);
    append_figures(table, floor);
    g_string_append_c(table, '\n');
}

static double ratio_of(const json_t *request, const char *client)
{
    return json_number_value(json_object_get(json_object_get(request, "above_floor"), client));
}

static void append_request(GString *table, const json_t *request)
{
    g_autofree char *what = g_strdup_printf("key request across %" G_GINT64_FORMAT " providers",
                                            json_read_integer(request, "providers"));
    g_string_append_printf(table, "%-44s", what);
    append_figures(table, request);
    g_string_append_printf(table, "%10.2f%10.2f%10.2f\n", ratio_of(request, "bare"),
                           ratio_of(request, "paho"), ratio_of(request, "durable"));
}

void bench_format_head(GString *table, const json_t *report)
{
    const json_t *machine = json_object_get(report, "machine");
    const json_t *settings = json_object_get(report, "settings");
    g_string_append_printf(table,
                           "%s, %" G_GINT64_FORMAT " CPUs; %s, Paho %s; median of %" G_GINT64_FORMAT
                           " runs of %" G_GINT64_FORMAT " rounds\n",
                           json_read_text(machine, "cpu"), json_read_integer(machine, "n_cpus"),
                           json_read_text(json_object_get(report, "versions"), "broker"),
                           json_read_text(json_object_get(report, "versions"), "paho"),
                           json_read_integer(settings, "runs"),
                           json_read_integer(settings, "rounds"));
}

char *bench_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%-44s%10s%10s%10s%10s%10s\n", "", "p50 us", "p99 us", "x bare",
                           "x Paho", "x durable");
    const json_t *floors = json_object_get(report, "floor");
    for (gsize i = 0; i < json_array_size(floors); i++)
        append_floor(table, json_array_get(floors, i));
    const json_t *requests = json_object_get(report, "requests");
    for (gsize i = 0; i < json_array_size(requests); i++)
        append_request(table, json_array_get(requests, i));
    return g_string_free(table, FALSE);
}

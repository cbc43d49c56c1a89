// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/relay.h"

#include "tools/bench/load.h"
#include "tools/qkdnf/json-read.h"

// Of one request, as much as a platform grants by default.
#define N_KEYS        128
#define SIZE_BITS     8192
#define N_OUTSTANDING 4

// W. Li et al., Nature Photonics 17, 416 (2023).
#define REFERENCE_KBIT_PER_S 115800

static gboolean add_run(json_t *report, const LoadMeasure *load, GError **error)
{
    json_t *run = in_child(load_measure, (gpointer)load, error);
    if (!run)
        return FALSE;
    gint64 took_us = json_read_integer(run, "took_us");
    guint64 bits = (guint64)load->n_requests * N_KEYS * SIZE_BITS;
    json_object_set_new(run, "kbit_per_s",
                        json_integer((json_int_t)(bits * 1000 / (guint64)MAX(1, took_us))));
    return json_array_append_new(json_object_get(report, "runs"), run) == 0;
}

json_t *bench_relay(const char *dir, const BenchSettings *settings, GError **error)
{
    json_auto_t *report = bench_report_new_of_pair("relay", dir, settings, error);
    if (!report)
        return NULL;
    LoadMeasure load = {.dir = dir,
                        .pair = json_object_get(report, "pair"),
                        .n_requests = (guint)settings->n_rounds,
                        .fetches = TRUE,
                        .n_keys = N_KEYS,
                        .size_bits = SIZE_BITS,
                        .waits_for_key = TRUE,
                        .n_outstanding = N_OUTSTANDING};
    json_object_set_new(report, "keys", json_integer(N_KEYS));
    json_object_set_new(report, "size_bits", json_integer(SIZE_BITS));
    json_object_set_new(report, "runs", json_array());
    for (guint64 i = 0; i < settings->n_runs; i++) {
        if (!add_run(report, &load, error))
            return NULL;
    }
    gint64 kbit_per_s = bench_median(json_object_get(report, "runs"), "kbit_per_s");
    json_object_set_new(report, "kbit_per_s", json_integer(kbit_per_s));
    json_object_set_new(report, "over_reference",
                        json_real((double)kbit_per_s / REFERENCE_KBIT_PER_S));
    return g_steal_pointer(&report);
}

char *relay_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(
        table,
        "relayed across %" G_GINT64_FORMAT " providers, %d keys of %d bits a request, %d at a "
        "time: %.1f Mbit/s, %.2f times the fastest link published\n",
        json_read_integer(json_object_get(report, "pair"), "providers"), N_KEYS, SIZE_BITS,
        N_OUTSTANDING, (double)json_read_integer(report, "kbit_per_s") / 1000,
        json_number_value(json_object_get(report, "over_reference")));
    return g_string_free(table, FALSE);
}

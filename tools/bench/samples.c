// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/samples.h"

#include <math.h>

struct Samples {
    GArray *durations; // gint64, microseconds
};

Samples *samples_new(void)
{
    Samples *samples = g_new(Samples, 1);
    samples->durations = g_array_new(FALSE, FALSE, sizeof(gint64));
    return samples;
}

void samples_free(Samples *samples)
{
    if (!samples)
        return;
    g_array_unref(samples->durations);
    g_free(samples);
}

void samples_add(Samples *samples, gint64 duration_us)
{
    g_array_append_val(samples->durations, duration_us);
}

guint samples_count(const Samples *samples)
{
    return samples->durations->len;
}

static int compare_durations(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return (x > y) - (x < y);
}

gint64 samples_quantile(const Samples *samples, double share)
{
    guint n = samples->durations->len;
    if (n == 0)
        return 0;
    g_array_sort(samples->durations, compare_durations);
    guint rank = (guint)ceil(share * n);
    return g_array_index(samples->durations, gint64, CLAMP(rank, 1, n) - 1);
}

json_t *samples_to_json(const Samples *samples)
{
    return json_pack("{s:i, s:I, s:I, s:I, s:I}", "n", (int)samples_count(samples), "p50_us",
                     (json_int_t)samples_quantile(samples, 0.5), "p90_us",
                     (json_int_t)samples_quantile(samples, 0.9), "p99_us",
                     (json_int_t)samples_quantile(samples, 0.99), "max_us",
                     (json_int_t)samples_quantile(samples, 1));
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/tally.h"

#include <stdlib.h>
#include <string.h>

static void advance(TallyRate *rate, gint64 now_us)
{
    gint64 second = now_us / G_USEC_PER_SEC;
    if (second - rate->second >= TALLY_WINDOW_S) {
        *rate = (TallyRate){.second = second};
        return;
    }
    while (rate->second < second)
        rate->counts[++rate->second % TALLY_WINDOW_S] = 0;
}

void tally_rate_add(TallyRate *rate, gint64 now_us)
{
    advance(rate, now_us);
    rate->counts[rate->second % TALLY_WINDOW_S]++;
}

double tally_rate_per_s(TallyRate *rate, gint64 now_us)
{
    guint sum = 0;
    advance(rate, now_us);
    for (guint i = 0; i < TALLY_WINDOW_S; i++)
        sum += rate->counts[i];
    return (double)sum / TALLY_WINDOW_S;
}

void tally_times_add(TallyTimes *times, gint64 duration_us)
{
    times->durations_us[times->n++ % TALLY_DURATIONS] = duration_us;
}

static int compare(const void *a, const void *b)
{
    gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;
    return (left > right) - (left < right);
}

gint64 tally_times_quantile(const TallyTimes *times, double share)
{
    gint64 sorted[TALLY_DURATIONS];
    gsize n = (gsize)MIN(times->n, TALLY_DURATIONS);
    if (n == 0)
        return 0;
    memcpy(sorted, times->durations_us, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return sorted[MIN(n - 1, (gsize)(share * (double)n))];
}

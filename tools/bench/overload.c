// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/overload.h"

#include "tools/bench/load.h"
#include "tools/bench/request.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#define LOAD_FACTOR     50 // so many times the rounds are asked to find the peak
#define OVERLOAD_FACTOR 3
#define POLL_MS         1

// An answer comes when the request's time is up, at the latest; this is long past it.
#define ANSWER_LIMIT_US (60 * G_TIME_SPAN_SECOND)

static const char *const figures[] = {"peak_per_s", "asked_per_s", "granted_per_s", "n_unanswered",
                                      "open_max",   "p99_us",      "recovered_us"};

// --- in a child ----------------------------------------------------------------------------------

typedef struct {
    const char *dir;
    const json_t *pair;
    guint64 rate_per_s;
    guint64 n_seconds;
} FloodMeasure;

typedef struct {
    const FloodMeasure *measure;
    const char *target;
    struct qkdnf *initiator;
    gint64 begun_us, end_us;
    guint64 n_asked, n_answered, n_granted; // granted until the end of the overload
    guint64 n_open_max;
    gboolean is_probing;
    gint64 recovered_us; // 0: not yet
    json_t *answers;
    Samples *samples;
} Flood;

typedef struct {
    Flood *flood;
    gint64 asked_us;
} Asked;

static void count(json_t *counts, const char *name)
{
    json_object_set_new(counts, name, json_integer(json_read_integer(counts, name) + 1));
}

static void ask(Flood *flood, qkdnf_reply_fn callback, gpointer data)
{
    struct qkdnf_request request = {.targets = &flood->target, .n_targets = 1, .number = 1};
    qkdnf_request_keys(flood->initiator, &request, callback, data, NULL);
}

static void on_reply(void *data, const struct qkdnf_reply *reply)
{
    g_autofree Asked *asked = data;
    Flood *flood = asked->flood;
    gint64 now_us = g_get_monotonic_time();
    flood->n_answered++;
    flood->n_granted += reply->status == QKDNF_OK && now_us <= flood->end_us;
    count(flood->answers, qkdnf_status_name(reply->status));
    samples_add(flood->samples, now_us - asked->asked_us);
}

// Evenly, however late this process is.
static void ask_what_is_due(Flood *flood)
{
    gint64 now_us = MIN(g_get_monotonic_time(), flood->end_us);
    guint64 n_due =
        flood->measure->rate_per_s * (guint64)(now_us - flood->begun_us) / G_USEC_PER_SEC;
    for (; flood->n_asked < n_due; flood->n_asked++) {
        Asked *asked = g_new(Asked, 1);
        *asked = (Asked){flood, g_get_monotonic_time()};
        ask(flood, on_reply, asked);
    }
    flood->n_open_max = MAX(flood->n_open_max, flood->n_asked - flood->n_answered);
}

static void on_probed(void *data, const struct qkdnf_reply *reply)
{
    Flood *flood = data;
    flood->is_probing = FALSE;
    if (reply->status == QKDNF_OK)
        flood->recovered_us = MAX(1, g_get_monotonic_time() - flood->end_us);
}

// One after the other, as an application does that comes after the overload.
static void probe(Flood *flood)
{
    if (flood->is_probing || flood->recovered_us > 0)
        return;
    flood->is_probing = TRUE;
    ask(flood, on_probed, flood);
}

static void turn(const Flood *flood)
{
    GPollFD poll = {.fd = qkdnf_fd(flood->initiator), .events = G_IO_IN};
    int timeout_ms = qkdnf_timeout_ms(flood->initiator);
    g_poll(&poll, 1, timeout_ms < 0 ? POLL_MS : MIN(timeout_ms, POLL_MS));
    qkdnf_process(flood->initiator);
}

static void run(Flood *flood)
{
    flood->begun_us = g_get_monotonic_time();
    flood->end_us = flood->begun_us + (gint64)flood->measure->n_seconds * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < flood->end_us) {
        ask_what_is_due(flood);
        turn(flood);
    }
    gint64 limit_us = flood->end_us + ANSWER_LIMIT_US;
    while (g_get_monotonic_time() < limit_us &&
           (flood->n_answered < flood->n_asked || flood->recovered_us == 0)) {
        probe(flood);
        turn(flood);
    }
}

static json_t *flood_to_json(const Flood *flood)
{
    guint64 n_seconds = flood->measure->n_seconds;
    gint64 recovered_us = flood->recovered_us > 0 ? flood->recovered_us : ANSWER_LIMIT_US;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:O}", figures[1], (json_int_t)(flood->n_asked / n_seconds),
        figures[2], (json_int_t)(flood->n_granted / n_seconds), figures[3],
        (json_int_t)(flood->n_asked - flood->n_answered), figures[4], (json_int_t)flood->n_open_max,
        figures[5], (json_int_t)samples_quantile(flood->samples, 0.99), figures[6],
        (json_int_t)recovered_us, "answers", flood->answers);
}

static json_t *flood_measure(gpointer data, InChild *self, GError **error)
{
    const FloodMeasure *measure = data;
    Flood flood = {.measure = measure,
                   .target = json_read_text(measure->pair, "target"),
                   .answers = json_object(),
                   .samples = samples_new()};
    flood.initiator = request_join(measure->dir, json_read_text(measure->pair, "initiator"), error);
    json_t *result = NULL;
    if (flood.initiator && exchange_warm_up(flood.initiator, flood.target, 0, error)) {
        run(&flood);
        result = flood_to_json(&flood);
    }
    qkdnf_close(flood.initiator);
    json_decref(flood.answers);
    samples_free(flood.samples);
    return result;
}

// --- all -----------------------------------------------------------------------------------------

static gboolean add_run(json_t *report, const char *dir, const BenchSettings *settings,
                        GError **error)
{
    const json_t *pair = json_object_get(report, "pair");
    LoadMeasure load = {dir, pair, LOAD_FACTOR * (guint)settings->n_rounds};
    json_auto_t *peak = in_child(load_measure, &load, error);
    if (!peak)
        return FALSE;
    gint64 per_s = json_read_integer(peak, "requests_per_s");
    FloodMeasure flood = {dir, pair, OVERLOAD_FACTOR * (guint64)MAX(1, per_s), settings->n_seconds};
    json_t *run_of = in_child(flood_measure, &flood, error);
    if (!run_of)
        return FALSE;
    json_object_set_new(run_of, figures[0], json_integer(per_s));
    return json_array_append_new(json_object_get(report, "runs"), run_of) == 0;
}

json_t *bench_overload(const char *dir, const BenchSettings *settings, GError **error)
{
    json_auto_t *report = bench_report_new_of_pair("overload", dir, settings, error);
    if (!report)
        return NULL;
    json_object_set_new(report, "seconds", json_integer((json_int_t)settings->n_seconds));
    json_object_set_new(report, "runs", json_array());
    for (guint64 i = 0; i < settings->n_runs; i++) {
        if (!add_run(report, dir, settings, error))
            return NULL;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(
            report, figures[i],
            json_integer(bench_median(json_object_get(report, "runs"), figures[i])));
    const json_t *runs = json_object_get(report, "runs");
    json_object_set_new(report, "over_peak",
                        json_real(bench_median_ratio(runs, figures[2], runs, figures[0])));
    return g_steal_pointer(&report);
}

// --- for people ----------------------------------------------------------------------------------

static void append_answers(GString *table, const json_t *report)
{
    const json_t *runs = json_object_get(report, "runs");
    json_t *answers = json_object_get(json_array_get(runs, 0), "answers");
    const char *status;
    json_t *n;
    g_string_append(table, "answers of the first run:");
    json_object_foreach(answers, status, n) g_string_append_printf(
        table, " %s %" G_GINT64_FORMAT, status, (gint64)json_integer_value(n));
    g_string_append_c(table, '\n');
}

char *overload_format_table(const json_t *report)
{
    static const char *const titles[] = {"peak, 1/s", "asked, 1/s", "granted, 1/s", "unanswered",
                                         "waiting",   "p99 us",     "recovered us"};
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%d times the peak for %" G_GINT64_FORMAT " s\n", OVERLOAD_FACTOR,
                           json_read_integer(report, "seconds"));
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(table, "%14s", titles[i]);
    g_string_append_printf(table, "%12s\n", "over peak");
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(table, "%14" G_GINT64_FORMAT, json_read_integer(report, figures[i]));
    g_string_append_printf(table, "%12.2f\n",
                           json_number_value(json_object_get(report, "over_peak")));
    append_answers(table, report);
    return g_string_free(table, FALSE);
}

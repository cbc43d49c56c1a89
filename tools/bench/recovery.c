// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/recovery.h"

#include "tools/bench/load.h"
#include "tools/bench/request.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#include <signal.h>

// So many keys are stored before each run, for each of the rounds.
#define REQUESTS_A_ROUND 10
#define KEYS_A_REQUEST   10

// After this it is a failure.
#define LIMIT_US   (120 * G_TIME_SPAN_SECOND)
#define TIMEOUT_MS 10000

static const char *const killed[] = {"platform", "initiator's agent", "target's agent", "broker"};

typedef struct {
    const char *dir;
    const json_t *pair;
    const char *what; // of those above
} Kill;

// --- in a child ----------------------------------------------------------------------------------

static const json_t *find_agent(const json_t *federation, const char *sae)
{
    const json_t *user = exchange_find_sae(federation, sae, NULL);
    const char *provider = user ? json_read_text(user, "qkdn") : "";
    const json_t *agents = json_object_get(federation, "qkdns");
    for (gsize i = 0; i < json_array_size(agents); i++) {
        const json_t *agent = json_array_get(agents, i);
        if (g_strcmp0(json_read_text(agent, "id"), provider) == 0)
            return agent;
    }
    return NULL;
}

static pid_t find_pid(const Kill *what, const json_t *federation)
{
    const json_t *process = json_object_get(federation, what->what);
    if (what->what == killed[1])
        process = find_agent(federation, json_read_text(what->pair, "initiator"));
    else if (what->what == killed[2])
        process = find_agent(federation, json_read_text(what->pair, "target"));
    return (pid_t)json_read_integer(process, "pid");
}

static void ask(struct qkdnf *application, const Kill *what, const json_t *federation,
                Exchange *ret_exchange)
{
    const char *target = json_read_text(what->pair, "target");
    struct qkdnf_request request = {
        .targets = &target, .n_targets = 1, .number = 1, .timeout_ms = TIMEOUT_MS};
    exchange_run(application, federation, &request, FALSE, ret_exchange);
}

// Asks until it is granted; 0 when that takes too long.
static gint64 wait_for_grant(struct qkdnf *application, const Kill *what, const json_t *federation)
{
    gint64 begun_us = g_get_monotonic_time();
    gint64 took_us = 0;
    for (gboolean done = FALSE; !done && took_us < LIMIT_US;) {
        g_auto(Exchange) exchange = {0};
        ask(application, what, federation, &exchange);
        done = exchange.reply->status == QKDNF_OK;
        took_us = g_get_monotonic_time() - begun_us;
    }
    return took_us < LIMIT_US ? MAX(1, took_us) : 0;
}

static gboolean fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, why);
    return FALSE;
}

static json_t *kill_and_wait(struct qkdnf *application, const Kill *what, const json_t *federation,
                             GError **error)
{
    g_auto(Exchange) before = {0};
    pid_t pid = find_pid(what, federation);
    ask(application, what, federation, &before);
    if (before.reply->status != QKDNF_OK) {
        fail(error, "a request is not granted", before.reply->text);
        return NULL;
    }
    if (pid <= 1 || kill(pid, SIGKILL) != 0) {
        fail(error, what->what, "is not there to be killed");
        return NULL;
    }
    gint64 recovered_us = wait_for_grant(application, what, federation);
    if (recovered_us == 0) {
        fail(error, what->what, "no request is granted after it was killed");
        return NULL;
    }
    exchange_fetch(&before, federation);
    return json_pack("{s:I, s:i}", "recovered_us", (json_int_t)recovered_us, "n_lost",
                     before.is_equal ? 0 : 1);
}

static json_t *recover(gpointer data, InChild *self, GError **error)
{
    const Kill *what = data;
    json_t *federation = access_load(what->dir, error);
    struct qkdnf *application =
        federation ? request_join(what->dir, json_read_text(what->pair, "initiator"), error) : NULL;
    json_t *result = NULL;
    if (application &&
        exchange_warm_up(application, json_read_text(what->pair, "target"), 0, error))
        result = kill_and_wait(application, what, federation, error);
    qkdnf_close(application);
    json_decref(federation);
    return result;
}

// --- all -----------------------------------------------------------------------------------------

static gboolean kill_each(const char *dir, const json_t *pair, json_t *rows, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(killed); i++) {
        Kill what = {dir, pair, killed[i]};
        json_t *run = in_child(recover, &what, error);
        if (!run)
            return FALSE;
        json_t *row = json_array_get(rows, i);
        json_t *runs = json_object_get(row, "runs");
        gint64 n_lost = json_read_integer(row, "n_lost") + json_read_integer(run, "n_lost");
        json_array_append_new(runs, run);
        json_object_set_new(row, "n_lost", json_integer(n_lost));
        json_object_set_new(row, "recovered_us", json_integer(bench_median(runs, "recovered_us")));
    }
    return TRUE;
}

static json_t *rows_new(void)
{
    json_t *rows = json_array();
    for (gsize i = 0; i < G_N_ELEMENTS(killed); i++)
        json_array_append_new(
            rows, json_pack("{s:s, s:i, s:[]}", "what", killed[i], "n_lost", 0, "runs"));
    return rows;
}

static gboolean measure(json_t *report, const char *dir, const BenchSettings *settings,
                        GError **error)
{
    const json_t *pair = json_object_get(report, "pair");
    json_int_t n_stored = 0;
    LoadMeasure fill = {.dir = dir,
                        .pair = pair,
                        .n_requests = REQUESTS_A_ROUND * (guint)settings->n_rounds,
                        .n_keys = KEYS_A_REQUEST,
                        .waits_for_key = TRUE};
    for (guint64 i = 0; i < settings->n_runs; i++) {
        json_auto_t *filled = in_child(load_measure, &fill, error);
        if (!filled || !kill_each(dir, pair, json_object_get(report, "killed"), error))
            return FALSE;
        n_stored += (json_int_t)fill.n_requests * KEYS_A_REQUEST;
    }
    json_object_set_new(report, "keys_stored", json_integer(n_stored));
    return TRUE;
}

json_t *bench_recovery(const char *dir, const BenchSettings *settings, GError **error)
{
    json_auto_t *report = bench_report_new_of_pair("recovery", dir, settings, error);
    if (!report)
        return NULL;
    json_object_set_new(report, "killed", rows_new());
    return measure(report, dir, settings, error) ? g_steal_pointer(&report) : NULL;
}

char *recovery_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    const json_t *rows = json_object_get(report, "killed");
    bench_format_head(table, report);
    g_string_append_printf(table, "%-44s%16s%10s\n", "kill -9, until a request is granted", "ms",
                           "keys lost");
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        g_string_append_printf(table, "%-44s%16.1f%10" G_GINT64_FORMAT "\n",
                               json_read_text(row, "what"),
                               (double)json_read_integer(row, "recovered_us") / 1000,
                               json_read_integer(row, "n_lost"));
    }
    g_string_append_printf(table, "with %" G_GINT64_FORMAT " keys in store at each end\n",
                           json_read_integer(report, "keys_stored"));
    return g_string_free(table, FALSE);
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/kme.h"

#include "tools/bench/kme-call.h"
#include "tools/bench/request.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"
#include "topics/mqtt/pki.h"

#include <string.h>
#include <unistd.h>

// Of what a run asks for at low load, so much more is asked for here.
#define LOAD_FACTOR 10

#define CONNECTIONS_MAX 8
#define KEYS_A_REQUEST  128
#define FLOOR_ID        "floor-kme"

typedef enum { ENC_KEYS, DEC_KEYS, CONNECT, RESUME, N_METHODS } Method;

static const struct {
    const char *name;
    guint n_connections; // at a time
    Method method;
} cases[] = {
    {"enc_keys", 1, ENC_KEYS},
    {"dec_keys", 1, DEC_KEYS},
    {"enc_keys", CONNECTIONS_MAX, ENC_KEYS},
    {"dec_keys", CONNECTIONS_MAX, DEC_KEYS},
    {"new connection", 1, CONNECT},
    {"resumed connection", 1, RESUME},
};

static const char *const figures[] = {"per_s", "p50_us", "p99_us", "floor_per_s", "n_refused"};

typedef struct {
    Connection connection; // its certificates; the URL of the KME
    const char *peer;      // whom the keys are shared with
} End;

typedef struct {
    const char *dir;
    json_t *federation;
    const json_t *pair;
    End initiator, target;
    guint n_calls;   // of a run
    json_t *key_ids; // of what enc_keys gave last
} Course;

// --- one connection, in a child ------------------------------------------------------------------

typedef struct {
    const Course *course;
    const char *url; // NULL: the KME's own
    Method method;
    guint n_calls, first; // so many, and of dec_keys from this key on
} Work;

typedef struct {
    const Work *work;
    SSL_CTX *context;
    Peer peer;
    Dial dial;
    json_t *result;
} Worker;

static const End *end_of(const Work *work)
{
    return work->method == DEC_KEYS ? &work->course->target : &work->course->initiator;
}

static gboolean parse_url(const char *url, Peer *ret_peer)
{
    int port = 0;
    if (!g_uri_split_network(url, G_URI_FLAGS_NONE, NULL, &ret_peer->host, &port, NULL))
        return FALSE;
    ret_peer->port = g_strdup_printf("%d", port);
    return TRUE;
}

static KmeAnswer call_once(const Worker *worker, guint i)
{
    const Work *work = worker->work;
    const char *peer = end_of(work)->peer;
    g_autofree char *path = NULL, *body = NULL;
    if (work->method == ENC_KEYS) {
        path = g_strdup_printf("/api/v1/keys/%s/enc_keys", peer);
        body = g_strdup("{\"number\":1,\"size\":256}");
    } else if (work->method == DEC_KEYS) {
        const json_t *id = json_array_get(work->course->key_ids, work->first + i);
        path = g_strdup_printf("/api/v1/keys/%s/dec_keys", peer);
        body = g_strdup_printf("{\"key_IDs\":[{\"key_ID\":\"%s\"}]}", json_string_value(id));
    } else {
        path = g_strdup_printf("/api/v1/keys/%s/status", peer);
    }
    return kme_call(&worker->dial, path, body);
}

// A call on a connection of its own, which leaves its session to the next.
static KmeAnswer call_anew(Worker *worker, SSL_SESSION **session)
{
    KmeAnswer answer = {0};
    gboolean resumes = worker->work->method == RESUME;
    if (!dial_open(&worker->dial, worker->context, &worker->peer, resumes ? *session : NULL))
        return answer;
    answer = call_once(worker, 0);
    if (resumes && *session && !SSL_session_reused(worker->dial.ssl))
        answer.code = 0;
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(worker->dial.ssl);
    dial_close(&worker->dial);
    return answer;
}

static gboolean note(Worker *worker, const KmeAnswer *answer, gint64 took_us)
{
    json_t *result = worker->result;
    if (answer->code == 503) {
        json_object_set_new(result, "n_refused",
                            json_integer(json_read_integer(result, "n_refused") + 1));
        return TRUE;
    }
    json_array_append_new(json_object_get(result, "durations_us"), json_integer(took_us));
    if (answer->key_id[0])
        json_array_append_new(json_object_get(result, "key_ids"), json_string(answer->key_id));
    return answer->code == 200;
}

static gboolean work_all(Worker *worker)
{
    const Work *work = worker->work;
    gboolean is_kept = work->method == ENC_KEYS || work->method == DEC_KEYS;
    SSL_SESSION *session = NULL;
    gboolean done = !is_kept || dial_open(&worker->dial, worker->context, &worker->peer, NULL);
    json_object_set_new(worker->result, "begun_us", json_integer(g_get_monotonic_time()));
    for (guint i = 0; done && i < work->n_calls; i++) {
        gint64 begun_us = g_get_monotonic_time();
        KmeAnswer answer = is_kept ? call_once(worker, i) : call_anew(worker, &session);
        done = note(worker, &answer, g_get_monotonic_time() - begun_us);
    }
    json_object_set_new(worker->result, "ended_us", json_integer(g_get_monotonic_time()));
    SSL_SESSION_free(session);
    dial_close(&worker->dial);
    return done;
}

static json_t *work_in_child(gpointer data, InChild *self, GError **error)
{
    const Work *work = data;
    const Connection *connection = &end_of(work)->connection;
    Worker worker = {.work = work, .context = dial_context(connection)};
    worker.result = json_pack("{s:[], s:[], s:i}", "durations_us", "key_ids", "n_refused", 0);
    if (worker.context && parse_url(work->url ? work->url : connection->url, &worker.peer) &&
        work_all(&worker))
        return worker.result;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s is not answered as it should be",
                cases[work->method].name);
    return NULL;
}

// --- all connections of a case -------------------------------------------------------------------

static void add_up(json_t *all, const json_t *one)
{
    gint64 begun_us = json_read_integer(all, "begun_us");
    gint64 its_us = json_read_integer(one, "begun_us");
    json_object_set_new(all, "begun_us",
                        json_integer(begun_us > 0 ? MIN(begun_us, its_us) : its_us));
    json_object_set_new(
        all, "ended_us",
        json_integer(MAX(json_read_integer(all, "ended_us"), json_read_integer(one, "ended_us"))));
    json_object_set_new(
        all, "n_refused",
        json_integer(json_read_integer(all, "n_refused") + json_read_integer(one, "n_refused")));
    json_array_extend(json_object_get(all, "durations_us"), json_object_get(one, "durations_us"));
    json_array_extend(json_object_get(all, "key_ids"), json_object_get(one, "key_ids"));
}

// NULL when one of them failed.
static json_t *work_together(const Course *course, gsize which, const char *url, GError **error)
{
    guint n = cases[which].n_connections;
    guint n_each = course->n_calls / n;
    Work works[CONNECTIONS_MAX];
    InChild *children[CONNECTIONS_MAX];
    json_t *all = json_pack("{s:[], s:[]}", "durations_us", "key_ids");
    gboolean done = TRUE;
    for (guint i = 0; i < n; i++) {
        works[i] = (Work){course, url, cases[which].method, n_each, i * n_each};
        children[i] = in_child_start(work_in_child, &works[i]);
    }
    for (guint i = 0; i < n; i++) {
        json_auto_t *one = in_child_finish(children[i], FALSE, done ? error : NULL);
        done = done && one;
        if (one)
            add_up(all, one);
    }
    if (done)
        return all;
    json_decref(all);
    return NULL;
}

static gint64 per_s(const json_t *all)
{
    gint64 took_us = json_read_integer(all, "ended_us") - json_read_integer(all, "begun_us");
    return (gint64)json_array_size(json_object_get(all, "durations_us")) * G_USEC_PER_SEC /
           MAX(1, took_us);
}

static json_t *run_to_json(const json_t *ours, const json_t *floor)
{
    g_autoptr(Samples) samples = samples_new();
    const json_t *durations = json_object_get(ours, "durations_us");
    for (gsize i = 0; i < json_array_size(durations); i++)
        samples_add(samples, json_integer_value(json_array_get(durations, i)));
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", figures[0], (json_int_t)per_s(ours), figures[1],
                     (json_int_t)samples_quantile(samples, 0.5), figures[2],
                     (json_int_t)samples_quantile(samples, 0.99), figures[3],
                     (json_int_t)per_s(floor), figures[4],
                     (json_int_t)json_read_integer(ours, "n_refused"));
}

static gboolean run_case(Course *course, gsize which, const char *floor_url, json_t *measured,
                         GError **error)
{
    json_auto_t *floor = work_together(course, which, floor_url, error);
    json_auto_t *ours = floor ? work_together(course, which, NULL, error) : NULL;
    if (!ours)
        return FALSE;
    if (cases[which].method == ENC_KEYS) {
        json_decref(course->key_ids);
        course->key_ids = json_incref(json_object_get(ours, "key_ids"));
    }
    json_t *runs = json_object_get(measured, "runs");
    json_array_append_new(runs, run_to_json(ours, floor));
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(measured, figures[i], json_integer(bench_median(runs, figures[i])));
    json_object_set_new(measured, "over_floor",
                        json_real(bench_median_ratio(runs, "per_s", runs, "floor_per_s")));
    return TRUE;
}

// --- keys in store -------------------------------------------------------------------------------

// So many keys of the pair as all runs will fetch, granted by the platform.
static json_t *fill(gpointer data, InChild *self, GError **error)
{
    const Course *course = data;
    const char *target = course->initiator.peer;
    struct qkdnf *q = request_join(course->dir, course->target.peer, error);
    struct qkdnf_request request = {
        .targets = &target, .n_targets = 1, .number = KEYS_A_REQUEST, .timeout_ms = 20000};
    gboolean done = q != NULL;
    for (guint n = 0; done && n < course->n_calls; n += KEYS_A_REQUEST) {
        struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &request);
        done = reply->status == QKDNF_OK;
        if (!done)
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "no keys to fetch: %s",
                        reply->text);
        qkdnf_reply_free(reply);
    }
    qkdnf_close(q);
    return done ? json_object() : NULL;
}

static gboolean run_all(Course *course, guint64 n_runs, const char *floor_url, json_t *calls,
                        GError **error)
{
    for (guint64 run = 0; run < n_runs; run++) {
        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
            if (cases[i].method == ENC_KEYS) {
                json_auto_t *filled = in_child(fill, course, error);
                if (!filled)
                    return FALSE;
            }
            if (!run_case(course, i, floor_url, json_array_get(calls, i), error))
                return FALSE;
        }
    }
    return TRUE;
}

// --- all -----------------------------------------------------------------------------------------

static gboolean find_end(const Course *course, const char *sae, const char *peer, End *ret_end,
                         GError **error)
{
    const json_t *user = exchange_find_sae(course->federation, sae, error);
    if (!user)
        return FALSE;
    *ret_end = (End){{.url = (char *)json_read_text(user, "kme"),
                      .ca = (char *)json_read_text(course->federation, "ca"),
                      .certificate = (char *)json_read_text(user, "certificate"),
                      .key = (char *)json_read_text(user, "key")},
                     peer};
    return TRUE;
}

// The floor's server, certified in the directory of the federation.
static gboolean measure_beside_floor(Course *course, guint64 n_runs, json_t *calls, GError **error)
{
    const char *ca_file = json_read_text(course->federation, "ca");
    g_autofree char *pki = g_path_get_dirname(ca_file);
    g_autoptr(PkiCa) ca = pki_create_ca(pki, error);
    if (!ca || !pki_issue(ca, FLOOR_ID, PKI_USAGE_SERVER, 0, pki, error))
        return FALSE;
    g_autofree char *certificate = g_strdup_printf("%s/" FLOOR_ID ".crt", pki);
    g_autofree char *key = g_strdup_printf("%s/" FLOOR_ID ".key", pki);
    Connection connection = {.ca = (char *)ca_file, .certificate = certificate, .key = key};
    guint16 port = 0;
    KmeMock mock = {&connection, kme_mock_listen(&port)};
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u", port);
    InChild *server = in_child_start(kme_mock_run, &mock);
    gboolean is_ready = in_child_wait_ready(server);
    gboolean done = is_ready && run_all(course, n_runs, url, calls, error);
    // A server that is stopped has no result.
    in_child_finish(server, TRUE, is_ready ? NULL : error);
    close(mock.listening);
    return done;
}

static json_t *cases_to_json(void)
{
    json_t *array = json_array();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        json_array_append_new(array, json_pack("{s:s, s:i, s:[]}", "what", cases[i].name,
                                               "connections", (int)cases[i].n_connections, "runs"));
    return array;
}

json_t *bench_kme(const char *dir, const BenchSettings *settings, GError **error)
{
    json_auto_t *report = bench_report_new_of_pair("kme", dir, settings, error);
    json_auto_t *federation = report ? access_load(dir, error) : NULL;
    if (!federation)
        return NULL;
    const json_t *pair = json_object_get(report, "pair");
    const char *initiator = json_read_text(pair, "initiator");
    const char *target = json_read_text(pair, "target");
    Course course = {dir, federation, pair, .n_calls = LOAD_FACTOR * (guint)settings->n_rounds};
    json_t *calls = cases_to_json();
    json_object_set_new(report, "calls", calls);
    gboolean done = find_end(&course, initiator, target, &course.initiator, error) &&
                    find_end(&course, target, initiator, &course.target, error) &&
                    measure_beside_floor(&course, settings->n_runs, calls, error);
    json_decref(course.key_ids);
    return done ? g_steal_pointer(&report) : NULL;
}

// --- for people ----------------------------------------------------------------------------------

char *kme_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%-24s%12s%10s%10s%10s%12s%12s%10s\n", "ETSI GS QKD 014",
                           "connections", "1/s", "p50 us", "p99 us", "floor, 1/s", "over floor",
                           "refused");
    gsize i;
    json_t *call;
    json_array_foreach(json_object_get(report, "calls"), i, call) g_string_append_printf(
        table,
        "%-24s%12" G_GINT64_FORMAT "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT
        "%12" G_GINT64_FORMAT "%12.2f%10" G_GINT64_FORMAT "\n",
        json_read_text(call, "what"), json_read_integer(call, "connections"),
        json_read_integer(call, "per_s"), json_read_integer(call, "p50_us"),
        json_read_integer(call, "p99_us"), json_read_integer(call, "floor_per_s"),
        json_number_value(json_object_get(call, "over_floor")),
        json_read_integer(call, "n_refused"));
    return g_string_free(table, FALSE);
}

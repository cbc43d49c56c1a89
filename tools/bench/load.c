// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/load.h"

#include "tools/bench/cpu.h"
#include "tools/bench/request.h"
#include "tools/bench/samples.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#define FETCH_TIMEOUT_MS 10000
#define FETCH_KEYS       64 // in a call

// How long, and how often at most, key that has run short is waited for.
#define SHORT_PAUSE_US (5 * G_TIME_SPAN_MILLISECOND)
#define SHORT_MAX      20000

// Where requests are asked evenly, it is looked so often whether one is due.
#define DUE_MS 1

typedef struct {
    const LoadMeasure *measure;
    const char *initiator_id;
    const char *target_id;
    json_t *federation; // its description
    struct qkdnf *initiator;
    gint64 begun_us;
    guint n_asked;
    guint n_short; // answers that there is not enough key now
    guint64 n_granted;
    GHashTable *keys; // IDs of those that were granted, and not fetched
    Samples *samples;
    char *failure;
} Load;

typedef struct {
    Load *load;
    gint64 asked_us;
} Asked;

// --- asking --------------------------------------------------------------------------------------

static void on_reply(void *data, const struct qkdnf_reply *reply);

static guint n_keys(const Load *load)
{
    return MAX(1, load->measure->n_keys);
}

// How many are to be asked by now.
static guint64 n_due(const Load *load)
{
    const LoadMeasure *measure = load->measure;
    if (measure->rate_per_s == 0)
        return measure->n_requests;
    guint64 elapsed_us = (guint64)(g_get_monotonic_time() - load->begun_us);
    return MIN(measure->n_requests, measure->rate_per_s * elapsed_us / G_USEC_PER_SEC + 1);
}

static void ask_more(Load *load)
{
    const LoadMeasure *measure = load->measure;
    guint64 due = n_due(load);
    guint n_outstanding = measure->n_outstanding > 0 ? measure->n_outstanding : LOAD_OUTSTANDING;
    struct qkdnf_request request = {.targets = &load->target_id,
                                    .n_targets = 1,
                                    .number = n_keys(load),
                                    .size_bits = measure->size_bits};
    while (load->n_asked < due && load->n_asked - samples_count(load->samples) < n_outstanding) {
        Asked *asked = g_new(Asked, 1);
        *asked = (Asked){load, g_get_monotonic_time()};
        qkdnf_request_keys(load->initiator, &request, on_reply, asked, NULL);
        load->n_asked++;
    }
}

// What is relayed faster than key arrives has to wait for it; but not for ever.
static gboolean is_short(Load *load, const struct qkdnf_reply *reply)
{
    return load->measure->waits_for_key && reply->status == QKDNF_INSUFFICIENT_KEY &&
           ++load->n_short < SHORT_MAX;
}

static void on_reply(void *data, const struct qkdnf_reply *reply)
{
    g_autofree Asked *asked = data;
    Load *load = asked->load;
    if (is_short(load, reply)) {
        g_usleep(SHORT_PAUSE_US);
        load->n_asked--;
        ask_more(load);
        return;
    }
    samples_add(load->samples, g_get_monotonic_time() - asked->asked_us);
    if (reply->status != QKDNF_OK || reply->n_key_ids != n_keys(load)) {
        if (!load->failure)
            load->failure =
                g_strdup_printf("under load, a request is not granted: %s", reply->text);
        return;
    }
    load->n_granted++;
    for (gsize i = 0; i < reply->n_key_ids; i++)
        g_hash_table_add(load->keys, g_strdup(reply->key_ids[i]));
    ask_more(load);
}

static void wait_for_some(Load *load)
{
    GPollFD poll = {.fd = qkdnf_fd(load->initiator), .events = G_IO_IN};
    int timeout_ms = qkdnf_timeout_ms(load->initiator);
    if (load->measure->rate_per_s > 0)
        timeout_ms = timeout_ms < 0 ? DUE_MS : MIN(timeout_ms, DUE_MS);
    g_poll(&poll, 1, timeout_ms);
    qkdnf_process(load->initiator);
    ask_more(load);
}

static gboolean fail(GError **error, const char *what)
{
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, what);
    return FALSE;
}

static json_t *ask_all(Load *load, GError **error)
{
    // Not the time of the connection.
    if (!exchange_warm_up(load->initiator, load->target_id, 0, error))
        return NULL;
    CpuTimes before = cpu_times(load->federation);
    load->begun_us = g_get_monotonic_time();
    ask_more(load);
    while (samples_count(load->samples) < load->measure->n_requests && !load->failure)
        wait_for_some(load);
    gint64 took_us = MAX(1, g_get_monotonic_time() - load->begun_us);
    CpuTimes after = cpu_times(load->federation);
    if (load->failure) {
        fail(error, load->failure);
        return NULL;
    }
    return json_pack("{s:I, s:i, s:I, s:I, s:I, s:o}", "took_us", (json_int_t)took_us, "n_short",
                     (int)load->n_short, "requests_per_s",
                     (json_int_t)(load->n_granted * G_USEC_PER_SEC / took_us), "loaded_p50_us",
                     (json_int_t)samples_quantile(load->samples, 0.5), "loaded_p99_us",
                     (json_int_t)samples_quantile(load->samples, 0.99), "cpu_us",
                     cpu_times_to_json(&before, &after, load->measure->n_requests));
}

// --- fetching ------------------------------------------------------------------------------------

typedef struct {
    struct qkdnf_kme *initiator;
    struct qkdnf_kme *target;
} Kmes;

// The initiator's next keys, whatever request they are of, and the same at the target.
static gboolean fetch_some(const Load *load, const Kmes *kmes)
{
    struct qkdnf_key_query query = {.targets = &load->target_id,
                                    .n_targets = 1,
                                    .number = MIN(FETCH_KEYS, g_hash_table_size(load->keys)),
                                    .size_bits = load->measure->size_bits};
    struct qkdnf_keys *ours = qkdnf_get_keys(kmes->initiator, &query, FETCH_TIMEOUT_MS);
    g_autofree const char **ids = g_new(const char *, ours->n_keys + 1);
    gboolean is_ours = ours->n_keys == query.number;
    for (gsize i = 0; i < ours->n_keys; i++) {
        ids[i] = ours->keys[i].id;
        is_ours &= g_hash_table_remove(load->keys, ids[i]);
    }
    struct qkdnf_keys *theirs =
        qkdnf_get_keys_by_id(kmes->target, load->initiator_id, ids, ours->n_keys, FETCH_TIMEOUT_MS);
    gboolean is_equal = is_ours && exchange_keys_equal(ours, theirs);
    qkdnf_keys_free(ours);
    qkdnf_keys_free(theirs);
    return is_equal;
}

// All that was granted, each key once.
static gboolean fetch_all(const Load *load, GError **error)
{
    Kmes kmes = {exchange_open_kme(load->federation, load->initiator_id, error), NULL};
    if (kmes.initiator)
        kmes.target = exchange_open_kme(load->federation, load->target_id, error);
    gboolean done = kmes.target != NULL;
    while (done && g_hash_table_size(load->keys) > 0)
        done = fetch_some(load, &kmes) ||
               fail(error, "a key that was granted under load is not the same at both ends");
    qkdnf_kme_free(kmes.initiator);
    qkdnf_kme_free(kmes.target);
    return done;
}

// --- both ----------------------------------------------------------------------------------------

static json_t *run(Load *load, GError **error)
{
    json_t *result = ask_all(load, error);
    if (!result)
        return NULL;
    gboolean done = !load->measure->fetches || fetch_all(load, error);
    json_object_set_new(result, "n_fetched",
                        json_integer(load->measure->fetches ? load->n_granted : 0));
    if (done)
        return result;
    json_decref(result);
    return NULL;
}

json_t *load_measure(gpointer data, InChild *self, GError **error)
{
    const LoadMeasure *measure = data;
    Load load = {
        .measure = measure,
        .initiator_id = json_read_text(measure->pair, "initiator"),
        .target_id = json_read_text(measure->pair, "target"),
        .federation = access_load(measure->dir, error),
        .keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .samples = samples_new(),
    };
    if (load.federation)
        load.initiator = request_join(measure->dir, load.initiator_id, error);
    json_t *result = load.initiator ? run(&load, error) : NULL;
    qkdnf_close(load.initiator);
    json_decref(load.federation);
    g_hash_table_unref(load.keys);
    samples_free(load.samples);
    g_free(load.failure);
    return result;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/load.h"

#include "tools/bench/cpu.h"
#include "tools/bench/request.h"
#include "tools/bench/samples.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#define FETCH_TIMEOUT_MS 10000

// How long, and how often at most, key that has run short is waited for.
#define SHORT_PAUSE_US (5 * G_TIME_SPAN_MILLISECOND)
#define SHORT_MAX      20000

// Where requests are asked evenly, it is looked so often whether one is due.
#define DUE_MS 1

// One request, as it was granted.
typedef struct {
    char request[37];
    char **keys;
} Granted;

static void clear_granted(gpointer data)
{
    g_strfreev(((Granted *)data)->keys);
}

typedef struct {
    const LoadMeasure *measure;
    const char *initiator_id;
    const char *target_id;
    json_t *federation; // its description
    struct qkdnf *initiator;
    gint64 begun_us;
    guint n_asked;
    guint n_short;   // answers that there is not enough key now
    GArray *granted; // Granted
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
    Granted granted = {.keys = g_new0(char *, reply->n_key_ids + 1)};
    g_strlcpy(granted.request, reply->id, sizeof granted.request);
    for (gsize i = 0; i < reply->n_key_ids; i++)
        granted.keys[i] = g_strdup(reply->key_ids[i]);
    g_array_append_val(load->granted, granted);
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
                     (json_int_t)(load->granted->len * G_USEC_PER_SEC / took_us), "loaded_p50_us",
                     (json_int_t)samples_quantile(load->samples, 0.5), "loaded_p99_us",
                     (json_int_t)samples_quantile(load->samples, 0.99), "cpu_us",
                     cpu_times_to_json(&before, &after, load->measure->n_requests));
}

// --- fetching ------------------------------------------------------------------------------------

typedef struct {
    struct qkdnf_kme *initiator;
    struct qkdnf_kme *target;
} Kmes;

static gboolean fetch_one(const Load *load, const Kmes *kmes, const Granted *granted)
{
    const char *const *keys = (const char *const *)granted->keys;
    struct qkdnf_delivery deliveries[] = {{.sae = load->initiator_id}, {.sae = load->target_id}};
    struct qkdnf_reply reply = {
        .status = QKDNF_OK,
        .n_key_ids = n_keys(load),
        .key_ids = keys,
        .size_bits = load->measure->size_bits,
        .n_deliveries = G_N_ELEMENTS(deliveries),
        .deliveries = deliveries,
    };
    g_strlcpy(reply.id, granted->request, sizeof reply.id);
    struct qkdnf_keys *ours = qkdnf_fetch(kmes->initiator, &reply, FETCH_TIMEOUT_MS);
    struct qkdnf_keys *theirs = qkdnf_get_keys_by_id(kmes->target, load->initiator_id, keys,
                                                     n_keys(load), FETCH_TIMEOUT_MS);
    gboolean is_equal = ours->n_keys == n_keys(load) && exchange_keys_equal(ours, theirs);
    qkdnf_keys_free(ours);
    qkdnf_keys_free(theirs);
    return is_equal;
}

static gboolean fetch_all(const Load *load, GError **error)
{
    Kmes kmes = {exchange_open_kme(load->federation, load->initiator_id, error), NULL};
    if (kmes.initiator)
        kmes.target = exchange_open_kme(load->federation, load->target_id, error);
    gboolean done = kmes.target != NULL;
    for (guint i = 0; done && i < load->granted->len; i++)
        done = fetch_one(load, &kmes, &g_array_index(load->granted, Granted, i)) ||
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
                        json_integer(load->measure->fetches ? load->granted->len : 0));
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
        .granted = g_array_new(FALSE, FALSE, sizeof(Granted)),
        .samples = samples_new(),
    };
    g_array_set_clear_func(load.granted, clear_granted);
    if (load.federation)
        load.initiator = request_join(measure->dir, load.initiator_id, error);
    json_t *result = load.initiator ? run(&load, error) : NULL;
    qkdnf_close(load.initiator);
    json_decref(load.federation);
    g_array_unref(load.granted);
    samples_free(load.samples);
    g_free(load.failure);
    return result;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/request.h"

#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#define SIZE_BITS  256
#define TIMEOUT_MS 10000

// Of figures under load, as they are published of other networks.
#define LOADED_PROVIDERS 3

// How long key that has run short is waited for, all in all.
#define SHORT_MAX_MS 120000

static gboolean fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, why);
    return FALSE;
}

struct qkdnf *request_join(const char *dir, const char *sae, GError **error)
{
    struct qkdnf_error why = {0};
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    struct qkdnf *application = qkdnf_connect_federation(path, sae, &why);
    if (!application)
        fail(error, sae, why.text);
    return application;
}

// Both ends fetch outside the time.
static void ask(struct qkdnf *application, const json_t *federation, const char *target,
                Exchange *ret_exchange)
{
    struct qkdnf_request request = {
        .targets = &target,
        .n_targets = 1,
        .number = 1,
        .size_bits = SIZE_BITS,
        .timeout_ms = TIMEOUT_MS,
    };
    exchange_run(application, federation, &request, TRUE, ret_exchange);
}

static gboolean check(const Exchange *exchange, GError **error)
{
    if (exchange->reply->status != QKDNF_OK)
        return fail(error, "a request is not granted", exchange->reply->text);
    if (exchange->is_equal)
        return TRUE;
    return fail(error, "a granted key cannot be fetched",
                exchange->fetch_error ? exchange->fetch_error : "the two ends have different keys");
}

// How many providers the keys of this pair cross; 0 when it cannot be granted now.
static guint count_providers(const char *dir, const json_t *federation, const char *initiator,
                             const char *target)
{
    struct qkdnf *application = request_join(dir, initiator, NULL);
    if (!application)
        return 0;
    g_auto(Exchange) exchange = {0};
    ask(application, federation, target, &exchange);
    qkdnf_close(application);
    const struct qkdnf_reply *reply = exchange.reply;
    return check(&exchange, NULL) && reply->n_paths == 1 ? (guint)reply->paths[0].n_providers : 0;
}

static int compare_pairs(gconstpointer a, gconstpointer b)
{
    return (int)(json_read_integer(a, "providers") - json_read_integer(b, "providers"));
}

static json_t *sort_pairs(GHashTable *pairs)
{
    g_autoptr(GList) values = g_list_sort(g_hash_table_get_values(pairs), compare_pairs);
    json_t *array = json_array();
    for (GList *each = values; each; each = each->next)
        json_array_append(array, each->data);
    return array;
}

static void try_pair(GHashTable *pairs, const char *dir, const json_t *federation, const json_t *a,
                     const json_t *b)
{
    const char *initiator = json_read_text(a, "id"), *target = json_read_text(b, "id");
    guint n_providers = count_providers(dir, federation, initiator, target);
    gpointer key = GUINT_TO_POINTER(n_providers);
    if (n_providers > 0 && !g_hash_table_contains(pairs, key))
        g_hash_table_insert(pairs, key,
                            json_pack("{s:i, s:s, s:s}", "providers", (int)n_providers, "initiator",
                                      initiator, "target", target));
}

json_t *request_find_pairs(gpointer dir, InChild *self, GError **error)
{
    json_t *description = access_load(dir, error);
    if (!description)
        return NULL;
    g_autoptr(GHashTable) pairs =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)json_decref);
    const json_t *saes = json_object_get(description, ACCESS_SAES);
    for (gsize i = 0; i < json_array_size(saes); i++) {
        for (gsize j = i + 1; j < json_array_size(saes); j++)
            try_pair(pairs, dir, description, json_array_get(saes, i), json_array_get(saes, j));
    }
    json_decref(description);
    if (g_hash_table_size(pairs) > 0)
        return sort_pairs(pairs);
    fail(error, "no pair of applications is granted a key", dir);
    return NULL;
}

json_t *request_choose_pair(const json_t *pairs)
{
    json_t *longest = json_array_get(pairs, json_array_size(pairs) - 1), *pair;
    gsize i;
    json_array_foreach(pairs, i, pair)
    {
        if (json_read_integer(pair, "providers") == LOADED_PROVIDERS)
            return pair;
    }
    return longest;
}

typedef struct {
    struct qkdnf *initiator;
    json_t *federation;
    const char *target;
    gint64 give_up_us; // on key that has run short
} Course;

static gboolean is_worth_waiting(const Course *course, const struct qkdnf_reply *reply)
{
    return reply->status == QKDNF_INSUFFICIENT_KEY && reply->available_in_ms > 0 &&
           g_get_monotonic_time() <= course->give_up_us;
}

static void wait_for_key(const struct qkdnf_reply *reply, json_t *result)
{
    json_object_set_new(result, "n_waits", json_integer(json_read_integer(result, "n_waits") + 1));
    g_usleep(CLAMP(reply->available_in_ms, 10, 5000) * G_TIME_SPAN_MILLISECOND);
}

// One request in its time, again when key has run short.
static gboolean measure_one(Course *course, json_t *result, GError **error)
{
    course->give_up_us = g_get_monotonic_time() + SHORT_MAX_MS * G_TIME_SPAN_MILLISECOND;
    for (;;) {
        g_auto(Exchange) exchange = {0};
        ask(course->initiator, course->federation, course->target, &exchange);
        if (is_worth_waiting(course, exchange.reply)) {
            wait_for_key(exchange.reply, result);
            continue;
        }
        if (!check(&exchange, error))
            return FALSE;
        json_array_append_new(json_object_get(result, "durations_us"),
                              json_integer(exchange.duration_us));
        return TRUE;
    }
}

static json_t *measure_all(Course *course, const RequestMeasure *measure, GError **error)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    json_t *warm_up = json_pack("{s:[], s:i}", "durations_us", "n_waits", 0);
    json_t *result = json_pack("{s:[], s:i}", "durations_us", "n_waits", 0);
    guint n_warm_up = measure->n_rounds / 10 + 2;
    gboolean done = TRUE;
    for (guint i = 0; done && i < n_warm_up + measure->n_rounds; i++) {
        g_usleep((gulong)g_rand_int_range(random, 1, (gint32)(2 * measure->gap_us + 2)));
        done = measure_one(course, i < n_warm_up ? warm_up : result, error);
    }
    json_decref(warm_up);
    if (done)
        return result;
    json_decref(result);
    return NULL;
}

json_t *request_measure(gpointer data, InChild *self, GError **error)
{
    const RequestMeasure *measure = data;
    Course course = {
        .federation = access_load(measure->dir, error),
        .target = json_read_text(measure->pair, "target"),
    };
    if (course.federation)
        course.initiator =
            request_join(measure->dir, json_read_text(measure->pair, "initiator"), error);
    json_t *result = course.initiator ? measure_all(&course, measure, error) : NULL;
    qkdnf_close(course.initiator);
    json_decref(course.federation);
    return result;
}

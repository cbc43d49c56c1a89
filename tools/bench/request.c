// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/request.h"

#include "agents/application/qkdnf.h"
#include "tools/qkdnf/access.h"
#include "tools/qkdnf/json-read.h"

#include <string.h>

#define SIZE_BITS  256
#define TIMEOUT_MS 10000

// How long key that has run short is waited for, all in all.
#define SHORT_MAX_MS 120000

// One application, at the platform and at its KME.
typedef struct {
    struct qkdnf *q;
    struct qkdnf_kme *kme;
} User;

static gboolean fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, why);
    return FALSE;
}

static void user_close(User *user)
{
    qkdnf_kme_free(user->kme);
    qkdnf_close(user->q);
    *user = (User){0};
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(User, user_close)

static gboolean user_open(User *user, const char *dir, const char *sae, GError **error)
{
    struct qkdnf_error why = {0};
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    user->q = qkdnf_connect_federation(path, sae, &why);
    if (user->q)
        user->kme = qkdnf_kme_of(user->q, &why);
    return user->kme ? TRUE : fail(error, sae, why.text);
}

static gboolean keys_are_equal(const struct qkdnf_keys *a, const struct qkdnf_keys *b)
{
    return a->status == QKDNF_OK && b->status == QKDNF_OK && a->n_keys == 1 && b->n_keys == 1 &&
           a->keys[0].n_bytes == b->keys[0].n_bytes &&
           memcmp(a->keys[0].bytes, b->keys[0].bytes, a->keys[0].n_bytes) == 0;
}

static gboolean fetch_both(const User *initiator, const User *target, const char *sae,
                           const struct qkdnf_reply *reply, GError **error)
{
    struct qkdnf_keys *a = qkdnf_fetch(initiator->kme, reply, TIMEOUT_MS);
    struct qkdnf_keys *b =
        qkdnf_get_keys_by_id(target->kme, sae, reply->key_ids, reply->n_key_ids, TIMEOUT_MS);
    gboolean equal = keys_are_equal(a, b);
    const char *why = a->status != QKDNF_OK   ? a->text
                      : b->status != QKDNF_OK ? b->text
                                              : "the two ends have different keys";
    if (!equal)
        fail(error, "a granted key cannot be fetched", why);
    qkdnf_keys_free(a);
    qkdnf_keys_free(b);
    return equal;
}

static struct qkdnf_reply *ask(const User *initiator, const char *target)
{
    struct qkdnf_request request = {
        .targets = &target,
        .n_targets = 1,
        .number = 1,
        .size_bits = SIZE_BITS,
        .timeout_ms = TIMEOUT_MS,
    };
    return qkdnf_request_keys_wait(initiator->q, &request);
}

// How many providers the keys of this pair cross; 0 when it cannot be granted now.
static guint count_providers(const char *dir, const char *initiator, const char *target)
{
    g_auto(User) user = {0};
    g_auto(User) other = {0};
    if (!user_open(&user, dir, initiator, NULL) || !user_open(&other, dir, target, NULL))
        return 0;
    struct qkdnf_reply *reply = ask(&user, target);
    guint n_providers = 0;
    if (reply->status == QKDNF_OK && reply->n_paths == 1 &&
        fetch_both(&user, &other, initiator, reply, NULL))
        n_providers = (guint)reply->paths[0].n_providers;
    qkdnf_reply_free(reply);
    return n_providers;
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

static void try_pair(GHashTable *pairs, const char *dir, const json_t *a, const json_t *b)
{
    const char *initiator = json_read_text(a, "id"), *target = json_read_text(b, "id");
    guint n_providers = count_providers(dir, initiator, target);
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
            try_pair(pairs, dir, json_array_get(saes, i), json_array_get(saes, j));
    }
    json_decref(description);
    if (g_hash_table_size(pairs) > 0)
        return sort_pairs(pairs);
    fail(error, "no pair of applications is granted a key", dir);
    return NULL;
}

// One request in its time, again when key has run short.
static gboolean measure_one(const User *initiator, const User *target, const json_t *pair,
                            json_t *result, GError **error)
{
    const char *sae = json_read_text(pair, "target");
    gint64 give_up_us = g_get_monotonic_time() + SHORT_MAX_MS * G_TIME_SPAN_MILLISECOND;
    for (;;) {
        gint64 begun_us = g_get_monotonic_time();
        struct qkdnf_reply *reply = ask(initiator, sae);
        gint64 ended_us = g_get_monotonic_time();
        gboolean is_short = reply->status == QKDNF_INSUFFICIENT_KEY && reply->available_in_ms > 0;
        gboolean done =
            reply->status == QKDNF_OK &&
            fetch_both(initiator, target, json_read_text(pair, "initiator"), reply, error);
        guint64 pause_ms = CLAMP(reply->available_in_ms, 10, 5000);
        if (!done && reply->status != QKDNF_OK && (!is_short || ended_us > give_up_us))
            fail(error, "a request is not granted", reply->text);
        qkdnf_reply_free(reply);
        if (done)
            json_array_append_new(json_object_get(result, "durations_us"),
                                  json_integer(ended_us - begun_us));
        if (done || !is_short || ended_us > give_up_us)
            return done;
        json_object_set_new(result, "n_waits",
                            json_integer(json_read_integer(result, "n_waits") + 1));
        g_usleep(pause_ms * G_TIME_SPAN_MILLISECOND);
    }
}

json_t *request_measure(gpointer data, InChild *self, GError **error)
{
    const RequestMeasure *measure = data;
    g_auto(User) initiator = {0};
    g_auto(User) target = {0};
    if (!user_open(&initiator, measure->dir, json_read_text(measure->pair, "initiator"), error) ||
        !user_open(&target, measure->dir, json_read_text(measure->pair, "target"), error))
        return NULL;
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    json_t *warm_up = json_pack("{s:[], s:i}", "durations_us", "n_waits", 0);
    json_t *result = json_pack("{s:[], s:i}", "durations_us", "n_waits", 0);
    guint n_warm_up = measure->n_rounds / 10 + 2;
    gboolean done = TRUE;
    for (guint i = 0; done && i < n_warm_up + measure->n_rounds; i++) {
        g_usleep((gulong)g_rand_int_range(random, 1, (gint32)(2 * measure->gap_us + 2)));
        done = measure_one(&initiator, &target, measure->pair, i < n_warm_up ? warm_up : result,
                           error);
    }
    json_decref(warm_up);
    if (done)
        return result;
    json_decref(result);
    return NULL;
}

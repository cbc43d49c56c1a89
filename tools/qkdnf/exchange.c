// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/exchange.h"

#include "tools/qkdnf/json-read.h"

#include <string.h>

#define FETCH_TIMEOUT_MS 10000

const json_t *exchange_find_sae(const json_t *federation, const char *sae, GError **error)
{
    const json_t *saes = json_object_get(federation, ACCESS_SAES);
    for (gsize i = 0; i < json_array_size(saes); i++) {
        const json_t *one = json_array_get(saes, i);
        if (strcmp(json_read_text(one, "id"), sae) == 0)
            return one;
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "no application '%s' in this federation's description", sae);
    return NULL;
}

static void fail(Exchange *exchange, const char *sae, const char *why)
{
    if (!exchange->fetch_error)
        exchange->fetch_error = g_strdup_printf("%s could not fetch: %s", sae, why);
}

// The KME's name in its certificate, by the provider; NULL when the description does not say.
static const char *find_kme_id(const json_t *federation, const char *provider)
{
    const json_t *qkdns = json_object_get(federation, "qkdns");
    for (gsize i = 0; i < json_array_size(qkdns); i++) {
        const json_t *qkdn = json_array_get(qkdns, i);
        if (strcmp(json_read_text(qkdn, "id"), provider) == 0)
            return json_string_value(json_object_get(qkdn, "kme_id"));
    }
    return NULL;
}

static struct qkdnf_kme *open_kme_at(const json_t *federation, const char *sae,
                                     const char *provider, const char *url, GError **error)
{
    const json_t *user = exchange_find_sae(federation, sae, error);
    if (!user)
        return NULL;
    struct qkdnf_error trouble = {0};
    struct qkdnf_kme *kme =
        qkdnf_kme_new(url, find_kme_id(federation, provider), json_read_text(federation, "ca"),
                      json_read_text(user, "certificate"), json_read_text(user, "key"), &trouble);
    if (!kme)
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, trouble.text);
    return kme;
}

struct qkdnf_kme *exchange_open_kme(const json_t *federation, const char *sae, GError **error)
{
    const json_t *user = exchange_find_sae(federation, sae, error);
    return user ? open_kme_at(federation, sae, json_read_text(user, "qkdn"),
                              json_read_text(user, "kme"), error)
                : NULL;
}

// At home as the description says; who is on a visit is served where the answer says.
static struct qkdnf_kme *open_kme(Exchange *exchange, const json_t *federation,
                                  const struct qkdnf_delivery *delivery)
{
    g_autoptr(GError) error = NULL;
    const json_t *user = exchange_find_sae(federation, delivery->sae, NULL);
    gboolean is_at_home = user && g_strcmp0(json_read_text(user, "qkdn"), delivery->provider) == 0;
    struct qkdnf_kme *kme = is_at_home ? exchange_open_kme(federation, delivery->sae, &error)
                                       : open_kme_at(federation, delivery->sae, delivery->provider,
                                                     delivery->kme_url, &error);
    if (!kme)
        fail(exchange, delivery->sae, error->message);
    return kme;
}

gboolean exchange_keys_equal(const struct qkdnf_keys *ours, const struct qkdnf_keys *theirs)
{
    if (ours->n_keys != theirs->n_keys)
        return FALSE;
    for (gsize i = 0; i < ours->n_keys; i++) {
        const struct qkdnf_key *a = &ours->keys[i], *b = &theirs->keys[i];
        if (strcmp(a->id, b->id) != 0 || a->n_bytes != b->n_bytes ||
            memcmp(a->bytes, b->bytes, a->n_bytes) != 0)
            return FALSE;
    }
    return TRUE;
}

static struct qkdnf_keys *checked(Exchange *exchange, const char *sae, struct qkdnf_keys *keys)
{
    if (keys->status == QKDNF_OK)
        return keys;
    fail(exchange, sae, keys->text);
    qkdnf_keys_free(keys);
    return NULL;
}

static struct qkdnf_keys *fetch_as_initiator(Exchange *exchange, const json_t *federation,
                                             const struct qkdnf_delivery *initiator)
{
    struct qkdnf_kme *kme = open_kme(exchange, federation, initiator);
    if (!kme)
        return NULL;
    struct qkdnf_keys *keys =
        checked(exchange, initiator->sae, qkdnf_fetch(kme, exchange->reply, FETCH_TIMEOUT_MS));
    qkdnf_kme_free(kme);
    return keys;
}

static gboolean fetch_as_target(Exchange *exchange, const json_t *federation, const char *initiator,
                                const struct qkdnf_delivery *target, const struct qkdnf_keys *ours)
{
    struct qkdnf_kme *kme = open_kme(exchange, federation, target);
    if (!kme)
        return FALSE;
    const struct qkdnf_reply *reply = exchange->reply;
    struct qkdnf_keys *theirs = checked(
        exchange, target->sae,
        qkdnf_get_keys_by_id(kme, initiator, reply->key_ids, reply->n_key_ids, FETCH_TIMEOUT_MS));
    gboolean is_equal = theirs && exchange_keys_equal(ours, theirs);
    qkdnf_keys_free(theirs);
    qkdnf_kme_free(kme);
    return is_equal;
}

void exchange_fetch(Exchange *exchange, const json_t *federation)
{
    const struct qkdnf_reply *reply = exchange->reply;
    const struct qkdnf_delivery *initiator = &reply->deliveries[0];
    struct qkdnf_keys *ours = fetch_as_initiator(exchange, federation, initiator);
    exchange->is_fetched = TRUE;
    exchange->is_equal = ours != NULL;
    for (gsize i = 1; ours && i < reply->n_deliveries; i++) {
        if (!fetch_as_target(exchange, federation, initiator->sae, &reply->deliveries[i], ours))
            exchange->is_equal = FALSE;
    }
    qkdnf_keys_free(ours);
}

gboolean exchange_warm_up(struct qkdnf *application, const char *sae, unsigned timeout_ms,
                          GError **error)
{
    struct qkdnf_query query = {.sae = sae, .timeout_ms = timeout_ms};
    struct qkdnf_services *services = qkdnf_discover_wait(application, &query);
    gboolean is_there = services->status != QKDNF_UNREACHABLE && services->status != QKDNF_EXPIRED;
    if (!is_there)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s",
                    qkdnf_status_name(services->status), services->text);
    qkdnf_services_free(services);
    return is_there;
}

void exchange_run(struct qkdnf *application, const json_t *federation,
                  const struct qkdnf_request *request, gboolean fetch, Exchange *ret_exchange)
{
    *ret_exchange = (Exchange){0};
    gint64 start_us = g_get_monotonic_time();
    ret_exchange->reply = qkdnf_request_keys_wait(application, request);
    ret_exchange->duration_us = g_get_monotonic_time() - start_us;
    if (fetch && ret_exchange->reply->status == QKDNF_OK && ret_exchange->reply->n_deliveries > 1)
        exchange_fetch(ret_exchange, federation);
}

void exchange_clear(Exchange *exchange)
{
    qkdnf_reply_free(exchange->reply);
    g_free(exchange->fetch_error);
    *exchange = (Exchange){0};
}

json_t *exchange_texts_to_json(const char *const *texts, gsize n_texts)
{
    json_t *array = json_array();
    for (gsize i = 0; i < n_texts; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *paths_to_json(const struct qkdnf_reply *reply)
{
    json_t *array = json_array();
    for (gsize i = 0; i < reply->n_paths; i++) {
        const struct qkdnf_path *path = &reply->paths[i];
        json_array_append_new(
            array, json_pack("{s:s, s:o}", "target", path->target, "providers",
                             exchange_texts_to_json(path->providers, path->n_providers)));
    }
    return array;
}

json_t *exchange_to_json(const Exchange *exchange)
{
    const struct qkdnf_reply *reply = exchange->reply;
    json_t *report = json_pack(
        "{s:s, s:s, s:s, s:f, s:i}", "request", reply->id, "status",
        qkdnf_status_name(reply->status), "text", reply->text ? reply->text : "", "milliseconds",
        (double)exchange->duration_us / 1000, "attempts", (int)reply->n_attempts);
    if (reply->status == QKDNF_OK) {
        json_object_set_new(report, "key_ids",
                            exchange_texts_to_json(reply->key_ids, reply->n_key_ids));
        json_object_set_new(report, "size_bits", json_integer(reply->size_bits));
        json_object_set_new(report, "paths", paths_to_json(reply));
    } else if (reply->status == QKDNF_INSUFFICIENT_KEY) {
        json_object_set_new(report, "available_number", json_integer(reply->available));
        json_object_set_new(report, "available_in_ms",
                            json_integer((json_int_t)reply->available_in_ms));
    }
    if (exchange->is_fetched)
        json_object_set_new(report, "keys_equal", json_boolean(exchange->is_equal));
    if (exchange->fetch_error)
        json_object_set_new(report, "fetch_error", json_string(exchange->fetch_error));
    return report;
}

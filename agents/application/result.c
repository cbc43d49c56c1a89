// SPDX-License-Identifier: Apache-2.0

#include "agents/application/result.h"

#include "schemas/status.h"

// The codes of the wire are the library's own; a new one is added to both.
G_STATIC_ASSERT((int)QKDNF_OK == (int)STATUS_OK);
G_STATIC_ASSERT((int)QKDNF_BAD_REQUEST == (int)STATUS_BAD_REQUEST);
G_STATIC_ASSERT((int)QKDNF_UNKNOWN_SAE == (int)STATUS_UNKNOWN_SAE);
G_STATIC_ASSERT((int)QKDNF_UNKNOWN_MEMBER == (int)STATUS_UNKNOWN_MEMBER);
G_STATIC_ASSERT((int)QKDNF_NOT_ALLOWED == (int)STATUS_NOT_ALLOWED);
G_STATIC_ASSERT((int)QKDNF_NO_ROUTE == (int)STATUS_NO_ROUTE);
G_STATIC_ASSERT((int)QKDNF_NO_DISJOINT_PATHS == (int)STATUS_NO_DISJOINT_PATHS);
G_STATIC_ASSERT((int)QKDNF_INSUFFICIENT_KEY == (int)STATUS_INSUFFICIENT_KEY);
G_STATIC_ASSERT((int)QKDNF_SLOT_USED == (int)STATUS_SLOT_USED);
G_STATIC_ASSERT((int)QKDNF_SLOT_UNKNOWN == (int)STATUS_SLOT_UNKNOWN);
G_STATIC_ASSERT((int)QKDNF_TAG_MISMATCH == (int)STATUS_TAG_MISMATCH);
G_STATIC_ASSERT((int)QKDNF_EXPIRED == (int)STATUS_EXPIRED);
G_STATIC_ASSERT((int)QKDNF_VOIDED == (int)STATUS_VOIDED);
G_STATIC_ASSERT((int)QKDNF_QKDN_FAILED == (int)STATUS_QKDN_FAILED);
G_STATIC_ASSERT((int)QKDNF_BUSY == (int)STATUS_BUSY);
G_STATIC_ASSERT((int)QKDNF_UNSUPPORTED == (int)STATUS_UNSUPPORTED);
G_STATIC_ASSERT((int)QKDNF_INTERNAL == (int)STATUS_INTERNAL);
G_STATIC_ASSERT((int)QKDNF_BLOCK_UNKNOWN == (int)STATUS_BLOCK_UNKNOWN);
G_STATIC_ASSERT((int)QKDNF_NO_AGREEMENT == (int)STATUS_NO_AGREEMENT);
G_STATIC_ASSERT((int)QKDNF_QUOTA_USED == (int)STATUS_QUOTA_USED);

static const struct {
    enum qkdnf_status status;
    const char *name;
    const char *text;
} own_statuses[] = {
    {QKDNF_UNREACHABLE, "UNREACHABLE", "no connection, or not to the right one"},
    {QKDNF_UNAVAILABLE, "UNAVAILABLE", "the key management entity cannot serve now"},
    {QKDNF_BAD_ANSWER, "BAD_ANSWER", "an answer that is not of the standard"},
    {QKDNF_CANCELLED, "CANCELLED", "cancelled by this application"},
};

const char *qkdnf_status_name(enum qkdnf_status status)
{
    for (gsize i = 0; i < G_N_ELEMENTS(own_statuses); i++) {
        if (own_statuses[i].status == status)
            return own_statuses[i].name;
    }
    return status_name((Status)status);
}

const char *qkdnf_status_text(enum qkdnf_status status)
{
    for (gsize i = 0; i < G_N_ELEMENTS(own_statuses); i++) {
        if (own_statuses[i].status == status)
            return own_statuses[i].text;
    }
    return status_text((Status)status);
}

void error_give(struct qkdnf_error *ret_error, GError *error)
{
    if (ret_error)
        g_strlcpy(ret_error->text, error->message, sizeof ret_error->text);
    g_error_free(error);
}

char **result_copy_texts(char *const *texts, gsize n)
{
    char **copy = g_new0(char *, n + 1);
    for (gsize i = 0; i < n; i++)
        copy[i] = g_strdup(texts[i]);
    return copy;
}

const char *result_choose_text(const char *text, enum qkdnf_status status)
{
    return text && *text ? text : qkdnf_status_text(status);
}

struct qkdnf_path *result_copy_paths(WireProviderPath *const *paths, gsize n)
{
    struct qkdnf_path *copies = g_new0(struct qkdnf_path, n);
    for (gsize i = 0; i < n; i++) {
        copies[i].target = g_strdup(paths[i]->target);
        copies[i].n_providers = paths[i]->n_providers;
        copies[i].providers =
            (const char *const *)result_copy_texts(paths[i]->providers, paths[i]->n_providers);
    }
    return copies;
}

struct qkdnf_delivery *result_copy_deliveries(WireDelivery *const *deliveries, gsize n)
{
    struct qkdnf_delivery *copies = g_new0(struct qkdnf_delivery, n);
    for (gsize i = 0; i < n; i++) {
        copies[i].sae = g_strdup(deliveries[i]->sae);
        copies[i].provider = g_strdup(deliveries[i]->provider);
        copies[i].kme_url = g_strdup(deliveries[i]->kme_url);
    }
    return copies;
}

struct qkdnf_reply *reply_new(const char *id, const WireReply *message, enum qkdnf_status status,
                              const char *text)
{
    struct qkdnf_reply *reply = g_new0(struct qkdnf_reply, 1);
    g_strlcpy(reply->id, id, sizeof reply->id);
    reply->status = message ? (enum qkdnf_status)message->status : status;
    reply->text = g_strdup(result_choose_text(message ? message->text : text, reply->status));
    if (!message)
        return reply;
    reply->n_key_ids = message->n_key_ids;
    reply->key_ids = (const char *const *)result_copy_texts(message->key_ids, message->n_key_ids);
    reply->size_bits = message->size_bits;
    reply->n_paths = message->n_paths;
    reply->paths = result_copy_paths(message->paths, message->n_paths);
    reply->n_deliveries = message->n_deliveries;
    reply->deliveries = result_copy_deliveries(message->deliveries, message->n_deliveries);
    reply->available = message->available_number;
    reply->available_in_ms = message->available_in_ms;
    reply->n_attempts = message->attempts;
    return reply;
}

void result_release(const void *memory)
{
    g_free((gpointer)memory);
}

void result_release_paths(const struct qkdnf_path *paths, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        result_release(paths[i].target);
        g_strfreev((char **)paths[i].providers);
    }
    result_release(paths);
}

void result_release_deliveries(const struct qkdnf_delivery *deliveries, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        result_release(deliveries[i].sae);
        result_release(deliveries[i].provider);
        result_release(deliveries[i].kme_url);
    }
    result_release(deliveries);
}

void qkdnf_reply_free(struct qkdnf_reply *reply)
{
    if (!reply)
        return;
    result_release_paths(reply->paths, reply->n_paths);
    result_release_deliveries(reply->deliveries, reply->n_deliveries);
    g_strfreev((char **)reply->key_ids);
    result_release(reply->text);
    g_free(reply);
}

struct qkdnf_registration *registration_new(const WireRegistered *message, enum qkdnf_status status,
                                            const char *text)
{
    struct qkdnf_registration *registration = g_new0(struct qkdnf_registration, 1);
    registration->status = message ? (enum qkdnf_status)message->status : status;
    registration->text =
        g_strdup(result_choose_text(message ? message->text : text, registration->status));
    registration->home = g_strdup(message ? message->home : "");
    registration->kme_url = g_strdup(message ? message->kme_url : "");
    return registration;
}

void qkdnf_registration_free(struct qkdnf_registration *registration)
{
    if (!registration)
        return;
    result_release(registration->text);
    result_release(registration->home);
    result_release(registration->kme_url);
    g_free(registration);
}

static struct qkdnf_service copy_service(const WireService *service)
{
    return (struct qkdnf_service){
        .sae = g_strdup(service->sae),
        .service = g_strdup(service->service),
        .provider = g_strdup(service->provider),
        .region = g_strdup(service->region),
        .kme_id = g_strdup(service->kme_id),
        .kme_url = g_strdup(service->kme_url),
    };
}

struct qkdnf_services *services_new(const WireServices *message, enum qkdnf_status status,
                                    const char *text)
{
    struct qkdnf_services *services = g_new0(struct qkdnf_services, 1);
    services->status = message ? (enum qkdnf_status)message->status : status;
    services->text = g_strdup(result_choose_text(message ? message->text : text, services->status));
    if (!message)
        return services;
    struct qkdnf_service *copies = g_new0(struct qkdnf_service, message->n_services);
    for (gsize i = 0; i < message->n_services; i++)
        copies[i] = copy_service(message->services[i]);
    services->n_services = message->n_services;
    services->services = copies;
    return services;
}

void qkdnf_services_free(struct qkdnf_services *services)
{
    if (!services)
        return;
    for (gsize i = 0; i < services->n_services; i++) {
        const struct qkdnf_service *service = &services->services[i];
        result_release(service->sae);
        result_release(service->service);
        result_release(service->provider);
        result_release(service->region);
        result_release(service->kme_id);
        result_release(service->kme_url);
    }
    result_release(services->services);
    result_release(services->text);
    g_free(services);
}

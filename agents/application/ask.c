// SPDX-License-Identifier: Apache-2.0
//
// What an application asks of the platform.

#include "agents/application/ask.h"
#include "agents/application/result.h"

#include <poll.h>
#include <string.h>
#include <uuid.h>

enum qkdnf_status ask_silence(const Operation *operation, const char **ret_text)
{
    if (operation->is_cancelled) {
        *ret_text = NULL;
        return QKDNF_CANCELLED;
    }
    gboolean is_connected = qkdnf_is_connected(operation->q);
    *ret_text = is_connected ? "no answer from the platform in time" : qkdnf_trouble(operation->q);
    return is_connected ? QKDNF_EXPIRED : QKDNF_UNREACHABLE;
}

static void on_reply(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Operation *operation = data;
    const char *text;
    enum qkdnf_status status = ask_silence(operation, &text);
    struct qkdnf_reply *reply = reply_new(id, (const WireReply *)answer, status, text);
    if (operation->ret_result) {
        *operation->ret_result = reply;
        return;
    }
    operation->callback.reply(operation->data, reply);
    qkdnf_reply_free(reply);
}

static void learn_kme(struct qkdnf *q, const struct qkdnf_registration *registration)
{
    if (q->kme_url || registration->status != QKDNF_OK || *registration->kme_url == '\0')
        return;
    q->kme_url = g_strdup(registration->kme_url);
}

static void on_registered(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Operation *operation = data;
    const char *text;
    enum qkdnf_status status = ask_silence(operation, &text);
    struct qkdnf_registration *registration =
        registration_new((const WireRegistered *)answer, status, text);
    learn_kme(operation->q, registration);
    if (operation->ret_result) {
        *operation->ret_result = registration;
        return;
    }
    operation->callback.registration(operation->data, registration);
    qkdnf_registration_free(registration);
}

static void on_services(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Operation *operation = data;
    const char *text;
    enum qkdnf_status status = ask_silence(operation, &text);
    struct qkdnf_services *services = services_new((const WireServices *)answer, status, text);
    if (operation->ret_result) {
        *operation->ret_result = services;
        return;
    }
    operation->callback.services(operation->data, services);
    qkdnf_services_free(services);
}

void ask_new_id(char ret_id[UUID_CHARS + 1])
{
    uuid_t uuid;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, ret_id);
}

// Who waits for it would wait for ever if it ended without an answer.
static void operation_free(gpointer data)
{
    Operation *operation = data;
    if (operation->ret_result && !*operation->ret_result) {
        operation->is_cancelled = TRUE;
        operation->answer(operation, operation->id, NULL);
    }
    g_free(operation);
}

void ask(const Operation *operation, Question question, guint timeout_ms, guint grace_ms)
{
    struct qkdnf *q = operation->q;
    gint64 now_us = handle_now(q);
    Operation *copy = g_memdup2(operation, sizeof *operation);
    g_strlcpy(copy->id, question.id, sizeof copy->id);
    copy->answer = question.answer;
    question.deadline_us = now_us + ((gint64)timeout_ms + grace_ms) * G_TIME_SPAN_MILLISECOND;
    question.data = copy;
    question.free_data = operation_free;
    application_ask(q->application, &question, now_us);
    if (!q->is_processing)
        handle_flush(q);
}

gpointer ask_wait(struct qkdnf *q, gpointer *result)
{
    while (!*result) {
        struct pollfd readable = {.fd = q->fd, .events = POLLIN};
        poll(&readable, 1, qkdnf_timeout_ms(q));
        qkdnf_process(q);
    }
    return *result;
}

char *ask_find_bad_id(const char *what, const char *const *ids, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        if (!ids[i] || !id_is_valid(ids[i]))
            return g_strdup_printf("%s '%.64s' is no valid ID", what, ids[i] ? ids[i] : "");
    }
    return NULL;
}

char *ask_find_fault(const char *const *targets, gsize n_targets, const char *const *exclude,
                     gsize n_exclude, unsigned size_bits)
{
    if (n_targets == 0)
        return g_strdup("no target is named");
    if (size_bits % 8 != 0)
        return g_strdup_printf("size is %u bits; expected a multiple of 8", size_bits);
    char *fault = ask_find_bad_id("target", targets, n_targets);
    return fault ? fault : ask_find_bad_id("excluded provider", exclude, n_exclude);
}

// What else may be wrong with it the platform knows better.
static char *find_fault(const struct qkdnf_request *request)
{
    return ask_find_fault(request->targets, request->n_targets, request->exclude,
                          request->n_exclude, request->size_bits);
}

static void ask_for_keys(const Operation *operation, const struct qkdnf_request *request,
                         const char *id)
{
    guint timeout_ms = request->timeout_ms ? request->timeout_ms : DEFAULT_TIMEOUT_MS;
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = (char *)id;
    wire.initiator = operation->q->sae;
    wire.n_targets = request->n_targets;
    wire.targets = (char **)request->targets;
    wire.number = request->number ? request->number : 1;
    wire.size_bits = request->size_bits ? request->size_bits : DEFAULT_SIZE_BITS;
    wire.paths = request->n_paths ? request->n_paths : 1;
    wire.n_exclude = request->n_exclude;
    wire.exclude = (char **)request->exclude;
    wire.timeout_ms = timeout_ms;
    Question question = {KIND_REQUEST, &wire.base, id, .answer = on_reply};
    ask(operation, question, timeout_ms, GRACE_MS);
}

enum qkdnf_status qkdnf_request_keys(struct qkdnf *q, const struct qkdnf_request *request,
                                     qkdnf_reply_fn callback, void *data, char ret_id[37])
{
    g_autofree char *fault = find_fault(request);
    if (fault)
        return QKDNF_BAD_REQUEST;
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    if (ret_id)
        memcpy(ret_id, id, sizeof id);
    Operation operation = {.q = q, .callback.reply = callback, .data = data};
    ask_for_keys(&operation, request, id);
    return QKDNF_OK;
}

int qkdnf_cancel(struct qkdnf *q, const char *id)
{
    return application_cancel(q->application, id);
}

struct qkdnf_reply *qkdnf_request_keys_wait(struct qkdnf *q, const struct qkdnf_request *request)
{
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    g_autofree char *fault = find_fault(request);
    if (fault)
        return reply_new(id, NULL, QKDNF_BAD_REQUEST, fault);
    gpointer reply = NULL;
    ask_for_keys(&(Operation){.q = q, .ret_result = &reply}, request, id);
    return ask_wait(q, &reply);
}

static void ask_to_register(const Operation *operation, const char *service, int visible,
                            guint timeout_ms)
{
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    WireRegister wire = WIRE_REGISTER_INIT;
    wire.id = id;
    wire.service = (char *)(service ? service : "");
    wire.visible = visible != 0;
    Question question = {KIND_REGISTER, &wire.base, id, .answer = on_registered};
    ask(operation, question, timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS, 0);
}

void qkdnf_register(struct qkdnf *q, const char *service, int visible, unsigned timeout_ms,
                    qkdnf_registration_fn callback, void *data)
{
    Operation operation = {.q = q, .callback.registration = callback, .data = data};
    ask_to_register(&operation, service, visible, timeout_ms);
}

struct qkdnf_registration *qkdnf_register_wait(struct qkdnf *q, const char *service, int visible,
                                               unsigned timeout_ms)
{
    gpointer registration = NULL;
    Operation operation = {.q = q, .ret_result = &registration};
    ask_to_register(&operation, service, visible, timeout_ms);
    return ask_wait(q, &registration);
}

static void ask_who_is_there(const Operation *operation, const struct qkdnf_query *query)
{
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    WireDiscover wire = WIRE_DISCOVER_INIT;
    wire.id = id;
    wire.sae = (char *)(query->sae ? query->sae : "");
    wire.region = (char *)(query->region ? query->region : "");
    wire.service = (char *)(query->service ? query->service : "");
    Question question = {KIND_DISCOVER, &wire.base, id, .answer = on_services};
    ask(operation, question, query->timeout_ms ? query->timeout_ms : DEFAULT_TIMEOUT_MS, 0);
}

void qkdnf_discover(struct qkdnf *q, const struct qkdnf_query *query, qkdnf_services_fn callback,
                    void *data)
{
    Operation operation = {.q = q, .callback.services = callback, .data = data};
    ask_who_is_there(&operation, query);
}

struct qkdnf_services *qkdnf_discover_wait(struct qkdnf *q, const struct qkdnf_query *query)
{
    gpointer services = NULL;
    ask_who_is_there(&(Operation){.q = q, .ret_result = &services}, query);
    return ask_wait(q, &services);
}

// SPDX-License-Identifier: Apache-2.0
//
// Sessions, as an application opens, closes and lists them.

#include "agents/application/ask.h"
#include "agents/application/result.h"

#include <string.h>

static void on_session_state(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Operation *operation = data;
    const char *text;
    enum qkdnf_status status = ask_silence(operation, &text);
    struct qkdnf_sessions *sessions = sessions_new((const WireSessionState *)answer, status, text);
    if (operation->ret_result) {
        *operation->ret_result = sessions;
        return;
    }
    operation->callback.sessions(operation->data, sessions);
    qkdnf_sessions_free(sessions);
}

// `wire` has its command.
static void ask_about_sessions(const Operation *operation, WireSession *wire, unsigned timeout_ms)
{
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    wire->id = id;
    Question question = {KIND_SESSION, &wire->base, id, .answer = on_session_state};
    ask(operation, question, timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS, 0);
}

static char *find_bad_session(const char *id)
{
    if (id && g_uuid_string_is_valid(id))
        return NULL;
    return g_strdup_printf("session '%.64s' is no UUID", id ? id : "");
}

// --- open ----------------------------------------------------------------------------------------

static char *find_fault(const struct qkdnf_session_request *request)
{
    char *fault = request->id ? find_bad_session(request->id) : NULL;
    return fault ? fault
                 : ask_find_fault(request->targets, request->n_targets, request->exclude,
                                  request->n_exclude, request->qos.size_bits);
}

static void choose_id(const struct qkdnf_session_request *request, char ret_id[UUID_CHARS + 1])
{
    ask_new_id(ret_id);
    g_autofree char *lower = request->id ? g_ascii_strdown(request->id, -1) : NULL;
    if (lower)
        memcpy(ret_id, lower, UUID_CHARS);
}

static WireSessionQos wire_qos(const struct qkdnf_session_qos *qos)
{
    WireSessionQos wire = WIRE_SESSION_QOS_INIT;
    wire.rate_bps = qos->rate_bps;
    wire.size_bits = qos->size_bits ? qos->size_bits : DEFAULT_SIZE_BITS;
    wire.buffer = qos->buffer;
    wire.lifetime_ms = qos->lifetime_ms;
    wire.priority = qos->priority;
    wire.protected_ = qos->is_protected != 0;
    wire.paths = qos->n_paths ? qos->n_paths : 1;
    return wire;
}

static void ask_to_open(const Operation *operation, const struct qkdnf_session_request *request,
                        const char *id)
{
    WireSessionQos qos = wire_qos(&request->qos);
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)id;
    open.initiator = operation->q->sae;
    open.n_targets = request->n_targets;
    open.targets = (char **)request->targets;
    open.qos = &qos;
    open.n_exclude = request->n_exclude;
    open.exclude = (char **)request->exclude;
    WireSession wire = WIRE_SESSION_INIT;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    wire.open = &open;
    ask_about_sessions(operation, &wire, request->timeout_ms);
}

enum qkdnf_status qkdnf_session_open(struct qkdnf *q, const struct qkdnf_session_request *request,
                                     qkdnf_sessions_fn callback, void *data, char ret_id[37])
{
    g_autofree char *fault = find_fault(request);
    if (fault)
        return QKDNF_BAD_REQUEST;
    char id[UUID_CHARS + 1];
    choose_id(request, id);
    if (ret_id)
        memcpy(ret_id, id, sizeof id);
    Operation operation = {.q = q, .callback.sessions = callback, .data = data};
    ask_to_open(&operation, request, id);
    return QKDNF_OK;
}

struct qkdnf_sessions *qkdnf_session_open_wait(struct qkdnf *q,
                                               const struct qkdnf_session_request *request)
{
    g_autofree char *fault = find_fault(request);
    if (fault)
        return sessions_new(NULL, QKDNF_BAD_REQUEST, fault);
    char id[UUID_CHARS + 1];
    choose_id(request, id);
    gpointer sessions = NULL;
    ask_to_open(&(Operation){.q = q, .ret_result = &sessions}, request, id);
    return ask_wait(q, &sessions);
}

// --- close ---------------------------------------------------------------------------------------

static void ask_to_close(const Operation *operation, const char *session, unsigned timeout_ms)
{
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)session;
    WireSession wire = WIRE_SESSION_INIT;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    wire.close = &close;
    ask_about_sessions(operation, &wire, timeout_ms);
}

enum qkdnf_status qkdnf_session_close(struct qkdnf *q, const char *id, unsigned timeout_ms,
                                      qkdnf_sessions_fn callback, void *data)
{
    g_autofree char *fault = find_bad_session(id);
    if (fault)
        return QKDNF_BAD_REQUEST;
    Operation operation = {.q = q, .callback.sessions = callback, .data = data};
    ask_to_close(&operation, id, timeout_ms);
    return QKDNF_OK;
}

struct qkdnf_sessions *qkdnf_session_close_wait(struct qkdnf *q, const char *id,
                                                unsigned timeout_ms)
{
    g_autofree char *fault = find_bad_session(id);
    if (fault)
        return sessions_new(NULL, QKDNF_BAD_REQUEST, fault);
    gpointer sessions = NULL;
    ask_to_close(&(Operation){.q = q, .ret_result = &sessions}, id, timeout_ms);
    return ask_wait(q, &sessions);
}

// --- list ----------------------------------------------------------------------------------------

static void ask_to_list(const Operation *operation, const char *session, unsigned timeout_ms)
{
    WireSessionList list = WIRE_SESSION_LIST_INIT;
    list.session = (char *)(session ? session : "");
    WireSession wire = WIRE_SESSION_INIT;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_LIST;
    wire.list = &list;
    ask_about_sessions(operation, &wire, timeout_ms);
}

enum qkdnf_status qkdnf_session_list(struct qkdnf *q, const char *id, unsigned timeout_ms,
                                     qkdnf_sessions_fn callback, void *data)
{
    g_autofree char *fault = id ? find_bad_session(id) : NULL;
    if (fault)
        return QKDNF_BAD_REQUEST;
    Operation operation = {.q = q, .callback.sessions = callback, .data = data};
    ask_to_list(&operation, id, timeout_ms);
    return QKDNF_OK;
}

struct qkdnf_sessions *qkdnf_session_list_wait(struct qkdnf *q, const char *id, unsigned timeout_ms)
{
    g_autofree char *fault = id ? find_bad_session(id) : NULL;
    if (fault)
        return sessions_new(NULL, QKDNF_BAD_REQUEST, fault);
    gpointer sessions = NULL;
    ask_to_list(&(Operation){.q = q, .ret_result = &sessions}, id, timeout_ms);
    return ask_wait(q, &sessions);
}

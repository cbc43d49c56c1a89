// SPDX-License-Identifier: Apache-2.0
//
// Handovers, as an application asks for them or hears of them.

#include "agents/application/ask.h"
#include "agents/application/result.h"

#include <string.h>

#define DEFAULT_HANDOVER_MS 30000

// From the end of what the platform was given to the word of what became of it: the old KME has to
// be cleared, too.
#define HANDOVER_GRACE_MS 15000

// --- where the keys are --------------------------------------------------------------------------

static void set(char **ret_text, const char *text)
{
    char *copy = g_strdup(text && *text ? text : NULL);
    g_free(*ret_text);
    *ret_text = copy;
}

static void follow(struct qkdnf *q, const struct qkdnf_handover_state *state)
{
    switch (state->phase) {
    case QKDNF_HANDOVER_PREPARED:
    case QKDNF_HANDOVER_SWITCHED:
    case QKDNF_HANDOVER_RELEASED:
        if (!*state->kme_url || g_strcmp0(q->kme_url, state->kme_url) == 0)
            return;
        set(&q->last_kme_url, q->kme_url);
        set(&q->last_kme_id, q->kme_id);
        set(&q->kme_url, state->kme_url);
        set(&q->kme_id, state->kme_id);
        g_free(q->follows);
        q->follows = g_strdup(state->id);
        return;
    case QKDNF_HANDOVER_FALLEN_BACK:
        if (g_strcmp0(q->follows, state->id) != 0)
            return;
        set(&q->kme_url, q->last_kme_url);
        set(&q->kme_id, q->last_kme_id);
        return;
    case QKDNF_HANDOVER_UNHEARD:
    case QKDNF_HANDOVER_REQUESTED:
    case QKDNF_HANDOVER_AUTHORISED:
    case QKDNF_HANDOVER_REFUSED:
        return;
    }
}

static gboolean is_end(const struct qkdnf_handover_state *state)
{
    return state->phase == QKDNF_HANDOVER_RELEASED || state->phase == QKDNF_HANDOVER_REFUSED ||
           state->phase == QKDNF_HANDOVER_FALLEN_BACK;
}

// The KME handle of who waits. The new KME serves as soon as this application has called there.
static void lead(struct qkdnf *q, struct qkdnf_kme *kme, const struct qkdnf_handover_state *state)
{
    if (!kme || !q->kme_url || state->phase < QKDNF_HANDOVER_PREPARED)
        return;
    if (state->phase == QKDNF_HANDOVER_REFUSED || !qkdnf_kme_move(kme, q->kme_url, q->kme_id, NULL))
        return;
    if (state->phase == QKDNF_HANDOVER_PREPARED)
        handle_call(kme, q->sae);
}

// --- what is heard -------------------------------------------------------------------------------

// Callbacks may cancel, which frees the operation.
static void on_handover_state(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Operation operation = *(const Operation *)data;
    struct qkdnf *q = operation.q;
    const char *text;
    enum qkdnf_status status = ask_silence(&operation, &text);
    struct qkdnf_handover_state *state = handover_state_new(
        id, (const WireHandoverState *)answer, ((Operation *)data)->phase, status, text);
    ((Operation *)data)->phase = (int)state->phase;
    gboolean is_over = !answer || is_end(state);
    if (answer)
        follow(q, state);
    if (operation.callback.handover && !operation.is_cancelled)
        operation.callback.handover(operation.data, state);
    if (answer)
        lead(q, operation.kme, state);
    if (is_over && operation.ret_result)
        *operation.ret_result = state;
    else
        qkdnf_handover_state_free(state);
}

static void on_moved(gpointer data, const WireHandoverState *message)
{
    struct qkdnf *q = data;
    if (strcmp(message->sae, q->sae) != 0)
        return;
    struct qkdnf_handover_state *state = handover_state_new(message->id, message, 0, 0, NULL);
    follow(q, state);
    if (q->moved)
        q->moved(q->moved_data, state);
    qkdnf_handover_state_free(state);
}

void handle_watch(struct qkdnf *q)
{
    application_watch(q->application, on_moved, q);
}

void qkdnf_on_handover(struct qkdnf *q, qkdnf_handover_fn callback, void *data)
{
    q->moved = callback;
    q->moved_data = data;
}

// --- what is asked -------------------------------------------------------------------------------

static char *find_fault(const struct qkdnf_handover *handover)
{
    if (!handover->provider && !handover->region)
        return g_strdup("neither a provider nor a region is named");
    if (!handover->provider && handover->node)
        return g_strdup("a node is named, but not its provider");
    return handover->provider ? ask_find_bad_id("provider", &handover->provider, 1) : NULL;
}

static void ask_to_move(const Operation *operation, const struct qkdnf_handover *handover,
                        const char *id)
{
    WireHandover wire = WIRE_HANDOVER_INIT;
    wire.id = (char *)id;
    wire.sae = operation->q->sae;
    wire.provider = (char *)(handover->provider ? handover->provider : "");
    wire.node = (char *)(handover->node ? handover->node : "");
    wire.region = (char *)(handover->region ? handover->region : "");
    wire.timeout_ms = handover->timeout_ms ? handover->timeout_ms : DEFAULT_HANDOVER_MS;
    Question question = {KIND_HANDOVER, &wire.base, id, .answer = on_handover_state};
    ask(operation, question, wire.timeout_ms, HANDOVER_GRACE_MS);
}

enum qkdnf_status qkdnf_handover(struct qkdnf *q, const struct qkdnf_handover *handover,
                                 qkdnf_handover_fn callback, void *data, char ret_id[37])
{
    g_autofree char *fault = find_fault(handover);
    if (fault)
        return QKDNF_BAD_REQUEST;
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    if (ret_id)
        memcpy(ret_id, id, sizeof id);
    Operation operation = {.q = q, .callback.handover = callback, .data = data};
    ask_to_move(&operation, handover, id);
    return QKDNF_OK;
}

struct qkdnf_handover_state *qkdnf_handover_wait(struct qkdnf *q,
                                                 const struct qkdnf_handover *handover,
                                                 struct qkdnf_kme *kme, qkdnf_handover_fn callback,
                                                 void *data)
{
    char id[UUID_CHARS + 1];
    ask_new_id(id);
    g_autofree char *fault = find_fault(handover);
    if (fault)
        return handover_state_new(id, NULL, 0, QKDNF_BAD_REQUEST, fault);
    gpointer state = NULL;
    Operation operation = {
        .q = q, .callback.handover = callback, .data = data, .ret_result = &state, .kme = kme};
    ask_to_move(&operation, handover, id);
    return ask_wait(q, &state);
}

// SPDX-License-Identifier: Apache-2.0
//
// Sessions and handovers as libqkdnf tells of them.

#include "agents/application/result.h"

// The phases of the wire are the library's own.
G_STATIC_ASSERT((int)QKDNF_SESSION_OPENING == (int)QKDNF__V1__SESSION_PHASE__SESSION_PHASE_OPENING);
G_STATIC_ASSERT((int)QKDNF_SESSION_ACTIVE == (int)QKDNF__V1__SESSION_PHASE__SESSION_PHASE_ACTIVE);
G_STATIC_ASSERT((int)QKDNF_SESSION_DEGRADED ==
                (int)QKDNF__V1__SESSION_PHASE__SESSION_PHASE_DEGRADED);
G_STATIC_ASSERT((int)QKDNF_SESSION_CLOSED == (int)QKDNF__V1__SESSION_PHASE__SESSION_PHASE_CLOSED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_REQUESTED ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_REQUESTED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_AUTHORISED ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_AUTHORISED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_PREPARED ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_PREPARED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_SWITCHED ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_SWITCHED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_RELEASED ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_RELEASED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_REFUSED ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_REFUSED);
G_STATIC_ASSERT((int)QKDNF_HANDOVER_FALLEN_BACK ==
                (int)QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_FALLEN_BACK);

static const char *name_of(const char *const *names, gsize n, guint phase)
{
    return phase < n && names[phase] ? names[phase] : "UNKNOWN";
}

const char *qkdnf_session_phase_name(enum qkdnf_session_phase phase)
{
    static const char *const names[] = {NULL, "OPENING", "ACTIVE", "DEGRADED", "CLOSED"};
    return name_of(names, G_N_ELEMENTS(names), (guint)phase);
}

const char *qkdnf_handover_phase_name(enum qkdnf_handover_phase phase)
{
    static const char *const names[] = {"UNHEARD",  "REQUESTED", "AUTHORISED", "PREPARED",
                                        "SWITCHED", "RELEASED",  "REFUSED",    "FALLEN_BACK"};
    return name_of(names, G_N_ELEMENTS(names), (guint)phase);
}

static struct qkdnf_session_qos copy_qos(const WireSessionQos *qos)
{
    if (!qos)
        return (struct qkdnf_session_qos){0};
    return (struct qkdnf_session_qos){
        .rate_bps = qos->rate_bps,
        .size_bits = qos->size_bits,
        .buffer = qos->buffer,
        .lifetime_ms = qos->lifetime_ms,
        .priority = qos->priority,
        .is_protected = qos->protected_,
        .n_paths = qos->paths,
    };
}

static struct qkdnf_session copy_session(const WireSessionInfo *info)
{
    return (struct qkdnf_session){
        .id = g_strdup(info->session),
        .initiator = g_strdup(info->initiator),
        .n_targets = info->n_targets,
        .targets = (const char *const *)result_copy_texts(info->targets, info->n_targets),
        .phase = (enum qkdnf_session_phase)info->phase,
        .text = g_strdup(info->text),
        .qos = copy_qos(info->qos),
        .n_paths = info->n_paths,
        .paths = result_copy_paths(info->paths, info->n_paths),
        .n_protection = info->n_protection,
        .protection = result_copy_paths(info->protection, info->n_protection),
        .n_deliveries = info->n_deliveries,
        .deliveries = result_copy_deliveries(info->deliveries, info->n_deliveries),
        .n_granted = info->granted,
        .n_delivered = info->delivered,
        .opened_at_us = info->opened_at_us,
    };
}

struct qkdnf_sessions *sessions_new(const WireSessionState *message, enum qkdnf_status status,
                                    const char *text)
{
    struct qkdnf_sessions *sessions = g_new0(struct qkdnf_sessions, 1);
    sessions->status = message ? (enum qkdnf_status)message->status : status;
    sessions->text = g_strdup(result_choose_text(message ? message->text : text, sessions->status));
    if (!message)
        return sessions;
    struct qkdnf_session *copies = g_new0(struct qkdnf_session, message->n_sessions);
    for (gsize i = 0; i < message->n_sessions; i++)
        copies[i] = copy_session(message->sessions[i]);
    sessions->n_sessions = message->n_sessions;
    sessions->sessions = copies;
    sessions->offer = copy_qos(message->offer);
    return sessions;
}

static void release_session(const struct qkdnf_session *session)
{
    result_release(session->id);
    result_release(session->initiator);
    g_strfreev((char **)session->targets);
    result_release(session->text);
    result_release_paths(session->paths, session->n_paths);
    result_release_paths(session->protection, session->n_protection);
    result_release_deliveries(session->deliveries, session->n_deliveries);
}

void qkdnf_sessions_free(struct qkdnf_sessions *sessions)
{
    if (!sessions)
        return;
    for (gsize i = 0; i < sessions->n_sessions; i++)
        release_session(&sessions->sessions[i]);
    result_release(sessions->sessions);
    result_release(sessions->text);
    g_free(sessions);
}

struct qkdnf_handover_state *handover_state_new(const char *id, const WireHandoverState *message,
                                                int phase, enum qkdnf_status status,
                                                const char *text)
{
    static const WireHandoverState nothing = WIRE_HANDOVER_STATE_INIT;
    struct qkdnf_handover_state *state = g_new0(struct qkdnf_handover_state, 1);
    g_strlcpy(state->id, id, sizeof state->id);
    state->phase = (enum qkdnf_handover_phase)(message ? (int)message->phase : phase);
    state->status = message ? (enum qkdnf_status)message->status : status;
    state->text = g_strdup(result_choose_text(message ? message->text : text, state->status));
    const WireHandoverState *place = message ? message : &nothing;
    state->provider = g_strdup(place->provider);
    state->node = g_strdup(place->node);
    state->kme_url = g_strdup(place->kme_url);
    state->kme_id = g_strdup(place->kme_id);
    state->n_sessions = place->n_sessions;
    state->duration_us = place->duration_us;
    return state;
}

void qkdnf_handover_state_free(struct qkdnf_handover_state *state)
{
    if (!state)
        return;
    result_release(state->text);
    result_release(state->provider);
    result_release(state->node);
    result_release(state->kme_url);
    result_release(state->kme_id);
    g_free(state);
}

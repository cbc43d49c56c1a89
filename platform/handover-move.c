// SPDX-License-Identifier: Apache-2.0
//
// Sessions that move along with an application. The new agent prepares a leg for each of them and
// is sent copies of the keys that the old one still holds, while that serves on. When the
// application has come, the old leg is frozen, which says what is left; only that is handed out at
// the new one. Versions of a leg grow over both agents.

#include "platform/handover.h"
#include "platform/stream.h"

#include <string.h>

#define LEG_PHASE(phase) QKDNF__V1__LEG_PHASE__LEG_PHASE_##phase

#define REPEAT_MAX_US (30 * G_TIME_SPAN_SECOND)

// --- memory --------------------------------------------------------------------------------------

HandoverMove *handover_move_new(const char *session, const char *agent, const WireLeg *leg)
{
    HandoverMove *move = g_new0(HandoverMove, 1);
    move->session = g_strdup(session);
    move->agent = g_strdup(agent);
    move->leg = message_copy(&leg->base);
    move->copies = g_array_new(FALSE, FALSE, sizeof(HandoverCopy));
    return move;
}

void handover_move_free(gpointer data)
{
    HandoverMove *move = data;
    g_free(move->session);
    g_free(move->agent);
    wire_free(move->leg);
    wire_free(move->frozen);
    g_array_unref(move->copies);
    g_free(move);
}

HandoverMove *handover_find_move(const Handover *handover, const char *session)
{
    for (guint i = 0; i < handover->moves->len; i++) {
        HandoverMove *move = handover->moves->pdata[i];
        if (strcmp(move->session, session) == 0)
            return move;
    }
    return NULL;
}

// --- what agents are told ------------------------------------------------------------------------

static void say(Federation *federation, HandoverMove *move)
{
    move->is_answered = FALSE;
    federation_send(federation, KIND_LEG, move->agent, &move->leg->base);
}

static void arm_repeat(Federation *federation, Handover *handover)
{
    timers_arm_repeat(federation->timers, TIMER_MOVE, handover->id, federation->now,
                      &handover->repeat_us, REPEAT_MAX_US);
}

void handover_repeat_legs(Federation *federation, Handover *handover)
{
    gboolean is_waiting = FALSE;
    for (guint i = 0; i < handover->moves->len; i++) {
        HandoverMove *move = handover->moves->pdata[i];
        if (move->is_answered)
            continue;
        say(federation, move);
        is_waiting = TRUE;
    }
    if (is_waiting)
        arm_repeat(federation, handover);
}

static void tell(Federation *federation, Handover *handover, HandoverMove *move)
{
    say(federation, move);
    handover->repeat_us = HANDOVER_REPEAT_FIRST_US;
    arm_repeat(federation, handover);
}

static void change_leg(HandoverMove *move, const char *agent, Qkdnf__V1__LegPhase phase,
                       guint64 version)
{
    move->leg->phase = phase;
    move->leg->version = version;
    if (strcmp(move->agent, agent) != 0) {
        g_free(move->agent);
        move->agent = g_strdup(agent);
    }
}

// --- which sessions ------------------------------------------------------------------------------

static void add_move(Federation *federation, Handover *handover, const Stream *stream,
                     const StreamLeg *old)
{
    WireLeg wire = *old->wire;
    wire.version++;
    wire.phase = LEG_PHASE(PREPARE);
    wire.n_left = 0;
    wire.resume = 0;
    HandoverMove *move = handover_move_new(stream->id, handover->provider->id, &wire);
    g_ptr_array_add(handover->moves, move);
    tell(federation, handover, move);
}

// What was closed is not moved any more; what was opened meanwhile is.
static void follow_streams(Federation *federation, Handover *handover)
{
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_SAE, handover->sae);
    for (char **id = ids; *id; id++) {
        const Stream *stream = stream_find_open(federation, *id);
        const StreamLeg *old =
            stream ? stream_find_leg(stream, handover->sae, handover->old_provider->id) : NULL;
        if (old && !handover_find_move(handover, *id))
            add_move(federation, handover, stream, old);
    }
    for (guint i = 0; i < handover->moves->len; i++) {
        HandoverMove *move = handover->moves->pdata[i];
        if (move->leg->phase == LEG_PHASE(END) || stream_find_open(federation, move->session))
            continue;
        change_leg(move, move->agent, LEG_PHASE(END), move->leg->version + 1);
        tell(federation, handover, move);
    }
}

guint handover_n_sessions(const Handover *handover)
{
    return handover->moves->len;
}

// --- steps ---------------------------------------------------------------------------------------

gboolean handover_prepare_sessions(Federation *federation, Handover *handover)
{
    gboolean is_ready = TRUE;
    follow_streams(federation, handover);
    for (guint i = 0; i < handover->moves->len; i++) {
        HandoverMove *move = handover->moves->pdata[i];
        if (move->leg->phase == LEG_PHASE(END))
            continue;
        is_ready &= move->is_answered && handover_copy_blocks(federation, handover, move);
    }
    return is_ready;
}

gboolean handover_holds_back(const Federation *federation, const Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        const Handover *handover = handover_find_running(federation, leg->wire->sae);
        if (handover && handover->is_freezing && handover->phase < HANDOVER(SWITCHED) &&
            handover_find_move(handover, stream->id))
            return TRUE;
    }
    return FALSE;
}

// Whether the old agent has said what is left of it. Keys under way still come to its store.
static gboolean freeze(Federation *federation, Handover *handover, HandoverMove *move)
{
    Stream *stream = stream_find_open(federation, move->session);
    if (!stream || move->frozen)
        return TRUE;
    if (!move->is_answered)
        return FALSE;
    StreamLeg *old = stream_find_leg(stream, handover->sae, handover->old_provider->id);
    if (!old || stream_has_running_block(stream))
        return FALSE;
    if (old->wire->phase != LEG_PHASE(FREEZE)) {
        stream_tell_leg(federation, stream, old, LEG_PHASE(FREEZE));
        stream_save(federation, stream);
    }
    return FALSE;
}

gboolean handover_freeze_sessions(Federation *federation, Handover *handover)
{
    gboolean is_frozen = TRUE;
    follow_streams(federation, handover);
    for (guint i = 0; i < handover->moves->len; i++) {
        HandoverMove *move = handover->moves->pdata[i];
        if (move->leg->phase != LEG_PHASE(END))
            is_frozen &= freeze(federation, handover, move) &&
                         handover_copy_blocks(federation, handover, move);
    }
    return is_frozen;
}

// From here on there is no way back: the new agent is told until it serves.
static void switch_stream(Federation *federation, Handover *handover, HandoverMove *move)
{
    Stream *stream = stream_find_open(federation, move->session);
    StreamLeg *leg =
        stream ? stream_find_leg(stream, handover->sae, handover->old_provider->id) : NULL;
    if (!leg || !move->frozen)
        return;
    guint64 version = MAX(leg->wire->version, move->leg->version);
    change_leg(move, handover->old_provider->id, LEG_PHASE(END), version + 1);
    tell(federation, handover, move);
    stream_move_leg(federation, stream, leg, handover->provider->id,
                    &(StreamResume){version + 1, stream_granted(stream), move->frozen->left,
                                    move->frozen->n_left});
    stream_mend(federation, stream, 0, "handover");
    stream_review(federation, stream);
}

void handover_switch_sessions(Federation *federation, Handover *handover)
{
    for (guint i = 0; i < handover->moves->len; i++)
        switch_stream(federation, handover, handover->moves->pdata[i]);
}

// The old leg is told again even if it was not frozen, so that the next handover's versions are
// later than the new one's end.
static void return_stream(Federation *federation, Handover *handover, HandoverMove *move)
{
    Stream *stream = stream_find_open(federation, move->session);
    StreamLeg *leg =
        stream ? stream_find_leg(stream, handover->sae, handover->old_provider->id) : NULL;
    guint64 version = MAX(leg ? leg->wire->version : 0, move->leg->version);
    change_leg(move, move->agent, LEG_PHASE(END), version + 1);
    tell(federation, handover, move);
    if (!leg)
        return;
    stream_move_leg(federation, stream, leg, leg->agent, &(StreamResume){.version = version + 1});
    stream_review(federation, stream);
}

void handover_return_sessions(Federation *federation, Handover *handover)
{
    handover_call_off_copies(federation, handover);
    for (guint i = 0; i < handover->moves->len; i++) {
        HandoverMove *move = handover->moves->pdata[i];
        if (move->leg->phase != LEG_PHASE(END))
            return_stream(federation, handover, move);
    }
}

gboolean handover_has_left_sessions(const Handover *handover)
{
    for (guint i = 0; i < handover->moves->len; i++) {
        if (!((HandoverMove *)handover->moves->pdata[i])->is_answered)
            return FALSE;
    }
    return TRUE;
}

// --- answers -------------------------------------------------------------------------------------

static void on_new(Federation *federation, Handover *handover, HandoverMove *move,
                   const WireLegState *state)
{
    gboolean is_answer = state->version == move->leg->version;
    gboolean is_preparing = move->leg->phase == LEG_PHASE(PREPARE);
    move->is_answered |= is_answer;
    handover->has_called |= is_preparing && state->is_wanted;
    handover_save(federation, handover);
    if (is_answer && is_preparing && state->status != STATUS_OK)
        handover_fail(federation, handover, (Status)state->status, state->text);
    else if (!handover_is_over(handover))
        handover_proceed(federation, handover);
}

// An agent that an end has come back to speaks of a later version than of the one that ended.
static gboolean take_end(Federation *federation, Handover *handover, HandoverMove *move,
                         const WireLegState *state)
{
    if (state->version > move->leg->version || move->is_answered)
        return FALSE;
    if (state->version == move->leg->version)
        on_new(federation, handover, move, state);
    return TRUE;
}

gboolean handover_take_leg_state(Federation *federation, const char *agent,
                                 const WireLegState *state)
{
    const GPtrArray *of = g_hash_table_lookup(federation->handovers_of, state->sae);
    for (guint i = of ? of->len : 0; i > 0; i--) {
        Handover *handover = of->pdata[i - 1];
        HandoverMove *move = handover_find_move(handover, state->session);
        if (!move || strcmp(move->agent, agent) != 0)
            continue;
        if (move->leg->phase != LEG_PHASE(END)) {
            on_new(federation, handover, move, state);
            return TRUE;
        }
        if (take_end(federation, handover, move, state))
            return TRUE;
    }
    return FALSE;
}

void handover_on_frozen(Federation *federation, const Stream *stream, const char *sae,
                        const WireLegState *state)
{
    Handover *handover = handover_find_running(federation, sae);
    HandoverMove *move = handover ? handover_find_move(handover, stream->id) : NULL;
    if (!move || move->frozen || handover->phase >= HANDOVER(SWITCHED))
        return;
    move->frozen = message_copy(&state->base);
    handover_save(federation, handover);
    handover_proceed(federation, handover);
}

void handover_on_block(Federation *federation, const Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        const Handover *handover = handover_find_running(federation, leg->wire->sae);
        if (handover && handover->phase < HANDOVER(SWITCHED))
            timers_arm(federation->timers, TIMER_HANDOVER, handover->id, federation->now);
    }
}

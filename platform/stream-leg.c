// SPDX-License-Identifier: Apache-2.0
//
// The ends of sessions at the agents that serve them. Each change of an end is a new version, told
// until it is answered. At the end: the initiator's is frozen, which says how many keys it got;
// then the targets may still fetch these; then all is wiped.

#include "platform/stream.h"

#include <string.h>

#define LEG_PHASE(phase) QKDNF__V1__LEG_PHASE__LEG_PHASE_##phase

#define REPEAT_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_MAX_US   (30 * G_TIME_SPAN_SECOND)

// What is known of a session that has ended stays as long as somebody may ask again.
#define KEEP_US (3 * G_TIME_SPAN_MINUTE)

// An agent that does not answer is told of the end for this long.
#define END_US G_TIME_SPAN_DAY

// --- memory --------------------------------------------------------------------------------------

StreamLeg *stream_leg_new(const char *agent, const WireLeg *wire)
{
    StreamLeg *leg = g_new0(StreamLeg, 1);
    leg->agent = g_strdup(agent);
    leg->wire = message_copy(&wire->base);
    return leg;
}

void stream_leg_free(gpointer data)
{
    StreamLeg *leg = data;
    g_free(leg->agent);
    wire_free(leg->wire);
    g_free(leg->refusal);
    g_free(leg);
}

StreamLeg *stream_find_leg(const Stream *stream, const char *sae, const char *agent)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        StreamLeg *leg = stream->legs->pdata[i];
        if (strcmp(leg->wire->sae, sae) == 0 && strcmp(leg->agent, agent) == 0)
            return leg;
    }
    return NULL;
}

static gboolean is_initiator(const Stream *stream, const StreamLeg *leg)
{
    return strcmp(leg->wire->sae, stream->open->initiator) == 0;
}

gboolean stream_has_all_legs(const Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        if (!((StreamLeg *)stream->legs->pdata[i])->is_answered)
            return FALSE;
    }
    return stream->legs->len > 0;
}

const char *stream_find_refusal(const Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        if (leg->refusal)
            return leg->refusal;
    }
    return NULL;
}

// --- saying it -----------------------------------------------------------------------------------

static void arm_repeat(Federation *federation, Stream *stream)
{
    timers_arm_repeat(federation->timers, TIMER_LEG, stream->id, federation->now,
                      &stream->repeat_us, REPEAT_MAX_US);
}

void stream_repeat_legs(Federation *federation, Stream *stream)
{
    gboolean is_waiting = FALSE;
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        if (leg->is_answered)
            continue;
        federation_send(federation, KIND_LEG, leg->agent, &leg->wire->base);
        is_waiting = TRUE;
    }
    stream->repeat_us = MAX(stream->repeat_us, REPEAT_FIRST_US);
    if (is_waiting)
        arm_repeat(federation, stream);
}

static void say_again(Federation *federation, Stream *stream, StreamLeg *leg)
{
    leg->is_answered = FALSE;
    federation_send(federation, KIND_LEG, leg->agent, &leg->wire->base);
    stream->repeat_us = REPEAT_FIRST_US;
    arm_repeat(federation, stream);
}

// `wire` may point into the last one.
static void say_anew(Federation *federation, Stream *stream, StreamLeg *leg, const WireLeg *wire)
{
    WireLeg *last = leg->wire;
    leg->wire = message_copy(&wire->base);
    wire_free(last);
    g_clear_pointer(&leg->refusal, g_free);
    say_again(federation, stream, leg);
}

void stream_tell_leg(Federation *federation, Stream *stream, StreamLeg *leg,
                     Qkdnf__V1__LegPhase phase)
{
    WireSequenceRange delivered = WIRE_SEQUENCE_RANGE_INIT;
    delivered.end = stream->delivered;
    WireLeg wire = *leg->wire;
    wire.version++;
    wire.phase = phase;
    wire.n_left = phase == LEG_PHASE(DRAIN) && stream->delivered > 0 ? 1 : 0;
    wire.left = (WireSequenceRange *[]){&delivered};
    say_anew(federation, stream, leg, &wire);
}

void stream_move_leg(Federation *federation, Stream *stream, StreamLeg *leg, const char *agent,
                     const StreamResume *resume)
{
    WireLeg wire = *leg->wire;
    wire.version = resume->version;
    wire.phase = LEG_PHASE(SERVE);
    wire.resume = resume->end;
    wire.n_left = resume->n_left;
    wire.left = resume->left;
    if (strcmp(leg->agent, agent) != 0) {
        g_free(leg->agent);
        leg->agent = g_strdup(agent);
    }
    say_anew(federation, stream, leg, &wire);
}

static void add_leg(Federation *federation, Stream *stream, const char *sae)
{
    const Application *application = directory_find(federation, sae);
    WireLeg wire = WIRE_LEG_INIT;
    wire.session = stream->id;
    wire.sae = (char *)sae;
    wire.initiator = stream->open->initiator;
    wire.n_targets = stream->open->n_targets;
    wire.targets = stream->open->targets;
    wire.size_bits = stream->qos->size_bits;
    wire.buffer = stream->qos->buffer;
    wire.report_every = stream_block_size(federation->config, stream->qos->buffer);
    StreamLeg *leg = stream_leg_new(attachment_provider(application)->id, &wire);
    g_ptr_array_add(stream->legs, leg);
    stream_tell_leg(federation, stream, leg, LEG_PHASE(SERVE));
}

void stream_add_legs(Federation *federation, Stream *stream)
{
    add_leg(federation, stream, stream->open->initiator);
    for (gsize i = 0; i < stream->open->n_targets; i++)
        add_leg(federation, stream, stream->open->targets[i]);
}

// --- the end -------------------------------------------------------------------------------------

gboolean stream_has_ended_legs(const Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        if (((StreamLeg *)stream->legs->pdata[i])->wire->phase != LEG_PHASE(END))
            return FALSE;
    }
    return TRUE;
}

void stream_end_at(Federation *federation, const char *agent, const char *session, const char *sae,
                   guint64 version)
{
    WireLeg wire = WIRE_LEG_INIT;
    wire.session = (char *)session;
    wire.sae = (char *)sae;
    wire.version = version;
    wire.phase = LEG_PHASE(END);
    federation_send(federation, KIND_LEG, agent, &wire.base);
}

static void update_end(Federation *federation, Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        if (leg->wire->phase != LEG_PHASE(END) || !leg->is_answered)
            return;
    }
    g_ptr_array_set_size(stream->legs, 0);
    stream_arm_stage(federation, stream, federation->now + KEEP_US);
}

static void end_leg(Federation *federation, Stream *stream, StreamLeg *leg)
{
    stream_tell_leg(federation, stream, leg, LEG_PHASE(END));
    if (stream_has_ended_legs(stream))
        stream_arm_stage(federation, stream, federation->now + END_US);
}

void stream_end_legs(Federation *federation, Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        StreamLeg *leg = stream->legs->pdata[i];
        if (leg->wire->phase != LEG_PHASE(END))
            end_leg(federation, stream, leg);
    }
}

void stream_start_draining(Federation *federation, Stream *stream)
{
    if (stream->next == 0) {
        stream_end_legs(federation, stream);
        return;
    }
    for (guint i = 0; i < stream->legs->len; i++) {
        StreamLeg *leg = stream->legs->pdata[i];
        if (is_initiator(stream, leg))
            stream_tell_leg(federation, stream, leg, LEG_PHASE(FREEZE));
    }
}

// The initiator's end has said how many keys it got: they are what the targets may still fetch.
static void drain_targets(Federation *federation, Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        StreamLeg *leg = stream->legs->pdata[i];
        if (is_initiator(stream, leg) || stream->delivered == 0)
            end_leg(federation, stream, leg);
        else
            stream_tell_leg(federation, stream, leg, LEG_PHASE(DRAIN));
    }
}

// --- answers -------------------------------------------------------------------------------------

static void on_refusal(Federation *federation, Stream *stream, StreamLeg *leg,
                       const WireLegState *state)
{
    const char *text = state->text[0] ? state->text : status_text((Status)state->status);
    g_free(leg->refusal);
    leg->refusal = g_strdup_printf("%s: %s", leg->agent, text);
    if (stream->next == 0) {
        g_autofree char *why = g_strdup(leg->refusal);
        stream_close(federation, stream, why);
        return;
    }
    // It could before: it is asked until it can again.
    if (leg->is_answered)
        say_again(federation, stream, leg);
    stream_review(federation, stream);
}

static void on_end_answer(Federation *federation, Stream *stream, StreamLeg *leg,
                          const WireLegState *state)
{
    leg->is_answered = TRUE;
    // A target may be frozen because it moves.
    if (leg->wire->phase == LEG_PHASE(FREEZE) && is_initiator(stream, leg))
        drain_targets(federation, stream);
    else if (leg->wire->phase == LEG_PHASE(DRAIN) && state->n_stored == 0)
        end_leg(federation, stream, leg);
    update_end(federation, stream);
    stream_save(federation, stream);
}

static void on_serve_answer(Federation *federation, Stream *stream, StreamLeg *leg,
                            const WireLegState *state)
{
    if (state->status != STATUS_OK) {
        on_refusal(federation, stream, leg, state);
        return;
    }
    leg->is_answered = TRUE;
    leg->is_recovering = FALSE;
    g_clear_pointer(&leg->refusal, g_free);
    stream_review(federation, stream);
    if (leg->wire->phase == LEG_PHASE(FREEZE))
        handover_on_frozen(federation, stream, leg->wire->sae, state);
}

// Nothing is known here of what the agent speaks of.
static void end_stray(Federation *federation, const Sender *sender, const WireLegState *state)
{
    if (state->phase == LEG_PHASE(END))
        return;
    stream_end_at(federation, sender->id, state->session, state->sae, state->version + 1);
}

void stream_on_leg_state(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireLegState *state = message;
    if (handover_take_leg_state(federation, sender->id, state))
        return;
    Stream *stream = stream_find(federation, state->session);
    StreamLeg *leg = stream ? stream_find_leg(stream, state->sae, sender->id) : NULL;
    if (!leg) {
        end_stray(federation, sender, state);
        return;
    }
    if (is_initiator(stream, leg))
        stream_take_delivered(stream, state->delivered);
    if (state->version == leg->wire->version && stream->phase == STREAM_CLOSED)
        on_end_answer(federation, stream, leg, state);
    else if (state->version == leg->wire->version)
        on_serve_answer(federation, stream, leg, state);
    else if (state->version < leg->wire->version && leg->is_answered)
        say_again(federation, stream, leg);
}

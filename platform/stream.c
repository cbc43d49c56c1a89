// SPDX-License-Identifier: Apache-2.0
//
// The life of a session: OPENING → ACTIVE ⇄ DEGRADED → CLOSED.

#include "platform/stream.h"

#include "platform/conduct.h"

#include <string.h>

#define MEND_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
#define MEND_MAX_US   (8 * G_TIME_SPAN_SECOND)

// --- memory --------------------------------------------------------------------------------------

Stream *stream_find(const Federation *federation, const char *id)
{
    return g_tree_lookup(federation->streams, id);
}

Stream *stream_find_open(const Federation *federation, const char *id)
{
    Stream *stream = stream_find(federation, id);
    return stream && stream->phase != STREAM_CLOSED ? stream : NULL;
}

Stream *stream_new(Federation *federation, const WireSessionOpen *open, const WireSessionQos *qos)
{
    Stream *stream = g_new0(Stream, 1);
    stream->id = g_strdup(open->session);
    stream->open = message_copy(&open->base);
    stream->qos = message_copy(&qos->base);
    stream->phase = STREAM_OPENING;
    stream->blocks = g_ptr_array_new_with_free_func(g_free);
    stream->legs = g_ptr_array_new_with_free_func(stream_leg_free);
    stream->ways = g_ptr_array_new_with_free_func(stream_way_free);
    stream->left_links = g_ptr_array_new_with_free_func(g_free);
    stream->mend_us = MEND_FIRST_US;
    g_tree_insert(federation->streams, stream->id, stream);
    affected_add(federation->streaming, BY_INITIATOR, open->initiator, stream->id);
    affected_add(federation->streaming, BY_SAE, open->initiator, stream->id);
    for (gsize i = 0; i < open->n_targets; i++)
        affected_add(federation->streaming, BY_SAE, open->targets[i], stream->id);
    return stream;
}

void stream_free(gpointer data)
{
    Stream *stream = data;
    g_free(stream->id);
    wire_free(stream->open);
    wire_free(stream->qos);
    g_free(stream->text);
    g_free(stream->failure);
    g_ptr_array_unref(stream->blocks);
    g_ptr_array_unref(stream->legs);
    g_ptr_array_unref(stream->ways);
    g_ptr_array_unref(stream->left_links);
    g_free(stream);
}

void stream_drop(Federation *federation, Stream *stream)
{
    static const TimerId timers[] = {TIMER_LEG, TIMER_MEND, TIMER_REVERT, TIMER_STAGE};
    for (guint i = 0; i < G_N_ELEMENTS(timers); i++)
        timers_disarm(federation->timers, timers[i], stream->id);
    stream_drop_ways(federation, stream, -1);
    stream_forget_left_links(federation, stream);
    affected_remove(federation->streaming, BY_INITIATOR, stream->open->initiator, stream->id);
    affected_remove(federation->streaming, BY_SAE, stream->open->initiator, stream->id);
    for (gsize i = 0; i < stream->open->n_targets; i++)
        affected_remove(federation->streaming, BY_SAE, stream->open->targets[i], stream->id);
    store_delete_text(federation->store, "session", stream->id);
    rows_drop(federation, stream->id);
    g_tree_remove(federation->streams, stream->id);
}

// --- phases --------------------------------------------------------------------------------------

static const char *const phase_names[N_STREAM_PHASES] = {
    [STREAM_OPENING] = "opening",
    [STREAM_ACTIVE] = "active",
    [STREAM_DEGRADED] = "degraded",
    [STREAM_CLOSED] = "closed",
};

#define TO(phase) (1u << (phase))
static const guint edges[N_STREAM_PHASES] = {
    [STREAM_OPENING] = TO(STREAM_ACTIVE) | TO(STREAM_DEGRADED) | TO(STREAM_CLOSED),
    [STREAM_ACTIVE] = TO(STREAM_DEGRADED) | TO(STREAM_CLOSED),
    [STREAM_DEGRADED] = TO(STREAM_ACTIVE) | TO(STREAM_CLOSED),
};

void stream_event(Federation *federation, const Stream *stream, const EventHead *what)
{
    EventHead head = *what;
    head.subject = stream->id;
    federation_event(federation, &head, "%s for %s, %" G_GUINT64_FORMAT " keys delivered",
                     phase_names[stream->phase], stream->open->initiator, stream->delivered);
}

static void enter(Federation *federation, Stream *stream, StreamPhase phase, const char *text)
{
    static const char *const events[N_STREAM_PHASES] = {
        [STREAM_OPENING] = "session.opened",
        [STREAM_ACTIVE] = "session.active",
        [STREAM_DEGRADED] = "session.degraded",
        [STREAM_CLOSED] = "session.closed",
    };
    g_assert(edges[stream->phase] & TO(phase));
    stream->phase = phase;
    g_free(stream->text);
    stream->text = g_strdup(text);
    stream_save(federation, stream);
    gboolean is_bad = phase == STREAM_DEGRADED;
    stream_event(federation, stream,
                 &(EventHead){.severity = is_bad ? QKDNF__V1__SEVERITY__SEVERITY_WARNING
                                                 : QKDNF__V1__SEVERITY__SEVERITY_INFO,
                              .name = events[phase],
                              .cause = text});
}

static const StreamLeg *find_recovering(const Stream *stream)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        if (leg->is_recovering)
            return leg;
    }
    return NULL;
}

// Why the buffer cannot be kept filled now, or NULL. To be freed.
static char *find_trouble(Federation *federation, const Stream *stream)
{
    const char *refusal = stream_find_refusal(stream);
    if (refusal)
        return g_strdup(refusal);
    const StreamLeg *recovering = find_recovering(stream);
    if (recovering)
        return g_strdup_printf("the keys of '%s' were lost: its end moves to %s",
                               recovering->wire->sae, recovering->agent);
    char *loss = stream_find_loss(federation, stream);
    if (loss)
        return loss;
    return stream_has_failed_block(stream) ? g_strdup(stream->failure) : NULL;
}

static gboolean has_been_full(const Stream *stream)
{
    return stream_granted(stream) >= stream->qos->buffer;
}

// Agents for whom somebody waits report again and again: that does not put off the next try.
static void arm_mend(Federation *federation, Stream *stream, gint64 at_us)
{
    if (stream->is_mend_armed)
        return;
    stream->is_mend_armed = TRUE;
    timers_arm(federation->timers, TIMER_MEND, stream->id, at_us);
}

static void update_phase(Federation *federation, Stream *stream)
{
    g_autofree char *trouble = find_trouble(federation, stream);
    if (trouble && stream->phase != STREAM_DEGRADED) {
        enter(federation, stream, STREAM_DEGRADED, trouble);
    } else if (trouble) {
        g_free(stream->text);
        stream->text = g_steal_pointer(&trouble);
    } else if (stream->phase != STREAM_ACTIVE && has_been_full(stream)) {
        stream->mend_us = MEND_FIRST_US;
        enter(federation, stream, STREAM_ACTIVE, NULL);
    }
    if (stream->phase == STREAM_DEGRADED)
        arm_mend(federation, stream, federation->now + stream->mend_us);
}

void stream_review(Federation *federation, Stream *stream)
{
    if (stream->phase != STREAM_CLOSED) {
        stream_top_up(federation, stream);
        update_phase(federation, stream);
    }
    stream_save(federation, stream);
}

void stream_arm_stage(Federation *federation, Stream *stream, gint64 ends_at_us)
{
    stream->stage_ends_at_us = ends_at_us;
    if (ends_at_us > 0)
        timers_arm(federation->timers, TIMER_STAGE, stream->id, ends_at_us);
    else
        timers_disarm(federation->timers, TIMER_STAGE, stream->id);
}

void stream_close(Federation *federation, Stream *stream, const char *text)
{
    if (stream->phase == STREAM_CLOSED)
        return;
    enter(federation, stream, STREAM_CLOSED, text);
    timers_disarm(federation->timers, TIMER_MEND, stream->id);
    timers_disarm(federation->timers, TIMER_REVERT, stream->id);
    stream_call_off_blocks(federation, stream, "the session is closed");
    stream_drop_ways(federation, stream, -1);
    stream_forget_left_links(federation, stream);
    stream_arm_stage(federation, stream,
                     federation->now +
                         (gint64)federation->config->session_drain_ms * G_TIME_SPAN_MILLISECOND);
    stream_start_draining(federation, stream);
    stream_save(federation, stream);
}

// --- time ----------------------------------------------------------------------------------------

// Its life, its draining, or what is known of it has lasted long enough.
static void end_stage(Federation *federation, Stream *stream)
{
    if (stream->phase != STREAM_CLOSED) {
        stream_close(federation, stream, "its lifetime is over");
        return;
    }
    if (stream_has_ended_legs(stream)) {
        stream_drop(federation, stream);
        return;
    }
    stream_end_legs(federation, stream);
    stream_save(federation, stream);
}

static void mend(Federation *federation, Stream *stream)
{
    stream->is_mend_armed = FALSE;
    stream->mend_us = MIN(2 * stream->mend_us, MEND_MAX_US);
    stream_mend(federation, stream, 0, "looked for again");
    stream_retry_blocks(federation, stream);
    stream_review(federation, stream);
}

void stream_on_timer(Federation *federation, TimerId timer, const char *id)
{
    Stream *stream = stream_find(federation, id);
    if (!stream)
        return;
    if (timer == TIMER_LEG)
        stream_repeat_legs(federation, stream);
    else if (timer == TIMER_MEND)
        mend(federation, stream);
    else if (timer == TIMER_REVERT)
        stream_revert(federation, stream);
    else
        end_stage(federation, stream);
}

void stream_resume(Federation *federation, Stream *stream)
{
    stream_arm_stage(federation, stream, stream->stage_ends_at_us);
    timers_arm(federation->timers, TIMER_LEG, stream->id, federation->now);
    if (stream->phase == STREAM_CLOSED)
        return;
    // Who is there is not known yet: what looks broken now is looked at in a moment.
    arm_mend(federation, stream, federation->now + FEDERATION_SETTLE_US);
    // Nobody says later what has failed while there was no platform.
    if (stream->left_links->len > 0 || stream->qos->protected_)
        stream_arm_revert(federation, stream);
}

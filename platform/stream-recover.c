// SPDX-License-Identifier: Apache-2.0
//
// The agent that served an end of a session is gone for good, and with it the keys that were
// granted and that it has not handed out. The end goes on elsewhere with the numbers that were not
// granted yet: those are made for it. The initiator's end gives up what a lost target cannot fetch
// any more. Targets keep what a lost initiator's end had, until the session ends: it may have
// handed some of it out without being heard.

#include "platform/handover.h"
#include "platform/stream.h"

#include <string.h>

// Numbers without a key at any end.
static GPtrArray *list_ungranted(const Stream *stream)
{
    GPtrArray *ranges = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < stream->blocks->len; i++) {
        const StreamBlock *block = stream->blocks->pdata[i];
        if (block->state == BLOCK_DONE)
            continue;
        WireSequenceRange *range = g_new(WireSequenceRange, 1);
        *range = (WireSequenceRange)WIRE_SEQUENCE_RANGE_INIT;
        range->first = block->first;
        range->end = block->first + block->number;
        g_ptr_array_add(ranges, range);
    }
    return ranges;
}

// Granted, and by all that was heard not handed out.
static guint64 count_unused(const Stream *stream)
{
    guint64 n = 0;
    for (guint i = 0; i < stream->blocks->len; i++) {
        const StreamBlock *block = stream->blocks->pdata[i];
        guint64 end = block->first + block->number;
        if (block->state == BLOCK_DONE && end > stream->delivered)
            n += end - MAX(block->first, stream->delivered);
    }
    return n;
}

static void say_lost(Federation *federation, const Stream *stream, const StreamLeg *leg)
{
    guint64 n = count_unused(stream);
    if (n == 0)
        return;
    g_autofree char *cause = g_strdup_printf("%s serves it no more", leg->agent);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "session.keys-lost",
                                  .subject = stream->id,
                                  .cause = cause},
                     "%" G_GUINT64_FORMAT " keys for %s are lost", n, leg->wire->sae);
}

static void resume(Federation *federation, Stream *stream, StreamLeg *leg, const char *agent)
{
    g_autoptr(GPtrArray) left = list_ungranted(stream);
    stream_move_leg(federation, stream, leg, agent,
                    &(StreamResume){leg->wire->version + 1, stream->next,
                                    (WireSequenceRange **)left->pdata, left->len});
    leg->is_recovering = TRUE;
}

// What it said when it was frozen counts keys that are lost now: it does not move with them.
static void give_up_at_initiator(Federation *federation, Stream *stream)
{
    StreamLeg *leg = stream->legs->pdata[0];
    Handover *handover = handover_find_running(federation, leg->wire->sae);
    if (handover && leg->wire->phase == QKDNF__V1__LEG_PHASE__LEG_PHASE_FREEZE)
        handover_fail(federation, handover, STATUS_NO_ROUTE,
                      "keys of its session are lost at the other end");
    resume(federation, stream, leg, leg->agent);
}

static void recover(Federation *federation, Stream *stream, StreamLeg *leg, const char *agent)
{
    stream_call_off_blocks(federation, stream, "an end of the session is lost");
    say_lost(federation, stream, leg);
    stream_end_at(federation, leg->agent, stream->id, leg->wire->sae, leg->wire->version + 1);
    resume(federation, stream, leg, agent);
    if (leg != stream->legs->pdata[0])
        give_up_at_initiator(federation, stream);
    stream_take_delivered(stream, stream_granted(stream));
    stream_mend(federation, stream, 0, "an end of the session is lost");
    stream_retry_blocks(federation, stream);
    stream_review(federation, stream);
}

void stream_recover_legs(Federation *federation, const Application *application)
{
    const char *agent = attachment_provider(application)->id;
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_SAE, application->sae);
    for (char **id = ids; *id; id++) {
        Stream *stream = stream_find(federation, *id);
        for (guint i = 0; stream->phase != STREAM_CLOSED && i < stream->legs->len; i++) {
            StreamLeg *leg = stream->legs->pdata[i];
            if (strcmp(leg->wire->sae, application->sae) == 0 && strcmp(leg->agent, agent) != 0)
                recover(federation, stream, leg, agent);
        }
    }
}

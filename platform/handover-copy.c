// SPDX-License-Identifier: Apache-2.0
//
// Copies of the keys of a session that its old agent still holds, made for the new one: each block
// is a request for itself, whose ID follows from the handover, the session and the block.

#include "platform/handover.h"
#include "platform/stream.h"
#include "topics/base/id.h"

#include <string.h>

#define COPY_RETRY_US (500 * G_TIME_SPAN_MILLISECOND)

static void copy_id(const Handover *handover, const HandoverMove *move, const HandoverCopy *copy,
                    char ret_id[UUID_CHARS + 1])
{
    g_autofree char *name =
        g_strdup_printf("%s/%" G_GUINT64_FORMAT "/%u", move->session, copy->first, copy->n_failed);
    uuid_derive(handover->id, name, ret_id);
}

static Request *find_request(const Federation *federation, const Handover *handover,
                             const HandoverMove *move, const HandoverCopy *copy)
{
    char id[UUID_CHARS + 1];
    copy_id(handover, move, copy, id);
    Request *request = g_hash_table_lookup(federation->requests, id);
    return request && request->copy ? request : NULL;
}

static void start_copy(Federation *federation, const Handover *handover, const HandoverMove *move,
                       HandoverCopy *copy, const Stream *stream, const StreamBlock *block)
{
    char id[UUID_CHARS + 1], granted[UUID_CHARS + 1];
    copy_id(handover, move, copy, id);
    // Anybody may have asked for other keys under this ID.
    while (g_hash_table_contains(federation->requests, id)) {
        copy->n_failed++;
        copy_id(handover, move, copy, id);
    }
    stream_block_request(stream, block, granted);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = id;
    wire.initiator = handover->sae;
    wire.n_targets = 1;
    wire.targets = (char *[]){handover->sae};
    wire.number = block->number;
    wire.size_bits = stream->qos->size_bits;
    WireSessionKeys session = WIRE_SESSION_KEYS_INIT;
    session.session = stream->id;
    session.first = block->first;
    WireKeyCopy what = WIRE_KEY_COPY_INIT;
    what.request = granted;
    what.attempt = block->attempt;
    what.initiator = stream->open->initiator;
    what.n_targets = stream->open->n_targets;
    what.targets = stream->open->targets;
    request_start_own(federation, &wire, &session, &what);
}

static HandoverCopy *find_copy(const HandoverMove *move, guint64 first)
{
    for (guint i = 0; i < move->copies->len; i++) {
        HandoverCopy *copy = &g_array_index(move->copies, HandoverCopy, i);
        if (copy->first == first)
            return copy;
    }
    return NULL;
}

static gboolean is_left(const WireLegState *frozen, const StreamBlock *block)
{
    for (gsize i = 0; i < frozen->n_left; i++) {
        if (frozen->left[i]->first < block->first + block->number &&
            frozen->left[i]->end > block->first)
            return TRUE;
    }
    return FALSE;
}

// A target may still hold what the initiator has got; when it is frozen it says what.
static gboolean is_needed(const Handover *handover, const HandoverMove *move, const Stream *stream,
                          const StreamBlock *block)
{
    gboolean is_initiator = strcmp(stream->open->initiator, handover->sae) == 0;
    if (block->state != BLOCK_DONE)
        return FALSE;
    if (move->frozen)
        return is_left(move->frozen, block);
    return !is_initiator || block->first + block->number > stream->delivered;
}

gboolean handover_copy_blocks(Federation *federation, Handover *handover, HandoverMove *move)
{
    const Stream *stream = stream_find_open(federation, move->session);
    gboolean is_done = TRUE;
    for (guint i = 0; stream && i < stream->blocks->len; i++) {
        const StreamBlock *block = stream->blocks->pdata[i];
        if (!is_needed(handover, move, stream, block))
            continue;
        HandoverCopy *copy = find_copy(move, block->first);
        if (!copy) {
            HandoverCopy fresh = {.first = block->first};
            g_array_append_val(move->copies, fresh);
            copy = &g_array_index(move->copies, HandoverCopy, move->copies->len - 1);
        }
        if (copy->is_done)
            continue;
        is_done = FALSE;
        if (federation->now >= copy->retry_at_us && !find_request(federation, handover, move, copy))
            start_copy(federation, handover, move, copy, stream, block);
    }
    return is_done;
}

void handover_on_copy_end(Federation *federation, const Request *request)
{
    Handover *handover = handover_find_running(federation, request->wire->initiator);
    HandoverMove *move = handover ? handover_find_move(handover, request->session->session) : NULL;
    HandoverCopy *copy = move ? find_copy(move, request->session->first) : NULL;
    if (!copy || handover->phase >= HANDOVER(SWITCHED))
        return;
    copy->is_done = request->state == REQUEST_GRANTED;
    if (!copy->is_done) {
        copy->n_failed++;
        copy->retry_at_us = federation->now + COPY_RETRY_US;
    }
    // In a moment: what has ended here may be what was just begun.
    timers_arm(federation->timers, TIMER_HANDOVER, handover->id,
               MAX(federation->now, copy->retry_at_us));
    handover_save(federation, handover);
}

void handover_call_off_copies(Federation *federation, const Handover *handover)
{
    for (guint i = 0; i < handover->moves->len; i++) {
        const HandoverMove *move = handover->moves->pdata[i];
        for (guint j = 0; j < move->copies->len; j++) {
            const HandoverCopy *copy = &g_array_index(move->copies, HandoverCopy, j);
            Request *request = find_request(federation, handover, move, copy);
            if (request)
                request_call_off(federation, request, "the handover has fallen back");
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//
// The keys of a session, made in blocks. Each block is a request of the platform's own, so that it
// is routed, split, tried again and resumed like any other; its ID follows from the session, its
// first key and how often it has failed.

#include "platform/stream.h"

#include "topics/base/id.h"

guint stream_block_size(const FederationConfig *config, guint buffer)
{
    return (guint)CLAMP(buffer / 4, 1, config->max_keys_per_request);
}

static StreamBlock *find_block(const Stream *stream, guint64 first)
{
    for (guint i = 0; i < stream->blocks->len; i++) {
        StreamBlock *block = stream->blocks->pdata[i];
        if (block->first == first)
            return block;
    }
    return NULL;
}

guint64 stream_granted(const Stream *stream)
{
    for (guint i = 0; i < stream->blocks->len; i++) {
        const StreamBlock *block = stream->blocks->pdata[i];
        if (block->state != BLOCK_DONE)
            return block->first;
    }
    return stream->next;
}

gboolean stream_has_failed_block(const Stream *stream)
{
    for (guint i = 0; i < stream->blocks->len; i++) {
        const StreamBlock *block = stream->blocks->pdata[i];
        if (block->state != BLOCK_DONE && block->n_failed > 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean has_block_in(const Stream *stream, BlockState state)
{
    for (guint i = 0; i < stream->blocks->len; i++) {
        if (((StreamBlock *)stream->blocks->pdata[i])->state == state)
            return TRUE;
    }
    return FALSE;
}

gboolean stream_has_running_block(const Stream *stream)
{
    return has_block_in(stream, BLOCK_RUNNING);
}

// --- requests ------------------------------------------------------------------------------------

void stream_block_request(const Stream *stream, const StreamBlock *block,
                          char ret_id[UUID_CHARS + 1])
{
    g_autofree char *name =
        g_strdup_printf("%" G_GUINT64_FORMAT "/%u", block->first, block->n_failed);
    uuid_derive(stream->id, name, ret_id);
}

static Request *find_request(const Federation *federation, const Stream *stream,
                             const StreamBlock *block)
{
    char id[UUID_CHARS + 1];
    stream_block_request(stream, block, id);
    Request *request = g_hash_table_lookup(federation->requests, id);
    return request && request->session ? request : NULL;
}

// The IDs can be foreseen, and anybody may have asked for other keys under them.
static void skip_taken_ids(const Federation *federation, const Stream *stream, StreamBlock *block,
                           char ret_id[UUID_CHARS + 1])
{
    stream_block_request(stream, block, ret_id);
    while (g_hash_table_contains(federation->requests, ret_id)) {
        block->n_failed++;
        stream_block_request(stream, block, ret_id);
    }
}

static void start_block(Federation *federation, Stream *stream, StreamBlock *block)
{
    char id[UUID_CHARS + 1];
    skip_taken_ids(federation, stream, block, id);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = id;
    wire.initiator = stream->open->initiator;
    wire.n_targets = stream->open->n_targets;
    wire.targets = stream->open->targets;
    wire.number = block->number;
    wire.size_bits = stream->qos->size_bits;
    wire.paths = stream->qos->paths;
    wire.n_exclude = stream->open->n_exclude;
    wire.exclude = stream->open->exclude;
    WireSessionKeys session = WIRE_SESSION_KEYS_INIT;
    session.session = stream->id;
    session.first = block->first;
    block->state = BLOCK_RUNNING;
    request_start_own(federation, &wire, &session, NULL);
}

static guint next_number(const FederationConfig *config, const Stream *stream)
{
    guint64 n_ahead = stream->next - stream->delivered;
    guint buffer = stream->qos->buffer, block = stream_block_size(config, buffer);
    if (n_ahead + block <= buffer)
        return block;
    // The first buffer is filled to the last key; later, what is less than a block can wait.
    return stream->next < buffer ? (guint)(buffer - stream->next) : 0;
}

void stream_top_up(Federation *federation, Stream *stream)
{
    guint number;
    if (handover_holds_back(federation, stream))
        return;
    while (stream_has_all_legs(stream) && !has_block_in(stream, BLOCK_WAITING) &&
           (number = next_number(federation->config, stream)) > 0) {
        StreamBlock *block = g_new0(StreamBlock, 1);
        *block = (StreamBlock){.first = stream->next, .number = number};
        g_ptr_array_add(stream->blocks, block);
        stream->next += number;
        stream_mend(federation, stream, number, "stock is exhausted");
        start_block(federation, stream, block);
    }
}

void stream_retry_blocks(Federation *federation, Stream *stream)
{
    if (handover_holds_back(federation, stream))
        return;
    for (guint i = 0; i < stream->blocks->len; i++) {
        StreamBlock *block = stream->blocks->pdata[i];
        gboolean is_lost =
            block->state == BLOCK_RUNNING && !find_request(federation, stream, block);
        if (block->state == BLOCK_WAITING || is_lost)
            start_block(federation, stream, block);
    }
}

void stream_call_off_blocks(Federation *federation, Stream *stream, const char *text)
{
    for (guint i = 0; i < stream->blocks->len; i++) {
        StreamBlock *block = stream->blocks->pdata[i];
        Request *request =
            block->state == BLOCK_RUNNING ? find_request(federation, stream, block) : NULL;
        if (request)
            request_call_off(federation, request, text);
    }
}

// --- ends ----------------------------------------------------------------------------------------

// What the initiator has got a target may still hold: its blocks are known for one buffer longer.
void stream_take_delivered(Stream *stream, guint64 delivered)
{
    stream->delivered = MAX(stream->delivered, MIN(delivered, stream_granted(stream)));
    while (stream->blocks->len > 0) {
        const StreamBlock *block = stream->blocks->pdata[0];
        if (block->state != BLOCK_DONE ||
            block->first + block->number + stream->qos->buffer > stream->delivered)
            return;
        g_ptr_array_remove_index(stream->blocks, 0);
    }
}

static void block_failed(Stream *stream, StreamBlock *block, const WireReply *reply)
{
    block->state = BLOCK_WAITING;
    block->n_failed++;
    g_free(stream->failure);
    stream->failure =
        g_strdup_printf("keys from %" G_GUINT64_FORMAT " on: %s", block->first, reply->text);
}

void stream_on_block_end(Federation *federation, Request *request)
{
    Stream *stream = stream_find(federation, request->session->session);
    StreamBlock *block = stream ? find_block(stream, request->session->first) : NULL;
    if (!block || stream->phase == STREAM_CLOSED)
        return;
    if (request->state == REQUEST_GRANTED) {
        block->state = BLOCK_DONE;
        block->attempt = request->attempt;
    } else {
        block_failed(stream, block, request->reply);
    }
    stream_review(federation, stream);
    handover_on_block(federation, stream);
}

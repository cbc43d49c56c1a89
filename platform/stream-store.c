// SPDX-License-Identifier: Apache-2.0
//
// Sessions as they survive the platform.

#include "platform/stream.h"

#include "topics/base/id.h"
#include "topics/record.h"

#include <string.h>

static GPtrArray *list_blocks(const Stream *stream)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < stream->blocks->len; i++) {
        const StreamBlock *block = stream->blocks->pdata[i];
        Platform__State__SessionBlock *state = g_new(Platform__State__SessionBlock, 1);
        *state = (Platform__State__SessionBlock)PLATFORM__STATE__SESSION_BLOCK__INIT;
        state->first = block->first;
        state->number = block->number;
        state->n_failed = block->n_failed;
        state->state = (Platform__State__BlockState)block->state;
        state->attempt = block->attempt;
        g_ptr_array_add(list, state);
    }
    return list;
}

// What the parts point at stays with the session.
static GPtrArray *list_legs(const Stream *stream)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < stream->legs->len; i++) {
        const StreamLeg *leg = stream->legs->pdata[i];
        Platform__State__SessionLeg *state = g_new(Platform__State__SessionLeg, 1);
        *state = (Platform__State__SessionLeg)PLATFORM__STATE__SESSION_LEG__INIT;
        state->agent = leg->agent;
        state->leg = leg->wire;
        state->is_answered = leg->is_answered;
        state->is_recovering = leg->is_recovering;
        g_ptr_array_add(list, state);
    }
    return list;
}

static GPtrArray *list_ways(const Stream *stream)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        Platform__State__SessionWay *state = g_new(Platform__State__SessionWay, 1);
        *state = (Platform__State__SessionWay)PLATFORM__STATE__SESSION_WAY__INIT;
        state->target = way->target;
        state->n_links = g_strv_length(way->links);
        state->links = way->links;
        state->n_providers = g_strv_length(way->providers);
        state->providers = way->providers;
        state->is_spare = way->is_spare;
        state->buyer = way->buyer;
        g_ptr_array_add(list, state);
    }
    return list;
}

void stream_save(Federation *federation, const Stream *stream)
{
    g_autoptr(GPtrArray) blocks = list_blocks(stream);
    g_autoptr(GPtrArray) legs = list_legs(stream);
    g_autoptr(GPtrArray) ways = list_ways(stream);
    Platform__State__Session state = PLATFORM__STATE__SESSION__INIT;
    state.open = stream->open;
    state.qos = stream->qos;
    state.phase = (Qkdnf__V1__SessionPhase)stream->phase;
    state.text = stream->text ? stream->text : (char *)"";
    state.failure = stream->failure ? stream->failure : (char *)"";
    state.opened_at_us = (guint64)stream->opened_at_us;
    state.stage_ends_at_us = (guint64)stream->stage_ends_at_us;
    state.next = stream->next;
    state.delivered = stream->delivered;
    state.n_blocks = blocks->len;
    state.blocks = (Platform__State__SessionBlock **)blocks->pdata;
    state.n_legs = legs->len;
    state.legs = (Platform__State__SessionLeg **)legs->pdata;
    state.n_ways = ways->len;
    state.ways = (Platform__State__SessionWay **)ways->pdata;
    state.n_left_links = stream->left_links->len;
    state.left_links = (char **)stream->left_links->pdata;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "session", stream->id, value);
}

static char **take_texts(char **texts, gsize n_texts)
{
    g_autoptr(GStrvBuilder) taken = g_strv_builder_new();
    for (gsize i = 0; i < n_texts; i++)
        g_strv_builder_add(taken, texts[i]);
    return g_strv_builder_end(taken);
}

static void restore_parts(Federation *federation, Stream *stream,
                          const Platform__State__Session *state)
{
    for (gsize i = 0; i < state->n_blocks; i++) {
        const Platform__State__SessionBlock *from = state->blocks[i];
        StreamBlock *block = g_new0(StreamBlock, 1);
        *block = (StreamBlock){from->first, from->number, from->n_failed, (BlockState)from->state,
                               from->attempt};
        g_ptr_array_add(stream->blocks, block);
    }
    for (gsize i = 0; i < state->n_legs; i++) {
        StreamLeg *leg = stream_leg_new(state->legs[i]->agent, state->legs[i]->leg);
        leg->is_answered = state->legs[i]->is_answered;
        leg->is_recovering = state->legs[i]->is_recovering;
        g_ptr_array_add(stream->legs, leg);
    }
    for (gsize i = 0; i < state->n_ways; i++) {
        const Platform__State__SessionWay *from = state->ways[i];
        StreamWay *way =
            stream_way_new(from->target, take_texts(from->links, from->n_links),
                           take_texts(from->providers, from->n_providers), from->is_spare);
        way->buyer = from->buyer[0] ? g_strdup(from->buyer) : NULL;
        stream_add_way(federation, stream, way);
    }
    for (gsize i = 0; i < state->n_left_links; i++)
        stream_leave_link(federation, stream, state->left_links[i]);
}

static void restore(Federation *federation, const Platform__State__Session *state)
{
    Stream *stream = stream_new(federation, state->open, state->qos);
    stream->phase = (StreamPhase)state->phase;
    stream->text = g_strdup(state->text);
    stream->failure = state->failure[0] ? g_strdup(state->failure) : NULL;
    stream->opened_at_us = (gint64)state->opened_at_us;
    stream->stage_ends_at_us = (gint64)state->stage_ends_at_us;
    stream->next = state->next;
    stream->delivered = state->delivered;
    restore_parts(federation, stream, state);
    stream_resume(federation, stream);
}

// Under the ID that it has itself, so that no two records can be of one session.
static gboolean is_whole(const Platform__State__Session *state, const char *id)
{
    gboolean is = state && state->open && state->qos && state->open->n_targets > 0 &&
                  strcmp(state->open->session, id) == 0;
    for (gsize i = 0; is && i < state->n_legs; i++)
        is = state->legs[i]->leg && id_is_valid(state->legs[i]->agent);
    for (gsize i = 0; is && i < state->n_ways; i++)
        is = state->ways[i]->target < state->open->n_targets;
    return is;
}

static void load_stream(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Platform__State__Session *state = record_unpack(&platform__state__session__descriptor, value);
    if (is_whole(state, id))
        restore(federation, state);
    else
        record_fail(loading, "session", id, "is damaged");
    wire_free(state);
}

gboolean stream_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "session", load_stream, federation, error);
}

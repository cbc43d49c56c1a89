// SPDX-License-Identifier: Apache-2.0
//
// Handovers as they survive the platform.

#include "platform/handover.h"
#include "platform/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/record.h"

static void move_state_free(gpointer data)
{
    Platform__State__Move *state = data;
    for (gsize i = 0; i < state->n_copies; i++)
        g_free(state->copies[i]);
    g_free(state->copies);
    g_free(state);
}

// What the moves point at stays with them.
static GPtrArray *list_moves(const Handover *handover)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(move_state_free);
    for (guint i = 0; i < handover->moves->len; i++) {
        const HandoverMove *move = handover->moves->pdata[i];
        Platform__State__Move *state = g_new(Platform__State__Move, 1);
        *state = (Platform__State__Move)PLATFORM__STATE__MOVE__INIT;
        state->session = move->session;
        state->agent = move->agent;
        state->leg = move->leg;
        state->is_answered = move->is_answered;
        state->frozen = move->frozen;
        state->n_copies = move->copies->len;
        state->copies = g_new(Platform__State__Copy *, move->copies->len + 1);
        for (guint j = 0; j < move->copies->len; j++) {
            const HandoverCopy *copy = &g_array_index(move->copies, HandoverCopy, j);
            state->copies[j] = g_new(Platform__State__Copy, 1);
            *state->copies[j] = (Platform__State__Copy)PLATFORM__STATE__COPY__INIT;
            state->copies[j]->first = copy->first;
            state->copies[j]->n_failed = copy->n_failed;
            state->copies[j]->is_done = copy->is_done;
        }
        g_ptr_array_add(list, state);
    }
    return list;
}

void handover_save(Federation *federation, const Handover *handover)
{
    Platform__State__Handover state = PLATFORM__STATE__HANDOVER__INIT;
    state.sender = handover->sender;
    state.sae = handover->sae;
    state.phase = handover->phase;
    state.status = handover->status;
    state.text = handover->text ? handover->text : (char *)"";
    state.provider = handover->provider->id;
    state.node = handover->node;
    state.old_provider = handover->old_provider->id;
    state.old_node = handover->old_node;
    state.is_by_operator = handover->is_by_operator;
    state.has_called = handover->has_called;
    state.asked_at_us = (guint64)handover->asked_at_us;
    state.deadline_us = (guint64)handover->deadline_us;
    state.forget_at_us = (guint64)handover->forget_at_us;
    state.is_freezing = handover->is_freezing;
    state.is_forced = handover->is_forced;
    g_autoptr(GPtrArray) moves = list_moves(handover);
    state.n_moves = moves->len;
    state.moves = (Platform__State__Move **)moves->pdata;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "handover", handover->id, value);
}

static void take_move(Handover *handover, const Platform__State__Move *state)
{
    HandoverMove *move = handover_move_new(state->session, state->agent, state->leg);
    move->is_answered = state->is_answered;
    move->frozen = state->frozen ? message_copy(&state->frozen->base) : NULL;
    for (gsize i = 0; i < state->n_copies; i++) {
        HandoverCopy copy = {.first = state->copies[i]->first,
                             .n_failed = state->copies[i]->n_failed,
                             .is_done = state->copies[i]->is_done};
        g_array_append_val(move->copies, copy);
    }
    g_ptr_array_add(handover->moves, move);
}

// Of providers that are no members any more nothing is left to be done.
static void restore(Federation *federation, const char *id, const Platform__State__Handover *state)
{
    Provider *provider = topology_find(federation->topology, state->provider);
    Provider *old_provider = topology_find(federation->topology, state->old_provider);
    if (!provider || !old_provider || state->phase >= N_HANDOVER_PHASES) {
        federation_drop_later(federation, "handover", id);
        return;
    }
    Handover *handover = handover_new(federation, id, state->sender, state->sae);
    handover->phase = state->phase;
    handover->status = (Status)state->status;
    handover->text = g_strdup(state->text);
    handover->provider = provider;
    handover->node = g_strdup(state->node);
    handover->old_provider = old_provider;
    handover->old_node = g_strdup(state->old_node);
    handover->is_by_operator = state->is_by_operator;
    handover->has_called = state->has_called;
    handover->asked_at_us = (gint64)state->asked_at_us;
    handover->deadline_us = (gint64)state->deadline_us;
    handover->forget_at_us = (gint64)state->forget_at_us;
    handover->is_freezing = state->is_freezing;
    handover->is_forced = state->is_forced;
    for (gsize i = 0; i < state->n_moves; i++)
        take_move(handover, state->moves[i]);
    timers_arm(federation->timers, TIMER_MOVE, id, federation->now);
    timers_arm(federation->timers, TIMER_HANDOVER, id,
               handover_is_over(handover) ? handover->forget_at_us : federation->now);
}

// The federation starts some itself: nobody has asked for them.
static gboolean is_whole(const Platform__State__Handover *state)
{
    gboolean is = state && (!state->sender[0] || id_is_valid(state->sender));
    for (gsize i = 0; is && i < state->n_moves; i++)
        is = state->moves[i]->leg && id_is_valid(state->moves[i]->agent);
    return is;
}

static void load_handover(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Platform__State__Handover *state = record_unpack(&platform__state__handover__descriptor, value);
    if (is_whole(state))
        restore(federation, id, state);
    else
        record_fail(loading, "handover", id, "is damaged");
    wire_free(state);
}

gboolean handover_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "handover", load_handover, federation, error);
}

// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/call.h"

#include "agents/federation/visitor.h"

void service_call_free(gpointer data)
{
    Call *call = data;
    g_free(call->caller);
    g_free(call->waits_for);
    g_free(call->initiator);
    g_strfreev(call->key_ids);
    wire_free(call->wire);
    asked_free(call->asked);
    g_free(call);
}

Call *call_new(Agent *agent, guint64 number, CallType type, const char *caller)
{
    Call *call = g_new0(Call, 1);
    call->number = number;
    call->type = type;
    call->caller = g_strdup(caller);
    call->repeat_us = CALL_REPEAT_US;
    g_hash_table_insert(agent->calls, &call->number, call);
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    timers_arm(agent->timers, TIMER_CALL, id,
               agent->now + (gint64)agent->config->request_timeout_ms * G_TIME_SPAN_MILLISECOND);
    return call;
}

static void call_stop_waiting(Agent *agent, Call *call)
{
    GPtrArray *waiting =
        call->waits_for ? g_hash_table_lookup(agent->waiting, call->waits_for) : NULL;
    if (!waiting)
        return;
    g_ptr_array_remove(waiting, call);
    if (waiting->len == 0)
        g_hash_table_remove(agent->waiting, call->waits_for);
    g_clear_pointer(&call->waits_for, g_free);
}

void call_wait_for(Agent *agent, Call *call, const char *what)
{
    if (g_strcmp0(call->waits_for, what) == 0)
        return;
    call_stop_waiting(agent, call);
    call->waits_for = g_strdup(what);
    GPtrArray *waiting = g_hash_table_lookup(agent->waiting, what);
    if (!waiting) {
        waiting = g_ptr_array_new();
        g_hash_table_insert(agent->waiting, g_strdup(what), waiting);
    }
    g_ptr_array_add(waiting, call);
}

GArray *call_list_waiting(Agent *agent, const char *what)
{
    const GPtrArray *waiting = g_hash_table_lookup(agent->waiting, what);
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint i = 0; waiting && i < waiting->len; i++)
        g_array_append_val(numbers, ((Call *)waiting->pdata[i])->number);
    return numbers;
}

Call *call_find_requester(Agent *agent, const char *request)
{
    const GPtrArray *waiting = g_hash_table_lookup(agent->waiting, request);
    for (guint i = 0; waiting && i < waiting->len; i++) {
        Call *call = waiting->pdata[i];
        if (call->type == CALL_GET)
            return call;
    }
    return NULL;
}

void call_remove(Agent *agent, Call *call)
{
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, call->number);
    timers_disarm(agent->timers, TIMER_CALL, id);
    if (call->type == CALL_GET)
        timers_disarm(agent->timers, TIMER_REQUEST, call->waits_for);
    call_stop_waiting(agent, call);
    g_hash_table_remove(agent->calls, &call->number);
}

void call_answer(Agent *agent, guint64 number, const KeyAnswer *what)
{
    agent->n_calls[what->verdict]++;
    agent->n_keys_delivered += what->keys ? what->keys->len : 0;
    agent->answer(agent->answer_data, number, what);
}

void call_refuse_number(Agent *agent, guint64 number, KeyVerdict verdict, const char *message,
                        const char *detail)
{
    call_answer(agent, number,
                &(KeyAnswer){.verdict = verdict, .message = message, .detail = detail});
}

void call_refuse(Agent *agent, Call *call, KeyVerdict verdict, const char *message,
                 const char *detail)
{
    guint64 number = call->number;
    call_remove(agent, call);
    call_refuse_number(agent, number, verdict, message, detail);
}

void call_deliver(Agent *agent, Call *call, const GPtrArray *keys)
{
    guint64 number = call->number;
    call_remove(agent, call);
    call_answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .keys = keys});
}

void agent_set_key_answer(Agent *agent, KeyAnswerFn fn, gpointer data)
{
    agent->answer = fn;
    agent->answer_data = data;
}

void agent_cancel_call(Agent *agent, guint64 number)
{
    Call *call = g_hash_table_lookup(agent->calls, &number);
    if (call)
        call_remove(agent, call);
}

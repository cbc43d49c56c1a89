// SPDX-License-Identifier: Apache-2.0
//
// Get key out of a session: the initiator is given its keys in their order, the targets by ID. What
// cannot be handed out now waits for the leg: for more keys, or for the platform's word.

#include "agents/federation/call.h"
#include "agents/federation/leg.h"

#include <string.h>

#define TEXT_ELSEWHERE "NOT_ALLOWED: this application is served elsewhere now"
#define TEXT_ENDED     "NOT_ALLOWED: the session was closed, or is served elsewhere now"

// A session has its own paths, and more than one request.
static gboolean is_plain(const KeyQuery *query)
{
    return query->n_paths <= 1 && (!query->exclude || !query->exclude[0]) && !query->request;
}

// The leg that is asked for, or else the oldest that fits.
static Leg *find_leg(const Agent *agent, const KeyQuery *query)
{
    if (!is_plain(query))
        return NULL;
    KeyAudience audience = {query->caller.sae, (char **)query->targets,
                            g_strv_length((char **)query->targets)};
    if (!query->session)
        return leg_find_for(agent, &audience, query->number, query->size_bits);
    Leg *leg = leg_find(agent, query->session, query->caller.sae);
    g_autofree char *pair = key_audience_name(&audience, query->size_bits / 8);
    gboolean fits = leg && g_strcmp0(leg->pair, pair) == 0 && query->number <= leg_n_most(leg);
    return fits ? leg : NULL;
}

static gboolean is_waited_for(const Agent *agent, const Leg *leg)
{
    g_autofree char *name = leg_wait_name(leg->name);
    return g_hash_table_contains(agent->waiting, name);
}

static void get_from(Agent *agent, Leg *leg, guint64 number, const KeyQuery *query)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(delivered_key_free);
    // Who waits already comes first.
    if (!is_waited_for(agent, leg) && leg_take(agent, leg, query->number, keys)) {
        call_answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .keys = keys});
        return;
    }
    Call *call = call_new(agent, number, CALL_GET_SESSION, query->caller.sae);
    call->n_keys = query->number;
    g_autofree char *name = leg_wait_name(leg->name);
    call_wait_for(agent, call, name);
    if (leg->told->phase == LEG_PHASE(SERVE))
        leg_urge(agent, leg);
}

gboolean session_get_keys(Agent *agent, guint64 number, const KeyQuery *query)
{
    Leg *leg = find_leg(agent, query);
    if (leg)
        get_from(agent, leg, number, query);
    else if (query->session)
        call_refuse_number(agent, number, KEY_VERDICT_BAD_REQUEST, TEXT_NOT_MET,
                           "qkdnf_session: no session of these applications here that has so many "
                           "keys of this size");
    return leg || query->session;
}

// What is not here may still come, to here or to where the application is served then.
static KeyLookup look_for_held(const Agent *agent, const Call *call, char **ret_wait)
{
    const Leg *leg = leg_find_held(agent, call->caller, call->initiator);
    if (!leg)
        return KEY_MISSING;
    *ret_wait = leg_wait_name(leg->name);
    return KEY_WAITING;
}

KeyLookup session_look_up(const Agent *agent, const Call *call, const char *key_id, char **ret_wait)
{
    KeyLookup found = keystore_look_up(agent->keys, key_id, call->initiator, call->caller);
    if (found == KEY_NOT_YOURS)
        return found;
    if (found == KEY_MISSING)
        return look_for_held(agent, call, ret_wait);
    guint64 number = 0;
    const char *session = keystore_session_of(agent->keys, key_id, call->caller, &number);
    const Leg *leg = session ? leg_find(agent, session, call->caller) : NULL;
    LegVerdict verdict = session ? leg_verdict(leg, number) : LEG_ALLOWS;
    if (verdict == LEG_DENIES)
        return KEY_MISSING;
    if (verdict == LEG_HOLDS) {
        g_autofree char *end = keystore_end_name(session, call->caller);
        *ret_wait = leg_wait_name(end);
        return KEY_WAITING;
    }
    if (found == KEY_WAITING)
        *ret_wait = g_strdup(keystore_request_of(agent->keys, key_id, call->caller));
    return found;
}

void session_take_by_id(Agent *agent, const Call *call, const char *key_id, GPtrArray *ret_keys)
{
    guint64 number = 0;
    const char *session = keystore_session_of(agent->keys, key_id, call->caller, &number);
    Leg *leg = session ? leg_find(agent, session, call->caller) : NULL;
    keystore_take_by_id(agent->keys, key_id, call->caller, ret_keys);
    if (leg)
        leg_spend(agent, leg, number);
}

// FALSE when it waits on.
static gboolean try_session(Agent *agent, Call *call, Leg *leg)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(delivered_key_free);
    if (leg->told->phase == LEG_PHASE(DRAIN))
        call_refuse(agent, call, KEY_VERDICT_UNAVAILABLE, TEXT_ENDED, NULL);
    else if (leg_take(agent, leg, call->n_keys, keys))
        call_deliver(agent, call, keys);
    else
        return FALSE;
    return TRUE;
}

void service_on_leg(Agent *agent, Leg *leg)
{
    g_autofree char *name = leg_wait_name(leg->name);
    g_autoptr(GArray) numbers = call_list_waiting(agent, name);
    gboolean is_blocked = FALSE;
    for (guint i = 0; i < numbers->len; i++) {
        Call *call = g_hash_table_lookup(agent->calls, &g_array_index(numbers, guint64, i));
        if (!call)
            continue;
        if (leg->told->phase == LEG_PHASE(END))
            call_refuse(agent, call, KEY_VERDICT_UNAVAILABLE, TEXT_ENDED, NULL);
        else if (call->type == CALL_GET_BY_ID)
            service_try_key_ids(agent, call);
        else if (!is_blocked)
            is_blocked = !try_session(agent, call, leg);
    }
    if (is_blocked && leg->told->phase == LEG_PHASE(SERVE))
        leg_urge(agent, leg);
}

const char *session_timeout_text(const Agent *agent, const Call *call)
{
    if (!g_str_has_prefix(call->waits_for, LEG_WAIT))
        return NULL;
    const Leg *leg = g_tree_lookup(agent->legs->legs, call->waits_for + strlen(LEG_WAIT));
    if (leg && leg->told->phase == LEG_PHASE(FREEZE))
        return TEXT_ELSEWHERE;
    return leg && leg->told->phase == LEG_PHASE(SERVE)
               ? "INSUFFICIENT_KEY: the next key of the session did not come in time"
               : "EXPIRED: the session was not taken over here in time";
}

guint session_n_ready(const Agent *agent, const KeyAudience *audience, guint size_bits)
{
    const Leg *leg = leg_find_for(agent, audience, 1, size_bits);
    return leg ? leg_n_ready(agent, leg) : 0;
}

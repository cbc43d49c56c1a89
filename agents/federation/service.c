// SPDX-License-Identifier: Apache-2.0
//
// What users of this provider ask of its key management entity: served from the key store, or
// turned into a federation key request on the caller's behalf. Every call is answered once, at the
// latest when its time is up.

#include "agents/federation/leg.h"
#include "agents/federation/visitor.h"

#include <string.h>

// --- Get key -------------------------------------------------------------------------------------

static gboolean is_pool_good_enough(const KeyQuery *query)
{
    return query->n_paths <= 1 && (!query->exclude || !query->exclude[0]);
}

static gboolean serve_from_pool(Agent *agent, guint64 number, const KeyQuery *query)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(delivered_key_free);
    KeyAudience audience = {query->caller.sae, (char **)query->targets,
                            g_strv_length((char **)query->targets)};
    if (!is_pool_good_enough(query) ||
        !keystore_take(agent->keys, &audience, query->size_bits / 8, query->number, keys))
        return FALSE;
    call_answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .keys = keys});
    return TRUE;
}

static void send_request(Agent *agent, Call *call)
{
    agent_send(agent, KIND_REQUEST, agent->config->platform, &call->wire->base);
    timers_arm(agent->timers, TIMER_REQUEST, call->waits_for, agent->now + call->repeat_us);
    call->repeat_us *= 2;
}

static void request_keys(Agent *agent, guint64 number, const KeyQuery *query)
{
    g_autofree char *why = membership_explain(agent);
    if (why) {
        call_refuse_number(agent, number, KEY_VERDICT_UNAVAILABLE, why, NULL);
        return;
    }
    Call *call = call_new(agent, number, CALL_GET, query->caller.sae);
    char id[UUID_CHARS + 1];
    uuid_new(agent->random, id);
    call_wait_for(agent, call, id);
    WireRequest request = WIRE_REQUEST_INIT;
    request.id = id;
    request.initiator = (char *)query->caller.sae;
    request.targets = (char **)query->targets;
    request.n_targets = g_strv_length((char **)query->targets);
    request.number = query->number;
    request.size_bits = query->size_bits;
    request.paths = query->n_paths;
    request.exclude = (char **)query->exclude;
    request.n_exclude = query->exclude ? g_strv_length((char **)query->exclude) : 0;
    request.timeout_ms = (guint32)agent->config->request_timeout_ms;
    call->wire = message_copy(&request.base);
    send_request(agent, call);
}

// Takes what a call waits for, if it is there.
static void try_request(Agent *agent, Call *call)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(delivered_key_free);
    switch (keystore_take_request(agent->keys, call->waits_for, call->caller, keys)) {
    case KEY_FOUND:
        call_deliver(agent, call, keys);
        break;
    case KEY_WAITING:
        break;
    case KEY_MISSING:
        if (call->type == CALL_GET_REQUEST)
            call_refuse(agent, call, KEY_VERDICT_BAD_REQUEST, TEXT_NOT_FOUND, NULL);
        break;
    case KEY_NOT_YOURS:
        call_refuse(agent, call, KEY_VERDICT_UNAUTHORIZED, NULL, NULL);
        break;
    }
}

void agent_get_keys(Agent *agent, guint64 number, const KeyQuery *query, gint64 now_us)
{
    agent->now = now_us;
    Asked asked = {.type = CALL_GET, .query = *query};
    if (!door_pass(agent, number, &asked))
        return;
    leg_note_call(agent, query->caller.sae);
    if (query->request && !query->session) {
        Call *call = call_new(agent, number, CALL_GET_REQUEST, query->caller.sae);
        call_wait_for(agent, call, query->request);
        try_request(agent, call);
    } else if (!session_get_keys(agent, number, query) && !serve_from_pool(agent, number, query) &&
               door_pass_served(agent, number, &asked)) {
        request_keys(agent, number, query);
    }
}

// What the platform said is wrong with the request itself, and what with the federation now.
static void refuse_by_reply(Agent *agent, Call *call, const WireReply *reply)
{
    g_autofree char *why = g_strdup_printf("%s: %s", status_name(reply->status), reply->text);
    gboolean has_options = call->wire->paths > 1 || call->wire->n_exclude > 0;
    gboolean is_routing =
        reply->status == STATUS_NO_ROUTE || reply->status == STATUS_NO_DISJOINT_PATHS;
    if (is_routing && has_options)
        call_refuse(agent, call, KEY_VERDICT_BAD_REQUEST, TEXT_NOT_MET, why);
    else if (reply->status == STATUS_BAD_REQUEST || reply->status == STATUS_UNKNOWN_SAE ||
             reply->status == STATUS_UNKNOWN_MEMBER)
        call_refuse(agent, call, KEY_VERDICT_BAD_REQUEST, TEXT_BAD_REQUEST, why);
    else
        call_refuse(agent, call, KEY_VERDICT_UNAVAILABLE, why, NULL);
}

void service_on_reply(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireReply *reply = message;
    Call *call = call_find_requester(agent, reply->id);
    if (!call || call->is_granted)
        return;
    if (reply->status != STATUS_OK) {
        refuse_by_reply(agent, call, reply);
        return;
    }
    // The keys become deliverable with the release, which comes on its own.
    call->is_granted = TRUE;
    timers_disarm(agent->timers, TIMER_REQUEST, call->waits_for);
    try_request(agent, call);
}

// --- Get key with key IDs ------------------------------------------------------------------------

void service_try_key_ids(Agent *agent, Call *call)
{
    KeyLookup worst = KEY_FOUND;
    g_autofree char *waits_for = NULL;
    for (char **id = call->key_ids; *id; id++) {
        g_autofree char *wait = NULL;
        KeyLookup found = session_look_up(agent, call, *id, &wait);
        if (wait && !waits_for)
            waits_for = g_steal_pointer(&wait);
        worst = MAX(worst, found);
    }
    if (worst == KEY_WAITING) {
        call_wait_for(agent, call, waits_for);
        return;
    }
    if (worst == KEY_NOT_YOURS) {
        call_refuse(agent, call, KEY_VERDICT_UNAUTHORIZED, NULL, NULL);
        return;
    }
    if (worst == KEY_MISSING) {
        call_refuse(agent, call, KEY_VERDICT_BAD_REQUEST, TEXT_NOT_FOUND, NULL);
        return;
    }
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(delivered_key_free);
    for (char **id = call->key_ids; *id; id++)
        session_take_by_id(agent, call, *id, keys);
    call_deliver(agent, call, keys);
}

static gboolean has_duplicate(const char *const *texts)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (; *texts; texts++) {
        if (!g_hash_table_add(seen, (gpointer)*texts))
            return TRUE;
    }
    return FALSE;
}

void agent_get_keys_by_id(Agent *agent, guint64 number, const KeyCaller *caller,
                          const char *initiator, const char *const *key_ids, gint64 now_us)
{
    agent->now = now_us;
    Asked asked = {CALL_GET_BY_ID, {.caller = *caller}, initiator, key_ids};
    if (!door_pass(agent, number, &asked))
        return;
    if (has_duplicate(key_ids)) {
        call_refuse_number(agent, number, KEY_VERDICT_BAD_REQUEST, TEXT_BAD_REQUEST,
                           "a key ID is given twice");
        return;
    }
    leg_note_call(agent, caller->sae);
    Call *call = call_new(agent, number, CALL_GET_BY_ID, caller->sae);
    call->initiator = g_strdup(initiator);
    call->key_ids = g_strdupv((char **)key_ids);
    service_try_key_ids(agent, call);
}

// --- what happened meanwhile ---------------------------------------------------------------------

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void ask_again(Agent *agent, const char *what)
{
    Call *call = call_find_requester(agent, what);
    if (call && !call->is_granted) {
        call->repeat_us = CALL_REPEAT_US;
        send_request(agent, call);
    } else if (g_str_has_prefix(what, CALL_SAE_PREFIX)) {
        status_ask_again(agent, what + strlen(CALL_SAE_PREFIX));
    }
}

void service_ask_again(Agent *agent)
{
    g_autoptr(GList) all = g_hash_table_get_keys(agent->waiting);
    // What is sent must not depend on hashing.
    all = g_list_sort(all, compare_texts);
    for (GList *item = all; item; item = item->next)
        ask_again(agent, item->data);
}

void service_on_release(Agent *agent, const char *request)
{
    g_autoptr(GArray) numbers = call_list_waiting(agent, request);
    for (guint i = 0; i < numbers->len; i++) {
        Call *call = g_hash_table_lookup(agent->calls, &g_array_index(numbers, guint64, i));
        if (call && call->type == CALL_GET_BY_ID)
            service_try_key_ids(agent, call);
        else if (call)
            try_request(agent, call);
    }
}

static void call_time_out(Agent *agent, const char *id)
{
    guint64 number = g_ascii_strtoull(id, NULL, 10);
    Call *call = g_hash_table_lookup(agent->calls, &number);
    if (!call)
        return;
    const char *text = session_timeout_text(agent, call);
    call_refuse(agent, call, KEY_VERDICT_UNAVAILABLE,
                text ? text : "EXPIRED: the federation did not answer in time", NULL);
}

void service_on_timer(Agent *agent, TimerId timer, const char *id)
{
    Call *call = timer == TIMER_REQUEST ? call_find_requester(agent, id) : NULL;
    if (call)
        send_request(agent, call);
    else if (timer == TIMER_CALL)
        call_time_out(agent, id);
    else if (timer == TIMER_LOOKUP)
        status_ask_again(agent, id);
}

// SPDX-License-Identifier: Apache-2.0
//
// What users of this provider ask of its key management entity: served from the key store, or
// turned into a federation key request on the caller's behalf. Every call is answered once, at the
// latest when its time is up.

#include "agents/federation/core.h"

#include <string.h>

#define REPEAT_US    (500 * G_TIME_SPAN_MILLISECOND)
#define DIRECTORY_US (60 * G_TIME_SPAN_SECOND)
// Users choose what is looked up.
#define DIRECTORY_MAX 1024

// ETSI GS QKD 014 V1.1.1 fixes these texts.
#define TEXT_BAD_REQUEST "Bad request format."
#define TEXT_NOT_FOUND   "one or more keys specified are not found on KME"
#define TEXT_NOT_MET     "not all extension_mandatory request options could be met"

typedef enum { CALL_STATUS, CALL_GET, CALL_GET_REQUEST, CALL_GET_BY_ID } CallType;

typedef struct {
    guint64 number;
    CallType type;
    char *caller;
    char *waits_for;   // a request's ID, or for STATUS an SAE
    char *initiator;   // GET_BY_ID
    char **key_ids;    // GET_BY_ID
    WireRequest *wire; // GET: what was asked of the platform
    gboolean is_granted;
    gint64 repeat_us;
} Call;

void service_call_free(gpointer data)
{
    Call *call = data;
    g_free(call->caller);
    g_free(call->waits_for);
    g_free(call->initiator);
    g_strfreev(call->key_ids);
    wire_free(call->wire);
    g_free(call);
}

// Where an application is served, as the platform said.
typedef struct {
    char *kme_id;
    gint64 until_us;
} DirectoryEntry;

void service_directory_free(gpointer data)
{
    DirectoryEntry *entry = data;
    g_free(entry->kme_id);
    g_free(entry);
}

// --- calls ---------------------------------------------------------------------------------------

static Call *call_new(Agent *agent, guint64 number, CallType type, const char *caller)
{
    Call *call = g_new0(Call, 1);
    call->number = number;
    call->type = type;
    call->caller = g_strdup(caller);
    call->repeat_us = REPEAT_US;
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

static void call_wait_for(Agent *agent, Call *call, const char *what)
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

// The calls that wait for this, by number, since answering one may end others; to be freed.
static GArray *list_waiting(Agent *agent, const char *what)
{
    const GPtrArray *waiting = g_hash_table_lookup(agent->waiting, what);
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint i = 0; waiting && i < waiting->len; i++)
        g_array_append_val(numbers, ((Call *)waiting->pdata[i])->number);
    return numbers;
}

// The call that made a federation key request.
static Call *find_requester(Agent *agent, const char *request)
{
    const GPtrArray *waiting = g_hash_table_lookup(agent->waiting, request);
    for (guint i = 0; waiting && i < waiting->len; i++) {
        Call *call = waiting->pdata[i];
        if (call->type == CALL_GET)
            return call;
    }
    return NULL;
}

static void call_remove(Agent *agent, Call *call)
{
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, call->number);
    timers_disarm(agent->timers, TIMER_CALL, id);
    if (call->type == CALL_GET)
        timers_disarm(agent->timers, TIMER_REQUEST, call->waits_for);
    call_stop_waiting(agent, call);
    g_hash_table_remove(agent->calls, &call->number);
}

static void answer(Agent *agent, guint64 number, const KeyAnswer *what)
{
    agent->answer(agent->answer_data, number, what);
}

static void refuse(Agent *agent, guint64 number, KeyVerdict verdict, const char *message,
                   const char *detail)
{
    answer(agent, number, &(KeyAnswer){.verdict = verdict, .message = message, .detail = detail});
}

static void call_refuse(Agent *agent, Call *call, KeyVerdict verdict, const char *message,
                        const char *detail)
{
    guint64 number = call->number;
    call_remove(agent, call);
    refuse(agent, number, verdict, message, detail);
}

static void call_deliver(Agent *agent, Call *call, const GPtrArray *keys)
{
    guint64 number = call->number;
    call_remove(agent, call);
    answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .keys = keys});
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

static gboolean check_caller(Agent *agent, guint64 number, const char *caller)
{
    if (discovery_find_application(agent, caller))
        return TRUE;
    refuse(agent, number, KEY_VERDICT_UNAUTHORIZED, NULL, NULL);
    return FALSE;
}

// --- Get key -------------------------------------------------------------------------------------

static gboolean is_pool_good_enough(const KeyQuery *query)
{
    return query->n_paths <= 1 && (!query->exclude || !query->exclude[0]);
}

static gboolean serve_from_pool(Agent *agent, guint64 number, const KeyQuery *query)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(delivered_key_free);
    KeyAudience audience = {query->caller, (char **)query->targets,
                            g_strv_length((char **)query->targets)};
    if (!is_pool_good_enough(query) ||
        !keystore_take(agent->keys, &audience, query->size_bits / 8, query->number, keys))
        return FALSE;
    answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .keys = keys});
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
    Call *call = call_new(agent, number, CALL_GET, query->caller);
    char id[UUID_CHARS + 1];
    uuid_new(agent->random, id);
    call_wait_for(agent, call, id);
    WireRequest request = WIRE_REQUEST_INIT;
    request.id = id;
    request.initiator = (char *)query->caller;
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
    if (!check_caller(agent, number, query->caller))
        return;
    if (query->request) {
        Call *call = call_new(agent, number, CALL_GET_REQUEST, query->caller);
        call_wait_for(agent, call, query->request);
        try_request(agent, call);
    } else if (!serve_from_pool(agent, number, query)) {
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
    Call *call = find_requester(agent, reply->id);
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

static void try_key_ids(Agent *agent, Call *call)
{
    KeyLookup worst = KEY_FOUND;
    const char *waits_for = NULL;
    for (char **id = call->key_ids; *id; id++) {
        KeyLookup found = keystore_look_up(agent->keys, *id, call->initiator, call->caller);
        if (found == KEY_WAITING)
            waits_for = keystore_request_of(agent->keys, *id);
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
        keystore_take_by_id(agent->keys, *id, call->caller, keys);
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

void agent_get_keys_by_id(Agent *agent, guint64 number, const char *caller, const char *initiator,
                          const char *const *key_ids, gint64 now_us)
{
    agent->now = now_us;
    if (!check_caller(agent, number, caller))
        return;
    if (has_duplicate(key_ids)) {
        refuse(agent, number, KEY_VERDICT_BAD_REQUEST, TEXT_BAD_REQUEST, "a key ID is given twice");
        return;
    }
    Call *call = call_new(agent, number, CALL_GET_BY_ID, caller);
    call->initiator = g_strdup(initiator);
    call->key_ids = g_strdupv((char **)key_ids);
    try_key_ids(agent, call);
}

// --- Get status ----------------------------------------------------------------------------------

static void answer_status(Agent *agent, guint64 number, const char *caller, const char *target,
                          const char *kme_id)
{
    if (!kme_id) {
        refuse(agent, number, KEY_VERDICT_BAD_REQUEST, TEXT_BAD_REQUEST,
               "no such SAE can be reached");
        return;
    }
    KeyAudience audience = {caller, (char **)&target, 1};
    KeyStatus status = {
        .source_kme = agent->config->kme_id,
        .target_kme = kme_id,
        .initiator = caller,
        .target = target,
        .n_stored = keystore_count(agent->keys, &audience, agent->config->limits.key_size_bits / 8),
    };
    answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .status = &status});
}

static void send_lookup(Agent *agent, const char *sae)
{
    WireDiscover discover = WIRE_DISCOVER_INIT;
    discover.id = discover.sae = (char *)sae;
    agent_send(agent, KIND_DISCOVER, agent->config->platform, &discover.base);
    timers_arm(agent->timers, TIMER_LOOKUP, sae, agent->now + REPEAT_US);
}

void agent_key_status(Agent *agent, guint64 number, const char *caller, const char *target,
                      gint64 now_us)
{
    agent->now = now_us;
    if (!check_caller(agent, number, caller))
        return;
    const DirectoryEntry *entry = g_hash_table_lookup(agent->directory, target);
    if (discovery_find_application(agent, target)) {
        answer_status(agent, number, caller, target, agent->config->kme_id);
    } else if (entry && entry->until_us > now_us) {
        answer_status(agent, number, caller, target, entry->kme_id);
    } else {
        Call *call = call_new(agent, number, CALL_STATUS, caller);
        g_autofree char *what = g_strconcat("sae ", target, NULL);
        call_wait_for(agent, call, what);
        send_lookup(agent, target);
    }
}

static void answer_waiting(Agent *agent, const char *sae, const char *kme_id)
{
    g_autofree char *what = g_strconcat("sae ", sae, NULL);
    g_autoptr(GArray) numbers = list_waiting(agent, what);
    for (guint i = 0; i < numbers->len; i++) {
        guint64 number = g_array_index(numbers, guint64, i);
        Call *call = g_hash_table_lookup(agent->calls, &number);
        g_autofree char *caller = g_strdup(call->caller);
        call_remove(agent, call);
        answer_status(agent, number, caller, sae, kme_id);
    }
}

static gboolean is_outdated(gpointer sae, gpointer entry, gpointer now_us)
{
    return ((const DirectoryEntry *)entry)->until_us <= *(const gint64 *)now_us;
}

static void directory_put(Agent *agent, const char *sae, const char *kme_id)
{
    g_hash_table_foreach_remove(agent->directory, is_outdated, &agent->now);
    if (g_hash_table_size(agent->directory) >= DIRECTORY_MAX)
        return;
    DirectoryEntry *entry = g_new(DirectoryEntry, 1);
    *entry = (DirectoryEntry){g_strdup(kme_id), agent->now + DIRECTORY_US};
    g_hash_table_replace(agent->directory, g_strdup(sae), entry);
}

void service_on_services(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireServices *services = message;
    // The lookups of this agent carry the SAE as their ID.
    const char *sae = services->id, *kme_id = NULL;
    for (gsize i = 0; i < services->n_services; i++) {
        if (strcmp(services->services[i]->sae, sae) == 0)
            kme_id = services->services[i]->kme_id;
    }
    timers_disarm(agent->timers, TIMER_LOOKUP, sae);
    if (kme_id)
        directory_put(agent, sae, kme_id);
    answer_waiting(agent, sae, kme_id);
}

// --- what happened meanwhile ---------------------------------------------------------------------

void service_on_release(Agent *agent, const char *request)
{
    g_autoptr(GArray) numbers = list_waiting(agent, request);
    for (guint i = 0; i < numbers->len; i++) {
        Call *call = g_hash_table_lookup(agent->calls, &g_array_index(numbers, guint64, i));
        if (call && call->type == CALL_GET_BY_ID)
            try_key_ids(agent, call);
        else if (call)
            try_request(agent, call);
    }
}

static void call_time_out(Agent *agent, const char *id)
{
    guint64 number = g_ascii_strtoull(id, NULL, 10);
    Call *call = g_hash_table_lookup(agent->calls, &number);
    if (call)
        call_refuse(agent, call, KEY_VERDICT_UNAVAILABLE,
                    "EXPIRED: the federation did not answer in time", NULL);
}

static void ask_again(Agent *agent, const char *sae)
{
    g_autofree char *what = g_strconcat("sae ", sae, NULL);
    if (g_hash_table_contains(agent->waiting, what))
        send_lookup(agent, sae);
}

void service_on_timer(Agent *agent, TimerId timer, const char *id)
{
    Call *call = timer == TIMER_REQUEST ? find_requester(agent, id) : NULL;
    if (call)
        send_request(agent, call);
    else if (timer == TIMER_CALL)
        call_time_out(agent, id);
    else if (timer == TIMER_LOOKUP)
        ask_again(agent, id);
}

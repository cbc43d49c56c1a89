// SPDX-License-Identifier: Apache-2.0
//
// Get status: how many keys there are for a pair, and which key management entity serves the other
// end, as the platform says.

#include "agents/federation/leg.h"
#include "agents/federation/visitor.h"

#include <string.h>

#define DIRECTORY_US (60 * G_TIME_SPAN_SECOND)
// Users choose what is looked up.
#define DIRECTORY_MAX 1024

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

static void answer_status(Agent *agent, guint64 number, const char *caller, const char *target,
                          const char *kme_id)
{
    if (!kme_id) {
        call_refuse_number(agent, number, KEY_VERDICT_BAD_REQUEST, TEXT_BAD_REQUEST,
                           "no such SAE can be reached");
        return;
    }
    KeyAudience audience = {caller, (char **)&target, 1};
    guint size_bits = (guint)agent->config->limits.key_size_bits;
    KeyStatus status = {
        .source_kme = agent->config->kme_id,
        .target_kme = kme_id,
        .initiator = caller,
        .target = target,
        .n_stored = keystore_count(agent->keys, &audience, size_bits / 8) +
                    session_n_ready(agent, &audience, size_bits),
    };
    call_answer(agent, number, &(KeyAnswer){.verdict = KEY_VERDICT_OK, .status = &status});
}

static void send_lookup(Agent *agent, const char *sae)
{
    WireDiscover discover = WIRE_DISCOVER_INIT;
    discover.id = discover.sae = (char *)sae;
    agent_send(agent, KIND_DISCOVER, agent->config->platform, &discover.base);
    timers_arm(agent->timers, TIMER_LOOKUP, sae, agent->now + CALL_REPEAT_US);
}

void agent_key_status(Agent *agent, guint64 number, const KeyCaller *caller, const char *target,
                      gint64 now_us)
{
    agent->now = now_us;
    Asked asked = {.type = CALL_STATUS, .query = {.caller = *caller}, .peer = target};
    if (!door_pass(agent, number, &asked))
        return;
    leg_note_call(agent, caller->sae);
    const DirectoryEntry *entry = g_hash_table_lookup(agent->directory, target);
    if (visitor_is_served(agent, target)) {
        answer_status(agent, number, caller->sae, target, agent->config->kme_id);
    } else if (entry && entry->until_us > now_us) {
        answer_status(agent, number, caller->sae, target, entry->kme_id);
    } else {
        Call *call = call_new(agent, number, CALL_STATUS, caller->sae);
        g_autofree char *what = g_strconcat(CALL_SAE_PREFIX, target, NULL);
        call_wait_for(agent, call, what);
        send_lookup(agent, target);
    }
}

static void answer_waiting(Agent *agent, const char *sae, const char *kme_id)
{
    g_autofree char *what = g_strconcat(CALL_SAE_PREFIX, sae, NULL);
    g_autoptr(GArray) numbers = call_list_waiting(agent, what);
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

void status_ask_again(Agent *agent, const char *sae)
{
    g_autofree char *what = g_strconcat(CALL_SAE_PREFIX, sae, NULL);
    if (g_hash_table_contains(agent->waiting, what))
        send_lookup(agent, sae);
}

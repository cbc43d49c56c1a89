// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/assent.h"
#include "agents/federation/state.pb-c.h"
#include "topics/record.h"

// What the platform and operators can have this provider remember.
#define KEPT_MAX 65536

void assent_free(gpointer data)
{
    Assent *agreement = data;
    g_free(agreement->id);
    wire_free(agreement->wire);
    wire_free(agreement->said);
    wire_free(agreement->agreed);
    g_free(agreement);
}

Assent *assent_find(const Agent *agent, const char *id)
{
    return g_tree_lookup(agent->agreements, id);
}

Assent *assent_new(Agent *agent, const char *id)
{
    Assent *agreement = g_new0(Assent, 1);
    agreement->id = g_strdup(id);
    agreement->repeat_us = ASSENT_REPEAT_US;
    g_tree_insert(agent->agreements, agreement->id, agreement);
    return agreement;
}

void assent_save(Agent *agent, const Assent *agreement)
{
    Agent__State__Agreement state = AGENT__STATE__AGREEMENT__INIT;
    state.agreement = agreement->wire;
    state.agreed = agreement->agreed;
    state.said = agreement->said;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "agreement", agreement->id, value);
}

void assent_drop(Agent *agent, Assent *agreement)
{
    timers_disarm(agent->timers, TIMER_ASSENT, agreement->id);
    store_delete_text(agent->store, "agreement", agreement->id);
    g_tree_remove(agent->agreements, agreement->id);
}

gboolean assent_is_full(const Agent *agent)
{
    return g_tree_nnodes(agent->agreements) >= KEPT_MAX;
}

static void load_agreement(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *id = record_name(key);
    Agent__State__Agreement *state = record_unpack(&agent__state__agreement__descriptor, value);
    if (state && state->agreement && state->agreement->terms) {
        Assent *agreement = assent_new(agent, id);
        agreement->wire = g_steal_pointer(&state->agreement);
        agreement->agreed = g_steal_pointer(&state->agreed);
        agreement->said = g_steal_pointer(&state->said);
        timers_arm(agent->timers, TIMER_ASSENT, id, agent->now);
    } else {
        record_fail(loading, "agreement", id, "is damaged");
    }
    wire_free(state);
}

gboolean assent_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "agreement", load_agreement, agent, error);
}

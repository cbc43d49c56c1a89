// SPDX-License-Identifier: Apache-2.0
//
// Legs in the store.

#include "agents/federation/leg.h"
#include "topics/record.h"
#include "agents/federation/state.pb-c.h"

#include <string.h>

void leg_save(Agent *agent, const Leg *leg)
{
    Agent__State__Leg state = AGENT__STATE__LEG__INIT;
    state.told = leg->told;
    state.since_us = (guint64)leg->since_us;
    state.forget_at_us = (guint64)leg->forget_at_us;
    g_autofree WireSequenceRange **spent = sequence_set_pack(leg->spent, G_MAXUINT, &state.n_spent);
    state.spent = spent;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "leg", leg->name, value);
}

static gboolean is_whole(const Agent__State__Leg *state, const char *name)
{
    if (!state || !state->told)
        return FALSE;
    g_autofree char *expected = keystore_end_name(state->told->session, state->told->sae);
    return strcmp(name, expected) == 0;
}

// A leg that was forgotten could hand out again what was handed out.
static void load_leg(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *name = record_name(key);
    Agent__State__Leg *state = record_unpack(&agent__state__leg__descriptor, value);
    if (is_whole(state, name)) {
        Leg *leg = leg_insert(agent, name, state->told, (gint64)state->since_us);
        sequence_set_add_ranges(leg->spent, state->spent, state->n_spent);
        leg->forget_at_us = (gint64)state->forget_at_us;
        if (leg->forget_at_us > 0)
            timers_arm(agent->timers, TIMER_LEG, leg->name, leg->forget_at_us);
        leg_index(agent, leg);
    } else {
        record_fail(loading, "session leg", name, "is damaged");
    }
    wire_free(state);
}

gboolean leg_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "leg", load_leg, agent, error);
}

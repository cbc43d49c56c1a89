// SPDX-License-Identifier: Apache-2.0
//
// What the platform hears of legs: at most one LegState for each in a pass, at its end.

#include "agents/federation/leg.h"

#define REPEAT_US     (500 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_MAX_US (8 * G_TIME_SPAN_SECOND)

// So many legs are reported at a heartbeat, and the next ones at the next.
#define BEAT_MAX 1000

// A LegState stays within the size of its kind.
#define LEFT_RANGES_MAX 2000

void leg_refuse(Agent *agent, const WireLeg *told, Status status, const char *text)
{
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = told->session;
    state.sae = told->sae;
    state.version = told->version;
    state.phase = LEG_PHASE(END);
    state.status = status;
    state.text = (char *)text;
    agent_send(agent, KIND_LEG_STATE, agent->config->platform, &state.base);
}

static void leg_report(Agent *agent, Leg *leg)
{
    const WireLeg *told = leg->told;
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = told->session;
    state.sae = told->sae;
    state.version = told->version;
    state.phase = told->phase;
    state.status = STATUS_OK;
    state.n_stored = keystore_end_n_stored(agent->keys, leg->name);
    state.is_wanted = leg->is_wanted;
    if (leg_is_initiator(leg))
        state.delivered = sequence_set_next_missing(leg->spent, 0);
    g_autofree WireSequenceRange **ranges = NULL;
    if (told->phase == LEG_PHASE(FREEZE)) {
        g_autoptr(SequenceSet) left = leg_list_left(agent, leg);
        ranges = sequence_set_pack(left, LEFT_RANGES_MAX, &state.n_left);
        state.left = ranges;
    }
    agent_send(agent, KIND_LEG_STATE, agent->config->platform, &state.base);
    leg->n_unreported = 0;
}

void leg_owe(Agent *agent, Leg *leg)
{
    if (leg->owes_state)
        return;
    leg->owes_state = TRUE;
    g_ptr_array_add(agent->legs->owing, leg);
}

void leg_forget_owing(Agent *agent, const Leg *leg)
{
    g_ptr_array_remove(agent->legs->owing, (gpointer)leg);
}

void leg_pump(Agent *agent)
{
    GPtrArray *owing = agent->legs->owing;
    for (guint i = 0; i < owing->len; i++) {
        Leg *leg = owing->pdata[i];
        leg->owes_state = FALSE;
        leg_report(agent, leg);
    }
    g_ptr_array_set_size(owing, 0);
}

void leg_count_handed_out(Agent *agent, Leg *leg, guint number)
{
    leg->n_unreported += number;
    if (leg->told->report_every > 0 && leg->n_unreported >= leg->told->report_every)
        leg_owe(agent, leg);
}

// --- while somebody waits ------------------------------------------------------------------------

static gboolean is_urgent(const Agent *agent, const Leg *leg)
{
    g_autofree char *name = leg_wait_name(leg->name);
    return leg->told->phase == LEG_PHASE(SERVE) ? g_hash_table_contains(agent->waiting, name)
                                                : leg->is_wanted;
}

static void say_and_repeat(Agent *agent, Leg *leg)
{
    leg_owe(agent, leg);
    timers_arm(agent->timers, TIMER_LEG, leg->name, agent->now + leg->repeat_us);
}

void leg_urge(Agent *agent, Leg *leg)
{
    if (leg->repeat_us > 0)
        return;
    leg->repeat_us = REPEAT_US;
    say_and_repeat(agent, leg);
}

void leg_repeat(Agent *agent, Leg *leg)
{
    if (!is_urgent(agent, leg)) {
        leg->repeat_us = 0;
        return;
    }
    leg->repeat_us = MIN(2 * leg->repeat_us, REPEAT_MAX_US);
    say_and_repeat(agent, leg);
}

void leg_stop_urging(Agent *agent, Leg *leg)
{
    leg->repeat_us = 0;
    timers_disarm(agent->timers, TIMER_LEG, leg->name);
}

static gboolean ask_again(gpointer name, gpointer value, gpointer agent)
{
    Leg *leg = value;
    if (leg->repeat_us > 0) {
        leg_stop_urging(agent, leg);
        leg_urge(agent, leg);
    }
    return FALSE;
}

void leg_ask_again(Agent *agent)
{
    g_tree_foreach(agent->legs->legs, ask_again, agent);
}

// --- heartbeat -----------------------------------------------------------------------------------

void leg_heartbeat(Agent *agent)
{
    LegTable *table = agent->legs;
    GTreeNode *node =
        table->beat ? g_tree_upper_bound(table->legs, table->beat) : g_tree_node_first(table->legs);
    g_clear_pointer(&table->beat, g_free);
    for (guint n = 0; node && !table->beat; node = g_tree_node_next(node)) {
        Leg *leg = g_tree_node_value(node);
        // One that has ended owes nothing; of any other the platform may know better.
        if (leg->told->phase == LEG_PHASE(END))
            continue;
        leg_owe(agent, leg);
        if (++n == BEAT_MAX)
            table->beat = g_strdup(leg->name);
    }
}

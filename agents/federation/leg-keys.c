// SPDX-License-Identifier: Apache-2.0
//
// Which keys of a session may be handed out at this end, and which must not any more.

#include "agents/federation/leg.h"

// More gaps than this in what a target has fetched are closed, the oldest first.
#define SPENT_RANGES_MAX 1024

LegVerdict leg_verdict(const Leg *leg, guint64 number)
{
    if (!leg)
        return LEG_HOLDS;
    switch (leg->told->phase) {
    case LEG_PHASE(SERVE):
    case LEG_PHASE(DRAIN):
        return sequence_set_has(leg->spent, number) ? LEG_DENIES : LEG_ALLOWS;
    case LEG_PHASE(PREPARE):
    case LEG_PHASE(FREEZE):
        return LEG_HOLDS;
    case LEG_PHASE(END):
    case LEG_PHASE(UNSPECIFIED):
    case _QKDNF__V1__LEG_PHASE_IS_INT_SIZE:
        break;
    }
    return LEG_DENIES;
}

// The next number to be handed out after `from`, if its key is here.
static gboolean find_next(const Agent *agent, const Leg *leg, guint64 from, guint64 *ret_number)
{
    *ret_number = sequence_set_next_missing(leg->spent, from);
    return keystore_end_has(agent->keys, leg->name, *ret_number);
}

guint leg_n_ready(const Agent *agent, const Leg *leg)
{
    if (leg->told->phase != LEG_PHASE(SERVE))
        return 0;
    guint n = 0;
    for (guint64 from = 0, number; find_next(agent, leg, from, &number); from = number + 1)
        n++;
    return n;
}

gboolean leg_take(Agent *agent, Leg *leg, guint number, GPtrArray *ret_keys)
{
    if (leg->told->phase != LEG_PHASE(SERVE))
        return FALSE;
    g_autofree guint64 *taken = g_new(guint64, number);
    for (guint i = 0; i < number; i++) {
        if (!find_next(agent, leg, i > 0 ? taken[i - 1] + 1 : 0, &taken[i]))
            return FALSE;
    }
    for (guint i = 0; i < number; i++) {
        keystore_end_take(agent->keys, leg->name, taken[i], ret_keys);
        sequence_set_add(leg->spent, taken[i], taken[i] + 1);
    }
    leg_count_handed_out(agent, leg, number);
    leg_save(agent, leg);
    return TRUE;
}

// A gap is what the target has left out. Closing it gives up the keys in it.
static void close_gaps(Agent *agent, Leg *leg)
{
    gboolean is_closed = FALSE;
    while (sequence_set_n_ranges(leg->spent) > SPENT_RANGES_MAX) {
        guint64 first = sequence_set_range(leg->spent, 0).end;
        sequence_set_add(leg->spent, first, sequence_set_range(leg->spent, 1).first);
        is_closed = TRUE;
    }
    if (is_closed)
        leg_sweep(agent, leg);
}

void leg_spend(Agent *agent, Leg *leg, guint64 number)
{
    sequence_set_add(leg->spent, number, number + 1);
    close_gaps(agent, leg);
    leg->is_overrun = FALSE;
    leg_count_handed_out(agent, leg, 1);
    // It was the last one that a closed session had left: the platform waits for that.
    if (leg->told->phase == LEG_PHASE(DRAIN) && keystore_end_n_stored(agent->keys, leg->name) == 0)
        leg_owe(agent, leg);
    leg_save(agent, leg);
}

void leg_wipe(Agent *agent, const Leg *leg)
{
    g_autoptr(GArray) numbers = keystore_end_list(agent->keys, leg->name);
    for (guint i = 0; i < numbers->len; i++)
        keystore_end_wipe(agent->keys, leg->name, g_array_index(numbers, guint64, i));
}

void leg_sweep(Agent *agent, Leg *leg)
{
    g_autoptr(GArray) numbers = keystore_end_list(agent->keys, leg->name);
    for (guint i = 0; i < numbers->len; i++) {
        guint64 number = g_array_index(numbers, guint64, i);
        if (sequence_set_has(leg->spent, number))
            keystore_end_wipe(agent->keys, leg->name, number);
    }
}

SequenceSet *leg_list_left(const Agent *agent, const Leg *leg)
{
    SequenceSet *left = sequence_set_new();
    g_autoptr(GArray) numbers = keystore_end_list(agent->keys, leg->name);
    for (guint i = 0; i < numbers->len; i++) {
        guint64 number = g_array_index(numbers, guint64, i);
        if (!sequence_set_has(leg->spent, number))
            sequence_set_add(left, number, number + 1);
    }
    return left;
}

// An initiator's end has room, or the order was refused. A target that does not fetch must not hold
// up the session: it loses the oldest.
static void make_room(Agent *agent, Leg *leg)
{
    guint n = keystore_end_n_stored(agent->keys, leg->name);
    guint n_max = (guint)agent->config->limits.max_keys_stored;
    if (leg_is_initiator(leg) || n <= n_max)
        return;
    g_autoptr(GArray) numbers = keystore_end_list(agent->keys, leg->name);
    for (guint i = 0; i < n - n_max; i++) {
        guint64 number = g_array_index(numbers, guint64, i);
        keystore_end_wipe(agent->keys, leg->name, number);
        sequence_set_add(leg->spent, number, number + 1);
    }
    close_gaps(agent, leg);
    leg_save(agent, leg);
    if (!leg->is_overrun)
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "session.overrun",
                    leg->told->session, "%s does not fetch: its oldest keys are wiped",
                    leg->told->sae);
    leg->is_overrun = TRUE;
}

void leg_on_stored(Agent *agent, const char *session, const char *sae)
{
    Leg *leg = leg_find(agent, session, sae);
    if (!leg)
        return;
    if (leg->told->phase == LEG_PHASE(END))
        leg_wipe(agent, leg);
    leg_sweep(agent, leg);
    make_room(agent, leg);
}

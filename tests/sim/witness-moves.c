// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/witness-core.h"

static gboolean is_end(HandoverPhase phase)
{
    return phase == HANDOVER(RELEASED) || phase == HANDOVER(FALLEN_BACK);
}

static HandoverPhase phase_of(const Witness *witness, const char *id)
{
    return (HandoverPhase)GPOINTER_TO_INT(g_hash_table_lookup(witness->handovers, id));
}

// Who is refused listens no more, even where a late repeat of what it asked is taken up.
void witness_on_handover(Witness *witness, const WireHandover *handover)
{
    if (!g_hash_table_contains(witness->moves_asked, handover->id))
        g_hash_table_insert(witness->moves_asked, g_strdup(handover->id), GINT_TO_POINTER(TRUE));
}

// What was refused was never begun: asked for again, it may be. Where it ended, it ends for good.
void witness_on_handover_state(Witness *witness, const WireHandoverState *state)
{
    HandoverPhase known = phase_of(witness, state->id);
    if (state->phase == HANDOVER(REFUSED))
        g_hash_table_replace(witness->moves_asked, g_strdup(state->id), GINT_TO_POINTER(FALSE));
    // Whoever asked and who moves are told one after the other.
    if (is_end(known) && !is_end(state->phase))
        return;
    if (is_end(known) && state->phase != known)
        witness_fail(witness, "handover %s ends in phase %d, and in phase %d", state->id, known,
                     state->phase);
    g_hash_table_replace(witness->handovers, g_strdup(state->id), GINT_TO_POINTER(state->phase));
}

guint64 witness_n_handovers(const Witness *witness, HandoverPhase phase)
{
    GHashTableIter iter;
    gpointer value = NULL;
    guint64 n = 0;
    g_hash_table_iter_init(&iter, witness->handovers);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        n += GPOINTER_TO_INT(value) == (int)phase ? 1 : 0;
    return n;
}

// Whoever asked repeats itself until it has heard of the end; who just came may miss that.
void witness_check_handovers(Witness *witness)
{
    g_autoptr(GList) ids =
        g_list_sort(g_hash_table_get_keys(witness->moves_asked), (GCompareFunc)g_strcmp0);
    for (GList *item = ids; item; item = item->next) {
        HandoverPhase phase = phase_of(witness, item->data);
        if (!is_end(phase) && g_hash_table_lookup(witness->moves_asked, item->data))
            witness_fail(witness, "handover %s does not end; it is in phase %d",
                         (const char *)item->data, phase);
    }
}

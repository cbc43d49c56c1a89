// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/witness-core.h"

#include <string.h>

// What a key is in a session.
typedef struct {
    char *session;
    char *initiator;
    guint64 number;
} Numbered;

// What one end of a session was given so far.
typedef struct {
    char *sae;
    gboolean is_initiator;
    guint64 next;      // for the initiator
    guint64 n_missing; // below that
    GHashTable *given; // numbers, for a target
} SessionEnd;

void witness_numbered_free(gpointer data)
{
    Numbered *numbered = data;
    g_free(numbered->session);
    g_free(numbered->initiator);
    g_free(numbered);
}

void witness_end_free(gpointer data)
{
    SessionEnd *end = data;
    g_hash_table_unref(end->given);
    g_free(end->sae);
    g_free(end);
}

void witness_number_keys(Witness *witness, const WireOrder *order)
{
    for (guint i = 0; order->session && !order->copy && i < order->number; i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(order->request, order->attempt, i, id);
        if (g_hash_table_contains(witness->numbered, id))
            continue;
        Numbered *numbered = g_new(Numbered, 1);
        *numbered = (Numbered){g_strdup(order->session->session), g_strdup(order->initiator),
                               order->session->first + i};
        g_hash_table_insert(witness->numbered, g_strdup(id), numbered);
    }
}

static SessionEnd *find_end(Witness *witness, const Numbered *numbered, const char *sae)
{
    g_autofree char *name = g_strdup_printf("%s %s", numbered->session, sae);
    SessionEnd *end = g_hash_table_lookup(witness->ends, name);
    if (end)
        return end;
    end = g_new0(SessionEnd, 1);
    end->sae = g_strdup(sae);
    end->is_initiator = strcmp(sae, numbered->initiator) == 0;
    end->given = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_hash_table_insert(witness->ends, g_steal_pointer(&name), end);
    return end;
}

void witness_on_numbered(Witness *witness, const char *sae, const char *key_id)
{
    const Numbered *numbered = g_hash_table_lookup(witness->numbered, key_id);
    if (!numbered)
        return;
    SessionEnd *end = find_end(witness, numbered, sae);
    guint64 number = numbered->number;
    if (!end->is_initiator) {
        if (!g_hash_table_add(end->given, g_memdup2(&number, sizeof number)))
            witness_fail(witness, "session %s: %s is given number %" G_GUINT64_FORMAT " twice",
                         numbered->session, sae, number);
        return;
    }
    if (number < end->next)
        witness_fail(witness,
                     "session %s: %s is given number %" G_GUINT64_FORMAT
                     " after %" G_GUINT64_FORMAT,
                     numbered->session, sae, number, end->next - 1);
    end->n_missing += number - end->next;
    end->next = number + 1;
}

// Keys that may have left their KME without being seen: it died before the answer did.
static guint64 n_lost(const GPtrArray *fetches, const char *sae)
{
    guint64 n = 0;
    for (guint i = 0; i < fetches->len; i++) {
        const Fetch *fetch = fetches->pdata[i];
        gboolean is_lost = !fetch->is_answered && fetch->life != fetch->node->life;
        n += is_lost && strcmp(fetch->caller, sae) == 0 ? fetch->n_wanted : 0;
    }
    return n;
}

void witness_check_sessions(Witness *witness, const GPtrArray *fetches)
{
    GHashTableIter iter;
    gpointer name = NULL, value = NULL;
    g_hash_table_iter_init(&iter, witness->ends);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const SessionEnd *end = value;
        if (end->n_missing > n_lost(fetches, end->sae))
            witness_fail(witness, "session %s: %" G_GUINT64_FORMAT " numbers are left out",
                         (const char *)name, end->n_missing);
    }
}

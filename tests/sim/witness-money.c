// SPDX-License-Identifier: Apache-2.0
//
// Exactly once: of each order of a granted attempt one record comes into the accounts, and of no
// other attempt any; and it says what was ordered.

#include "tests/sim/witness-core.h"

#include "topics/base/id.h"

#include <string.h>

// An order, by the ID of the record that its agent has to make.
typedef struct {
    char *agent;
    char *attempt; // "request/attempt"
    guint keys;
    guint64 bits;
    gboolean is_own; // of its own user: no batch ever has it
    gboolean is_accepted;
} Metered;

void witness_metered_free(gpointer data)
{
    Metered *metered = data;
    g_free(metered->agent);
    g_free(metered->attempt);
    g_free(metered);
}

void witness_expect_record(Witness *witness, const char *agent, const WireOrder *order)
{
    char id[UUID_CHARS + 1];
    g_autofree char *name = g_strdup_printf("%u/%s", order->attempt, agent);
    uuid_derive(order->request, name, id);
    if (g_hash_table_contains(witness->metered, id))
        return;
    Metered *metered = g_new0(Metered, 1);
    metered->agent = g_strdup(agent);
    metered->attempt = g_strdup_printf("%s/%u", order->request, order->attempt);
    metered->is_own = strcmp(order->buyer, agent) == 0;
    metered->keys = order->number;
    metered->bits = (guint64)order->number * order->size_bits * order->n_branches;
    g_hash_table_insert(witness->metered, g_strdup(id), metered);
}

void witness_on_usage(Witness *witness, const char *agent, const WireUsage *usage)
{
    const Metered *metered = g_hash_table_lookup(witness->metered, usage->record);
    if (!metered || strcmp(metered->agent, agent) != 0)
        witness_fail(witness, "%s reports %s, which is no order of it", agent, usage->record);
    else if (usage->keys != metered->keys || usage->bits != metered->bits)
        witness_fail(witness, "%s reports %u keys of %s, and was ordered %u", agent, usage->keys,
                     metered->attempt, metered->keys);
}

// Nobody here cheats: whatever is lost or dies, nobody is taken for one who does.
void witness_on_event(Witness *witness, const WireEvent *event)
{
    if (strcmp(event->name, "usage.skipped") == 0 || strcmp(event->name, "usage.changed") == 0)
        witness_fail(witness, "%s: %s", event->name, event->text);
}

void witness_on_usage_state(Witness *witness, const char *agent, const WireUsageState *state)
{
    Metered *metered = g_hash_table_lookup(witness->metered, state->record);
    gboolean is_granted = metered && g_hash_table_contains(witness->granted, metered->attempt);
    if (!metered || strcmp(metered->agent, agent) != 0)
        witness_fail(witness, "%s is answered for %s, which is no order of it", agent,
                     state->record);
    // Once it was settled and forgotten, its repeat counts for nothing.
    else if (state->status == STATUS_VOIDED && is_granted && metered->is_own)
        metered->is_accepted = TRUE;
    else if (state->status != STATUS_OK && is_granted && !metered->is_accepted)
        witness_fail(witness, "%s is not to be paid for %s, which was granted: %s", agent,
                     metered->attempt, status_name((Status)state->status));
    else if (state->status == STATUS_OK)
        metered->is_accepted = TRUE;
}

// One batch has each number, and one batch each record, but for those that stand for others.
void witness_on_statement(Witness *witness, const WireStatement *statement)
{
    g_autofree char *name = g_strdup_printf("%s %s %" G_GUINT64_FORMAT, statement->seller,
                                            statement->buyer, statement->sequence);
    g_autoptr(GBytes) digest = g_bytes_new(statement->digest.data, statement->digest.len);
    GBytes *known = g_hash_table_lookup(witness->batches, name);
    if (known && !g_bytes_equal(known, digest))
        witness_fail(witness, "there are two batches %s", name);
    if (known)
        return;
    gint64 amount = statement->minimum;
    for (gsize i = 0; i < statement->n_items; i++) {
        const char *record = statement->items[i]->record;
        Metered *metered = g_hash_table_lookup(witness->metered, record);
        // It may have been taken in by a platform that died before it could say so.
        if (metered && g_hash_table_contains(witness->granted, metered->attempt))
            metered->is_accepted = TRUE;
        else
            witness_fail(witness, "batch %s has %s, which was not granted", name, record);
        amount += statement->items[i]->amount;
        if (statement->replaces == 0 && !g_hash_table_add(witness->settled, g_strdup(record)))
            witness_fail(witness, "batch %s has %s, which was settled before", name, record);
    }
    if (amount != statement->amount)
        witness_fail(witness, "batch %s is not the sum of its records", name);
    g_hash_table_insert(witness->batches, g_steal_pointer(&name), g_steal_pointer(&digest));
}

// --- netting -------------------------------------------------------------------------------------

// All positions together are 0, and the payments make each of them 0.
static void check_netting(Witness *witness, const WireNetting *netting)
{
    gint64 sum = 0;
    for (gsize i = 0; i < netting->n_positions; i++) {
        const WirePosition *position = netting->positions[i];
        gint64 left = position->amount;
        for (gsize j = 0; j < netting->n_payments; j++) {
            const WirePayment *payment = netting->payments[j];
            left += strcmp(payment->from, position->member) == 0 ? payment->amount : 0;
            left -= strcmp(payment->to, position->member) == 0 ? payment->amount : 0;
        }
        if (left != 0)
            witness_fail(witness, "%s is left with %" G_GINT64_FORMAT " after the payments",
                         position->member, left);
        witness->n_minor += (guint64)ABS(position->amount);
        sum += position->amount;
    }
    if (sum != 0)
        witness_fail(witness,
                     "the accounts of period %" G_GUINT64_FORMAT " do not balance by %" //
                     G_GINT64_FORMAT,
                     netting->period, sum);
}

void witness_on_nettings(Witness *witness, const GList *last)
{
    guint64 known = witness->netted;
    if (last)
        witness->netted = MAX(known, ((const WireNetting *)last->data)->period);
    for (; last && ((const WireNetting *)last->data)->period > known; last = last->prev)
        check_netting(witness, last->data);
}

guint64 witness_n_minor(const Witness *witness)
{
    return witness->n_minor;
}

void witness_on_member(Witness *witness, const char *agent, const WireMember *member)
{
    g_hash_table_replace(witness->members, g_strdup(agent), GINT_TO_POINTER(member->state));
}

void witness_expect_accounts(Witness *witness)
{
    GHashTableIter iter;
    gpointer attempt;
    g_hash_table_iter_init(&iter, witness->granted);
    while (g_hash_table_iter_next(&iter, &attempt, NULL))
        g_hash_table_add(witness->owed, g_strdup(attempt));
}

// Who was expelled is not heard any more.
static gboolean is_heard(const Witness *witness, const char *agent)
{
    int state = GPOINTER_TO_INT(g_hash_table_lookup(witness->members, agent));
    States heard = kind_get(KIND_USAGE)->states;
    return (heard & STATE_BIT(state)) != 0;
}

void witness_check_accounts(Witness *witness)
{
    g_autoptr(GList) ids =
        g_list_sort(g_hash_table_get_keys(witness->metered), (GCompareFunc)g_strcmp0);
    for (GList *item = ids; item; item = item->next) {
        const Metered *metered = g_hash_table_lookup(witness->metered, item->data);
        // A platform that dies between its commit and what it says of it grants aloud only later.
        if (metered->is_accepted && !g_hash_table_contains(witness->granted, metered->attempt))
            witness_fail(witness, "%s is to be paid for %s, which was not granted", metered->agent,
                         metered->attempt);
        if (!metered->is_accepted && g_hash_table_contains(witness->owed, metered->attempt) &&
            is_heard(witness, metered->agent))
            witness_fail(witness, "%s took part in %s, and that is in no account", metered->agent,
                         metered->attempt);
    }
}

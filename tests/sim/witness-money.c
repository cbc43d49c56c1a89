// SPDX-License-Identifier: Apache-2.0
//
// Exactly once: of each order of a granted attempt one record comes into the accounts, and of no
// other attempt any; and it says what was ordered.

#include "tests/sim/money.h"
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
    gboolean is_due; // it was accepted long before the end
} Metered;

// The last batch of a seller and buyer.
typedef struct {
    guint64 sequence;
    guint64 period;
} Numbered;

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

// None is left out, and no period.
static void check_sequence(Witness *witness, const WireStatement *statement)
{
    g_autofree char *pair = g_strdup_printf("%s %s", statement->seller, statement->buyer);
    Numbered *last = g_hash_table_lookup(witness->numbers, pair);
    if (statement->sequence != (last ? last->sequence : 0) + 1)
        witness_fail(witness, "batch %" G_GUINT64_FORMAT " of %s does not follow on the last",
                     statement->sequence, pair);
    else if (last && statement->period != last->period && statement->period != last->period + 1)
        witness_fail(witness,
                     "%s has no batch between the periods %" G_GUINT64_FORMAT
                     " and %" G_GUINT64_FORMAT,
                     pair, last->period, statement->period);
    if (!last) {
        last = g_new(Numbered, 1);
        g_hash_table_insert(witness->numbers, g_steal_pointer(&pair), last);
    }
    *last = (Numbered){statement->sequence, statement->period};
}

// No more than was ordered, at its price.
static void check_item(Witness *witness, const char *batch, const Metered *metered,
                       const WireStatement *statement, const WireStatementItem *item)
{
    if (item->keys > metered->keys || item->bits > metered->bits)
        witness_fail(witness, "batch %s has %u keys of %s, which had %u", batch, item->keys,
                     item->record, metered->keys);
    // What a correction copies was at the price of what it was.
    if (statement->replaces == 0 && !money_is_right(statement, item))
        witness_fail(witness, "batch %s asks %" G_GINT64_FORMAT " for %s", batch, item->amount,
                     item->record);
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
    check_sequence(witness, statement);
    gint64 amount = statement->minimum;
    for (gsize i = 0; i < statement->n_items; i++) {
        const char *record = statement->items[i]->record;
        Metered *metered = g_hash_table_lookup(witness->metered, record);
        if (!metered) {
            witness_fail(witness, "batch %s has %s, which is no order", name, record);
            break;
        }
        // It may have been granted and taken in by a platform that died before it could say so;
        // that it is granted is seen to in the end.
        metered->is_accepted = TRUE;
        check_item(witness, name, metered, statement, statement->items[i]);
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
        money_give(witness->positions, position->member, position->amount);
        sum += position->amount;
    }
    if (sum != 0)
        witness_fail(witness,
                     "the accounts of period %" G_GUINT64_FORMAT " do not balance by %" //
                     G_GINT64_FORMAT,
                     netting->period, sum);
}

// What all nettings together say is what all batches together do.
static void check_positions(Witness *witness, gconstpointer federation)
{
    g_autoptr(GHashTable) positions = money_positions_new();
    g_autofree char *fault = money_add_batches(federation, positions);
    if (fault)
        witness_fail(witness, "%s", fault);
    GHashTableIter iter;
    gpointer member, minor;
    g_hash_table_iter_init(&iter, witness->positions);
    while (g_hash_table_iter_next(&iter, &member, &minor)) {
        gint64 batched = money_of(positions, member);
        if (batched != *(gint64 *)minor)
            witness_fail(witness,
                         "%s has %" G_GINT64_FORMAT " by its nettings, and %" //
                         G_GINT64_FORMAT " by its batches",
                         (char *)member, *(gint64 *)minor, batched);
    }
}

void witness_on_nettings(Witness *witness, gconstpointer federation)
{
    const GList *last = money_last_netting(federation);
    guint64 known = witness->netted;
    if (last)
        witness->netted = MAX(known, ((const WireNetting *)last->data)->period);
    for (; last && ((const WireNetting *)last->data)->period > known; last = last->prev)
        check_netting(witness, last->data);
    if (witness->netted > known)
        check_positions(witness, federation);
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

// What was accepted by now has the time of more than two periods to come into a batch.
void witness_expect_batches(Witness *witness)
{
    GHashTableIter iter;
    gpointer metered;
    g_hash_table_iter_init(&iter, witness->metered);
    while (g_hash_table_iter_next(&iter, NULL, &metered))
        ((Metered *)metered)->is_due = ((Metered *)metered)->is_accepted;
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
        if (metered->is_due && !metered->is_own &&
            !g_hash_table_contains(witness->settled, item->data))
            witness_fail(witness, "%s is not settled, which %s was told is accepted",
                         (const char *)item->data, metered->agent);
        if (!metered->is_accepted && g_hash_table_contains(witness->owed, metered->attempt) &&
            is_heard(witness, metered->agent))
            witness_fail(witness, "%s took part in %s, and that is in no account", metered->agent,
                         metered->attempt);
    }
}

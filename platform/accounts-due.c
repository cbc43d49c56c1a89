// SPDX-License-Identifier: Apache-2.0
//
// Which records wait for a batch, in the order in which they come into it, and which are over: so
// that a period can close piece by piece, and nothing looks through all of them at once.

#include "platform/settle.h"

#include <string.h>

char *pair_name(const char *seller, const char *buyer)
{
    return g_strdup_printf("%s %s", seller, buyer);
}

gboolean charge_is_own(const WireCharge *charge)
{
    return strcmp(charge->seller, charge->buyer) == 0;
}

// What an earlier version has kept has nothing but its start.
guint64 charge_priced_us(const WireCharge *charge)
{
    return charge->granted_at_us > 0 ? charge->granted_at_us : charge->start_us;
}

static gint by_price_time(gconstpointer a, gconstpointer b, gpointer data)
{
    const WireCharge *one = a, *other = b;
    guint64 one_us = charge_priced_us(one), other_us = charge_priced_us(other);
    if (one_us != other_us)
        return one_us < other_us ? -1 : 1;
    return strcmp(one->record, other->record);
}

// As the store has them: who walks so finds neighbours on one page.
static gint by_arrival(gconstpointer a, gconstpointer b, gpointer data)
{
    const WireCharge *one = a, *other = b;
    if (one->received_at_us != other->received_at_us)
        return one->received_at_us < other->received_at_us ? -1 : 1;
    return strcmp(one->record, other->record);
}

static void due_free(gpointer data)
{
    Due *due = data;
    g_free(due->name);
    g_free(due->seller);
    g_free(due->buyer);
    g_tree_unref(due->charges);
    g_free(due);
}

void due_init(Accounts *accounts)
{
    accounts->over = g_tree_new_full(by_arrival, NULL, NULL, NULL);
    accounts->due = g_tree_new_full(id_compare, NULL, NULL, due_free);
}

void due_clear(Accounts *accounts)
{
    g_tree_unref(accounts->over);
    g_tree_unref(accounts->due);
}

static Due *open_due(Accounts *accounts, const WireCharge *charge)
{
    g_autofree char *name = pair_name(charge->seller, charge->buyer);
    Due *due = g_tree_lookup(accounts->due, name);
    if (due)
        return due;
    due = g_new(Due, 1);
    *due = (Due){g_steal_pointer(&name), g_strdup(charge->seller), g_strdup(charge->buyer),
                 g_tree_new_full(by_price_time, NULL, NULL, NULL)};
    g_tree_insert(accounts->due, due->name, due);
    return due;
}

static gboolean is_over(const WireCharge *charge)
{
    return charge->sequence > 0 || charge_is_own(charge);
}

void due_list(Accounts *accounts, WireCharge *charge)
{
    if (is_over(charge))
        g_tree_replace(accounts->over, charge, charge);
    else
        g_tree_replace(open_due(accounts, charge)->charges, charge, charge);
}

void due_unlist(Accounts *accounts, WireCharge *charge)
{
    if (is_over(charge)) {
        g_tree_remove(accounts->over, charge);
        return;
    }
    g_autofree char *name = pair_name(charge->seller, charge->buyer);
    Due *due = g_tree_lookup(accounts->due, name);
    if (!due)
        return;
    g_tree_remove(due->charges, charge);
    if (g_tree_nnodes(due->charges) == 0)
        g_tree_remove(accounts->due, name);
}

const Due *due_after(const Accounts *accounts, const char *name)
{
    GTreeNode *node = g_tree_upper_bound(accounts->due, name);
    return node ? g_tree_node_value(node) : NULL;
}

static WireCharge *next_in(GTree *charges, const WireCharge *last)
{
    GTreeNode *node = g_tree_upper_bound(charges, last);
    return node ? g_tree_node_value(node) : NULL;
}

static WireCharge *move_to(DuePosition *position, WireCharge *charge, guint64 at_us)
{
    position->at_us = at_us;
    g_strlcpy(position->record, charge->record, sizeof position->record);
    return charge;
}

WireCharge *due_next(const Due *due, DuePosition *position)
{
    WireCharge last = WIRE_CHARGE_INIT;
    last.granted_at_us = position->at_us;
    last.record = position->record;
    WireCharge *charge = next_in(due->charges, &last);
    return charge ? move_to(position, charge, charge_priced_us(charge)) : NULL;
}

WireCharge *over_next(const Accounts *accounts, DuePosition *position)
{
    WireCharge last = WIRE_CHARGE_INIT;
    last.received_at_us = position->at_us;
    last.record = position->record;
    WireCharge *charge = next_in(accounts->over, &last);
    return charge ? move_to(position, charge, charge->received_at_us) : NULL;
}

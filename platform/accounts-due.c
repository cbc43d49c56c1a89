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

static gint compare(gconstpointer a, gconstpointer b, gpointer data)
{
    const WireCharge *one = a, *other = b;
    if (one->start_us != other->start_us)
        return one->start_us < other->start_us ? -1 : 1;
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
    accounts->over = g_tree_new_full(id_compare, NULL, NULL, NULL);
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
                 g_tree_new_full(compare, NULL, NULL, NULL)};
    g_tree_insert(accounts->due, due->name, due);
    return due;
}

void due_list(Accounts *accounts, WireCharge *charge)
{
    if (charge->sequence > 0 || charge_is_own(charge))
        g_tree_replace(accounts->over, charge->record, charge);
    else
        g_tree_replace(open_due(accounts, charge)->charges, charge, charge);
}

void due_unlist(Accounts *accounts, WireCharge *charge)
{
    g_autofree char *name = pair_name(charge->seller, charge->buyer);
    Due *due = g_tree_lookup(accounts->due, name);
    g_tree_remove(accounts->over, charge->record);
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

WireCharge *due_next(const Due *due, DuePosition *position)
{
    WireCharge last = WIRE_CHARGE_INIT;
    last.start_us = position->start_us;
    last.record = position->record;
    GTreeNode *node = g_tree_upper_bound(due->charges, &last);
    WireCharge *charge = node ? g_tree_node_value(node) : NULL;
    if (!charge)
        return NULL;
    position->start_us = charge->start_us;
    g_strlcpy(position->record, charge->record, sizeof position->record);
    return charge;
}

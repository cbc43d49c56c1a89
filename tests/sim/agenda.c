// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/agenda.h"

typedef struct {
    gint64 at_us;
    guint64 serial;
    AgendaFn fn;
    gpointer owner;
    gpointer data;
    GDestroyNotify free_data;
} Item;

struct Agenda {
    gint64 now_us;
    guint64 serial;
    guint64 n_steps;
    GTree *items; // Item as its own key
};

static int compare_items(gconstpointer a, gconstpointer b, gpointer data)
{
    const Item *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void item_free(gpointer data)
{
    Item *item = data;
    if (item->free_data)
        item->free_data(item->data);
    g_free(item);
}

Agenda *agenda_new(gint64 start_us)
{
    Agenda *agenda = g_new0(Agenda, 1);
    agenda->now_us = start_us;
    agenda->items = g_tree_new_full(compare_items, NULL, item_free, NULL);
    return agenda;
}

void agenda_free(Agenda *agenda)
{
    if (!agenda)
        return;
    g_tree_unref(agenda->items);
    g_free(agenda);
}

gint64 agenda_now(const Agenda *agenda)
{
    return agenda->now_us;
}

guint64 agenda_n_steps(const Agenda *agenda)
{
    return agenda->n_steps;
}

void agenda_add(Agenda *agenda, gint64 at_us, AgendaFn fn, gpointer owner, gpointer data,
                GDestroyNotify free_data)
{
    Item *item = g_new(Item, 1);
    *item = (Item){MAX(at_us, agenda->now_us), agenda->serial++, fn, owner, data, free_data};
    g_tree_insert(agenda->items, item, item);
}

gboolean agenda_step(Agenda *agenda, gint64 until_us)
{
    GTreeNode *first = g_tree_node_first(agenda->items);
    Item *item = first ? g_tree_node_key(first) : NULL;
    if (!item || item->at_us > until_us) {
        agenda->now_us = MAX(agenda->now_us, until_us);
        return FALSE;
    }
    agenda->now_us = item->at_us;
    agenda->n_steps++;
    g_tree_steal(agenda->items, item);
    item->fn(item->owner, item->data);
    item_free(item);
    return TRUE;
}

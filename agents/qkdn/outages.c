// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/outages.h"

#define DRILL_CAUSE "drill"

// A scheduled fault's beginning or end.
typedef struct {
    gint64 at_us;
    Outage *outage;
    gboolean begins;
    char *cause;
} Edge;

struct Outages {
    GPtrArray *all;         // Outage, in the order of the settings
    GHashTable *by_subject; // "scope subject" → Outage; a link twice
    GArray *edges;          // Edge, by time
    guint n_passed;         // edges that have taken effect
    gboolean told;          // drills to be applied
};

static void outage_free(gpointer data)
{
    Outage *outage = data;
    g_free(outage->subject);
    g_free(outage);
}

static void edge_clear(gpointer data)
{
    g_free(((Edge *)data)->cause);
}

static char *subject_key(DriverScope scope, const char *subject)
{
    return g_strdup_printf("%s %s", driver_scope_names[scope], subject);
}

static Outage *outage_add(Outages *outages, DriverScope scope, const char *subject)
{
    Outage *outage = g_new0(Outage, 1);
    outage->scope = scope;
    outage->subject = g_strdup(subject);
    g_ptr_array_add(outages->all, outage);
    g_hash_table_insert(outages->by_subject, subject_key(scope, subject), outage);
    return outage;
}

static void add_subjects(Outages *outages, const SimSettings *settings)
{
    outage_add(outages, DRIVER_SCOPE_PROVIDER, "");
    for (guint i = 0; i < settings->nodes->len; i++)
        outage_add(outages, DRIVER_SCOPE_NODE, ((SimNode *)settings->nodes->pdata[i])->id);
    for (guint i = 0; i < settings->links->len; i++) {
        const SimLink *link = settings->links->pdata[i];
        g_autofree char *there = g_strdup_printf("%s/%s", link->a, link->b);
        g_autofree char *back = g_strdup_printf("%s/%s", link->b, link->a);
        Outage *outage = outage_add(outages, DRIVER_SCOPE_LINK, there);
        g_hash_table_insert(outages->by_subject, subject_key(DRIVER_SCOPE_LINK, back), outage);
    }
    for (guint i = 0; i < settings->borders->len; i++)
        outage_add(outages, DRIVER_SCOPE_BORDER, ((SimBorder *)settings->borders->pdata[i])->id);
}

static gint compare_edges(gconstpointer a, gconstpointer b)
{
    const Edge *x = a, *y = b;
    return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

static void edge_add(Outages *outages, gint64 at_us, Outage *outage, const SimFault *fault,
                     gboolean begins)
{
    Edge edge = {at_us, outage, begins, g_strdup(fault->cause)};
    g_array_append_val(outages->edges, edge);
}

static void add_schedule(Outages *outages, const SimSettings *settings, gint64 now_us)
{
    for (guint i = 0; i < settings->faults->len; i++) {
        const SimFault *fault = settings->faults->pdata[i];
        Outage *outage = outages_find(outages, (DriverScope)fault->scope, fault->subject);
        g_assert(outage);
        gint64 at_us = now_us + (gint64)fault->at_s * G_USEC_PER_SEC;
        edge_add(outages, at_us, outage, fault, TRUE);
        if (fault->for_s > 0)
            edge_add(outages, at_us + (gint64)fault->for_s * G_USEC_PER_SEC, outage, fault, FALSE);
    }
    g_array_sort(outages->edges, compare_edges);
}

Outages *outages_new(const SimSettings *settings, gint64 now_us)
{
    Outages *outages = g_new0(Outages, 1);
    outages->all = g_ptr_array_new_with_free_func(outage_free);
    outages->by_subject = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    outages->edges = g_array_new(FALSE, FALSE, sizeof(Edge));
    g_array_set_clear_func(outages->edges, edge_clear);
    add_subjects(outages, settings);
    add_schedule(outages, settings, now_us);
    return outages;
}

void outages_free(Outages *outages)
{
    if (!outages)
        return;
    g_array_unref(outages->edges);
    g_hash_table_unref(outages->by_subject);
    g_ptr_array_unref(outages->all);
    g_free(outages);
}

Outage *outages_find(const Outages *outages, DriverScope scope, const char *subject)
{
    g_autofree char *key = subject_key(scope, subject);
    return g_hash_table_lookup(outages->by_subject, key);
}

gint64 outages_next_us(const Outages *outages)
{
    if (outages->n_passed == outages->edges->len)
        return G_MAXINT64;
    return g_array_index(outages->edges, Edge, outages->n_passed).at_us;
}

void outages_drill(Outages *outages, Outage *outage, gboolean inject)
{
    outage->drilled = inject;
    outages->told = TRUE;
}

static void outage_settle(Outage *outage, GPtrArray *ret_changed)
{
    gboolean in_force = outage->n_scheduled > 0 || outage->drilled;
    if (outage->in_force == in_force)
        return;
    outage->in_force = in_force;
    // Changed and changed back at the same moment is no change.
    if (!g_ptr_array_remove(ret_changed, outage))
        g_ptr_array_add(ret_changed, outage);
}

void outages_pass(Outages *outages, gint64 now_us, GPtrArray *ret_changed)
{
    for (; outages_next_us(outages) <= now_us; outages->n_passed++) {
        const Edge *edge = &g_array_index(outages->edges, Edge, outages->n_passed);
        edge->outage->n_scheduled += edge->begins ? 1 : -1;
        if (edge->begins)
            edge->outage->cause = edge->cause;
        outage_settle(edge->outage, ret_changed);
    }
}

void outages_apply_drills(Outages *outages, GPtrArray *ret_changed)
{
    for (guint i = 0; outages->told && i < outages->all->len; i++) {
        Outage *outage = outages->all->pdata[i];
        if (outage->drilled && !outage->in_force)
            outage->cause = DRILL_CAUSE;
        outage_settle(outage, ret_changed);
    }
    outages->told = FALSE;
}

char **outages_list(const Outages *outages)
{
    GStrvBuilder *lines = g_strv_builder_new();
    for (guint i = 0; i < outages->all->len; i++) {
        const Outage *outage = outages->all->pdata[i];
        if (!outage->in_force && !outage->drilled)
            continue;
        g_autofree char *line = g_strdup_printf(
            "%s%s%s: %s", driver_scope_names[outage->scope], *outage->subject ? " " : "",
            outage->subject, outage->n_scheduled > 0 ? outage->cause : DRILL_CAUSE);
        g_strv_builder_add(lines, line);
    }
    char **list = g_strv_builder_end(lines);
    g_strv_builder_unref(lines);
    return list;
}

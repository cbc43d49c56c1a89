// SPDX-License-Identifier: Apache-2.0
//
// Batches and nettings, in memory and in the store.

#include "platform/settle.h"

#include "topics/record.h"

// Older ones are dropped: batches when they are in a netting and both parties have answered.
#define BATCHES_MAX  1000
#define NETTINGS_MAX 1000

// --- series --------------------------------------------------------------------------------------

void series_free(gpointer data)
{
    Series *series = data;
    g_free(series->name);
    g_free(series->seller);
    g_free(series->buyer);
    g_ptr_array_unref(series->batches);
    g_free(series);
}

Series *series_find(Federation *federation, const char *seller, const char *buyer)
{
    g_autofree char *name = pair_name(seller, buyer);
    return g_tree_lookup(federation->accounts->series, name);
}

Series *series_after(const Accounts *accounts, const char *name)
{
    GTreeNode *node = g_tree_upper_bound(accounts->series, name);
    return node ? g_tree_node_value(node) : NULL;
}

Series *series_open(Federation *federation, const char *seller, const char *buyer)
{
    Series *series = series_find(federation, seller, buyer);
    if (series)
        return series;
    series = g_new0(Series, 1);
    series->name = pair_name(seller, buyer);
    series->seller = g_strdup(seller);
    series->buyer = g_strdup(buyer);
    series->batches = g_ptr_array_new_with_free_func(wire_free);
    g_tree_insert(federation->accounts->series, series->name, series);
    return series;
}

Platform__State__Batch *series_find_batch(const Series *series, guint64 sequence)
{
    const Platform__State__Batch *first =
        series->batches->len > 0 ? series->batches->pdata[0] : NULL;
    if (!first || sequence < first->statement->sequence || sequence > series->sequence)
        return NULL;
    // They follow on each other: load_batch() sees to it.
    return series->batches->pdata[sequence - first->statement->sequence];
}

char *batch_name(const WireStatement *statement)
{
    return g_strdup_printf("%s %s %016" G_GINT64_MODIFIER "x", statement->seller, statement->buyer,
                           statement->sequence);
}

void batch_save(Federation *federation, const Platform__State__Batch *batch)
{
    g_autofree char *key = batch_name(batch->statement);
    g_autoptr(GBytes) value = message_pack(&batch->base);
    store_put_text(federation->store, "batch", key, value);
}

void batch_mark(Federation *federation, const Platform__State__Batch *batch)
{
    Platform__State__Mark mark = PLATFORM__STATE__MARK__INIT;
    mark.seller_has = batch->seller_has;
    mark.buyer_has = batch->buyer_has;
    mark.is_netted = batch->is_netted;
    mark.netted_in = batch->netted_in;
    mark.seller_again = batch->seller_again;
    mark.buyer_again = batch->buyer_again;
    mark.replaced_by = batch->replaced_by;
    g_autofree char *key = batch_name(batch->statement);
    g_autoptr(GBytes) value = message_pack(&mark.base);
    store_put_text(federation->store, "mark", key, value);
}

// The netting that is under way counts its own again after a restart.
static gboolean is_done(const Accounts *accounts, const Platform__State__Batch *batch)
{
    gboolean is_counted = settle_is_closing(accounts) && batch->netted_in == accounts->period;
    return batch->is_netted && !is_counted && batch->seller_has && batch->buyer_has;
}

// Of a batch that is there, it says that they are settled; of one that is dropped, they do.
static void save_settled(Federation *federation, const WireStatement *statement)
{
    for (gsize i = 0; i < statement->n_items; i++) {
        const WireCharge *charge = charge_find(federation, statement->items[i]->record);
        if (charge)
            charge_save(federation, charge);
    }
}

static void drop_oldest(Federation *federation, Series *series)
{
    const Platform__State__Batch *oldest = series->batches->pdata[0];
    save_settled(federation, oldest->statement);
    g_autofree char *key = batch_name(oldest->statement);
    store_delete_text(federation->store, "batch", key);
    store_delete_text(federation->store, "mark", key);
    g_ptr_array_remove_index(series->batches, 0);
}

static void append(Series *series, Platform__State__Batch *batch)
{
    g_ptr_array_add(series->batches, batch);
    series->sequence = batch->statement->sequence;
}

void series_add(Federation *federation, Series *series, Platform__State__Batch *batch)
{
    append(series, batch);
    batch_save(federation, batch);
    while (series->batches->len > BATCHES_MAX &&
           is_done(federation->accounts, series->batches->pdata[0]))
        drop_oldest(federation, series);
}

// --- periods -------------------------------------------------------------------------------------

void settle_save_period(Federation *federation)
{
    Platform__State__Period period = PLATFORM__STATE__PERIOD__INIT;
    period.number = federation->accounts->period;
    period.closed_at_us = (guint64)federation->accounts->closed_at_us;
    period.from_us = (guint64)federation->accounts->from_us;

    period.stage = federation->accounts->stage;
    period.done = federation->accounts->done;
    period.settled_by = (char **)federation->accounts->settled_by->pdata;
    period.n_settled_by = federation->accounts->settled_by->len;
    period.finished_us = (guint64)federation->accounts->finished_us;
    g_autoptr(GBytes) value = message_pack(&period.base);
    store_put_text(federation->store, "period", "last", value);
}

static char *netting_key(const WireNetting *netting)
{
    return g_strdup_printf("%016" G_GINT64_MODIFIER "x", netting->period);
}

void netting_add(Federation *federation, WireNetting *netting, gboolean is_new)
{
    GQueue *nettings = &federation->accounts->nettings;
    g_queue_push_tail(nettings, netting);
    if (!is_new)
        return;
    g_autofree char *key = netting_key(netting);
    g_autoptr(GBytes) value = message_pack(&netting->base);
    store_put_text(federation->store, "netting", key, value);
    if (nettings->length <= NETTINGS_MAX)
        return;
    WireNetting *oldest = g_queue_pop_head(nettings);
    g_autofree char *old_key = netting_key(oldest);
    store_delete_text(federation->store, "netting", old_key);
    wire_free(oldest);
}

// --- load ----------------------------------------------------------------------------------------

static gpointer unpack(RecordLoading *loading, const char *what,
                       const ProtobufCMessageDescriptor *type, GBytes *key, GBytes *value)
{
    g_autofree char *name = record_name(key);
    gpointer message = record_unpack(type, value);
    if (!message)
        record_fail(loading, what, name, "is damaged");
    return message;
}

static void note_settled(Federation *federation, const WireStatement *statement)
{
    for (gsize i = 0; i < statement->n_items; i++) {
        WireCharge *charge = charge_find(federation, statement->items[i]->record);
        if (charge)
            charge->sequence = statement->sequence;
    }
}

static void load_batch(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    Platform__State__Batch *batch = record_unpack(&platform__state__batch__descriptor, value);
    const WireStatement *statement = batch ? batch->statement : NULL;
    Series *series =
        statement ? series_open(federation, statement->seller, statement->buyer) : NULL;
    if (series && (series->batches->len == 0 || statement->sequence == series->sequence + 1)) {
        append(series, batch);
        note_settled(federation, statement);
        return;
    }
    record_fail(loading, "batch", name,
                series ? "does not follow on the batch before it" : "is damaged");
    wire_free(batch);
}

static Platform__State__Batch *find_batch(Federation *federation, const char *name)
{
    g_auto(GStrv) words = g_strsplit(name, " ", 4);
    if (g_strv_length(words) != 3)
        return NULL;
    Series *series = series_find(federation, words[0], words[1]);
    return series ? series_find_batch(series, g_ascii_strtoull(words[2], NULL, 16)) : NULL;
}

static void load_mark(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    g_autofree char *name = record_name(key);
    Platform__State__Batch *batch = find_batch(loading->core, name);
    Platform__State__Mark *mark = record_unpack(&platform__state__mark__descriptor, value);
    if (batch && mark) {
        batch->seller_has = mark->seller_has;
        batch->buyer_has = mark->buyer_has;
        batch->is_netted = mark->is_netted;
        batch->netted_in = mark->netted_in;
        batch->seller_again = mark->seller_again;
        batch->buyer_again = mark->buyer_again;
        batch->replaced_by = mark->replaced_by;
    } else {
        record_fail(loading, "mark", name, mark ? "is of no batch" : "is damaged");
    }
    wire_free(mark);
}

static void load_period(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    Platform__State__Period *period =
        unpack(loading, "period", &platform__state__period__descriptor, key, value);
    if (!period)
        return;
    federation->accounts->period = period->number;
    federation->accounts->closed_at_us = (gint64)period->closed_at_us;
    federation->accounts->from_us = (gint64)period->from_us;
    federation->accounts->finished_us = (gint64)period->finished_us;
    for (gsize i = 0; i < period->n_settled_by; i++)
        g_ptr_array_add(federation->accounts->settled_by, g_strdup(period->settled_by[i]));
    federation->accounts->stage = period->stage;
    g_free(federation->accounts->done);
    federation->accounts->done = g_strdup(period->done);
    wire_free(period);
}

static void load_netting(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    WireNetting *netting = unpack(loading, "netting", &qkdnf__v1__netting__descriptor, key, value);
    if (netting)
        netting_add(federation, netting, FALSE);
}

gboolean settle_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "batch", load_batch, federation, error) &&
           record_load(federation->store, "mark", load_mark, federation, error) &&
           record_load(federation->store, "period", load_period, federation, error) &&
           record_load(federation->store, "netting", load_netting, federation, error);
}

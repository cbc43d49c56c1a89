// SPDX-License-Identifier: Apache-2.0
//
// Batches and nettings, in memory and in the store.

#include "platform/settle.h"

#include <string.h>

// Older ones are dropped: the parties have them.
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
    g_autofree char *name = g_strdup_printf("%s %s", seller, buyer);
    return g_tree_lookup(federation->accounts->series, name);
}

Series *series_open(Federation *federation, const char *seller, const char *buyer)
{
    Series *series = series_find(federation, seller, buyer);
    if (series)
        return series;
    series = g_new0(Series, 1);
    series->name = g_strdup_printf("%s %s", seller, buyer);
    series->seller = g_strdup(seller);
    series->buyer = g_strdup(buyer);
    series->batches = g_ptr_array_new_with_free_func(wire_free);
    g_tree_insert(federation->accounts->series, series->name, series);
    return series;
}

Platform__State__Batch *series_find_batch(const Series *series, guint64 sequence)
{
    for (guint i = series->batches->len; i > 0; i--) {
        Platform__State__Batch *batch = series->batches->pdata[i - 1];
        if (batch->statement->sequence == sequence)
            return batch;
    }
    return NULL;
}

static char *batch_key(const WireStatement *statement)
{
    return g_strdup_printf("%s %s %016" G_GINT64_MODIFIER "x", statement->seller, statement->buyer,
                           statement->sequence);
}

void batch_save(Federation *federation, const Platform__State__Batch *batch)
{
    g_autofree char *key = batch_key(batch->statement);
    g_autoptr(GBytes) value = message_pack(&batch->base);
    store_put_text(federation->store, "batch", key, value);
}

static void drop_oldest(Federation *federation, Series *series)
{
    const Platform__State__Batch *oldest = series->batches->pdata[0];
    g_autofree char *key = batch_key(oldest->statement);
    store_delete_text(federation->store, "batch", key);
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
    if (series->batches->len > BATCHES_MAX)
        drop_oldest(federation, series);
}

// --- periods -------------------------------------------------------------------------------------

void settle_save_period(Federation *federation)
{
    Platform__State__Period period = PLATFORM__STATE__PERIOD__INIT;
    period.number = federation->accounts->period;
    period.closed_at_us = (guint64)federation->accounts->closed_at_us;
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

typedef struct {
    Federation *federation;
    GError **error;
    gboolean has_failed;
} Loading;

static gpointer unpack(Loading *loading, const ProtobufCMessageDescriptor *type, GBytes *value)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(value, &n_bytes);
    gpointer message = protobuf_c_message_unpack(type, NULL, n_bytes, bytes);
    if (!message && !loading->has_failed)
        g_set_error(loading->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "a record of %s is damaged",
                    type->short_name);
    loading->has_failed |= !message;
    return message;
}

static void load_batch(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    Platform__State__Batch *batch = unpack(loading, &platform__state__batch__descriptor, value);
    if (!batch)
        return;
    if (!batch->statement) {
        wire_free(batch);
        return;
    }
    append(series_open(loading->federation, batch->statement->seller, batch->statement->buyer),
           batch);
}

static void load_period(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    Platform__State__Period *period = unpack(loading, &platform__state__period__descriptor, value);
    if (!period)
        return;
    loading->federation->accounts->period = period->number;
    loading->federation->accounts->closed_at_us = (gint64)period->closed_at_us;
    wire_free(period);
}

static void load_netting(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    WireNetting *netting = unpack(loading, &qkdnf__v1__netting__descriptor, value);
    if (netting)
        netting_add(loading->federation, netting, FALSE);
}

gboolean settle_load(Federation *federation, GError **error)
{
    Loading loading = {federation, error, FALSE};
    return store_load(federation->store, "batch", load_batch, &loading, error) &&
           store_load(federation->store, "period", load_period, &loading, error) &&
           store_load(federation->store, "netting", load_netting, &loading, error) &&
           !loading.has_failed;
}

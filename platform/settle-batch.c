// SPDX-License-Identifier: Apache-2.0
//
// Batches: records in the order of their start, priced by the tariff under which they were done. A
// batch is of one currency; where a period has several, or more records than a batch holds, it has
// as many batches as that takes.

#include "platform/settle.h"

#include <string.h>

// --- one batch -----------------------------------------------------------------------------------

// What is charged for one record; the remark is to be freed.
static gint64 price_of(const WireTariff *tariff, const WireCharge *charge, guint64 before_bits,
                       char **ret_remark)
{
    RateItem item = {charge->purpose,          charge->charged_keys,
                     charge->charged_bits,     charge->session[0] != '\0',
                     (gint64)charge->start_us, (gint64)(charge->start_us + charge->charged_us),
                     charge->partial == 0};
    RateVolume volume = {before_bits, 0};
    gint64 minor = 0;
    const char *fault = rate_check_item(&item);
    if (!fault && tariff && !rate_item(tariff, &item, &volume, &minor))
        fault = "it costs more than can be said";
    *ret_remark = g_strdup(fault ? fault : charge->dispute);
    return fault ? 0 : minor;
}

static void fill_item(WireStatementItem *item, const WireCharge *charge, gint64 minor, char *remark)
{
    *item = (WireStatementItem)WIRE_STATEMENT_ITEM_INIT;
    item->record = charge->record;
    item->request = charge->request;
    item->session = charge->session;
    item->purpose = charge->purpose;
    item->keys = charge->charged_keys;
    item->bits = charge->charged_bits;
    item->start_us = charge->start_us;
    item->duration_us = charge->charged_us;
    item->partial = charge->partial;
    item->amount = minor;
    item->remark = remark;
    item->agreement = charge->agreement;
}

static void add_totals(WireStatement *statement)
{
    statement->n_records = (guint32)statement->n_items;
    statement->amount = statement->minimum;
    for (gsize i = 0; i < statement->n_items; i++) {
        const WireStatementItem *item = statement->items[i];
        statement->keys += item->keys;
        statement->bits += item->bits;
        if (__builtin_add_overflow(statement->amount, item->amount, &statement->amount))
            statement->amount = G_MAXINT64;
    }
}

// Numbers it, chains it to the last, signs it, and keeps it.
static void finish(Federation *federation, Series *series, WireStatement *statement, gint64 effect)
{
    guint8 digest[STATEMENT_DIGEST_BYTES], signature[FRAME_TAG_MAX_BYTES];
    const Platform__State__Batch *last =
        series->batches->len > 0 ? series->batches->pdata[series->batches->len - 1] : NULL;
    statement->seller = series->seller;
    statement->buyer = series->buyer;
    statement->sequence = series->sequence + 1;
    statement->period = federation->accounts->period;
    statement->from_us = (guint64)federation->accounts->from_us;
    statement->until_us = (guint64)federation->accounts->closed_at_us;
    if (last)
        statement->previous = last->statement->digest;
    add_totals(statement);
    statement_digest(statement, digest);
    statement->digest = (ProtobufCBinaryData){STATEMENT_DIGEST_BYTES, digest};
    if (federation->authentication)
        statement->signature.len =
            authentication_sign(federation->authentication, digest, STATEMENT_DIGEST_BYTES,
                                &statement->algorithm, signature);
    statement->signature.data = signature;
    Platform__State__Batch batch = PLATFORM__STATE__BATCH__INIT;
    batch.statement = statement;
    batch.effect = statement->amount - effect;
    series_add(federation, series, message_copy(&batch.base));
}

// --- the batches of a period ---------------------------------------------------------------------

// Records that make one batch.
typedef struct {
    WireStatementItem items[BATCH_RECORDS_MAX];
    WireStatementItem *pointers[BATCH_RECORDS_MAX];
    WireCharge *charges[BATCH_RECORDS_MAX];
    guint n;
} Page;

static void page_clear(Page *page)
{
    for (guint i = 0; i < page->n; i++)
        g_free(page->items[i].remark);
    page->n = 0;
}

static void page_add(Page *page, WireCharge *charge, const WireTariff *tariff, guint64 before_bits)
{
    char *remark = NULL;
    gint64 minor = price_of(tariff, charge, before_bits, &remark);
    fill_item(&page->items[page->n], charge, minor, remark);
    page->pointers[page->n] = &page->items[page->n];
    page->charges[page->n++] = charge;
}

static void mark_settled(Federation *federation, const Page *page, guint64 sequence)
{
    for (guint i = 0; i < page->n; i++) {
        if (!page->charges[i])
            continue;
        page->charges[i]->sequence = sequence;
        charge_save(federation, page->charges[i]);
    }
}

static void page_finish(Federation *federation, Series *series, Page *page,
                        WireStatement *statement, gint64 effect)
{
    statement->items = page->pointers;
    statement->n_items = page->n;
    finish(federation, series, statement, effect);
    mark_settled(federation, page, series->sequence);
    page_clear(page);
}

static gint compare_charges(gconstpointer a, gconstpointer b)
{
    const WireCharge *one = *(const WireCharge *const *)a, *other = *(const WireCharge *const *)b;
    if (one->start_us != other->start_us)
        return one->start_us < other->start_us ? -1 : 1;
    return strcmp(one->record, other->record);
}

static WireCurrency *currency_of(Federation *federation, const WireTariff *tariff)
{
    return tariff ? tariff->currency : federation->accounts->currency;
}

static gint64 sum_of(const Page *page)
{
    gint64 sum = 0;
    for (guint i = 0; i < page->n; i++)
        sum += page->items[i].amount;
    return sum;
}

// What a period has cost so far in the currency of the batch that grows.
typedef struct {
    const WireTariff *tariff;
    guint64 bits;
    gsize n_records;
    gint64 minor;
} Spent;

static void close_page(Federation *federation, Series *series, Page *page, Spent *spent,
                       guint64 before_bits, gboolean is_last)
{
    WireStatement statement = WIRE_STATEMENT_INIT;
    statement.currency = currency_of(federation, spent->tariff);
    statement.before_bits = before_bits;
    spent->n_records += page->n;
    spent->minor += sum_of(page);
    if (is_last && spent->tariff)
        statement.minimum = rate_missing_to_minimum(spent->tariff, spent->n_records, spent->minor);
    page_finish(federation, series, page, &statement, 0);
}

static gboolean is_same_currency(Federation *federation, const WireTariff *a, const WireTariff *b)
{
    return currency_equal(currency_of(federation, a), currency_of(federation, b));
}

void settle_series(Federation *federation, Series *series, GPtrArray *charges)
{
    g_autofree Page *page = g_new0(Page, 1);
    Spent spent = {0};
    guint64 before_bits = 0;
    g_ptr_array_sort(charges, compare_charges);
    for (guint i = 0; i < charges->len; i++) {
        WireCharge *charge = charges->pdata[i];
        const WireTariff *tariff = tariff_of(federation, charge);
        gboolean is_other = i > 0 && !is_same_currency(federation, tariff, spent.tariff);
        if (is_other || page->n == BATCH_RECORDS_MAX) {
            close_page(federation, series, page, &spent, before_bits, is_other);
            before_bits = spent.bits;
        }
        if (is_other)
            spent = (Spent){.bits = spent.bits};
        spent.tariff = tariff;
        page_add(page, charge, tariff, spent.bits);
        spent.bits += charge->charged_bits;
    }
    close_page(federation, series, page, &spent, before_bits, TRUE);
}

// --- corrections ---------------------------------------------------------------------------------

// As it was settled.
static void page_copy(const Federation *federation, Page *page, const WireStatementItem *item)
{
    page->items[page->n] = *item;
    page->items[page->n].remark = g_strdup(item->remark);
    page->pointers[page->n] = &page->items[page->n];
    // NULL: what can become no less is forgotten.
    page->charges[page->n++] = charge_find(federation, item->record);
}

// By its tariff, as far as that still asks for the same money, else in proportion; never for more
// than it was.
static void page_correct(Federation *federation, Page *page, WireCharge *charge,
                         const WireTariff *tariff, const WireStatementItem *old,
                         guint64 before_bits)
{
    WireStatementItem *item = &page->items[page->n];
    page_add(page, charge, tariff, before_bits);
    if (!tariff)
        item->amount = rate_part(old->amount, charge->charged_bits, old->bits);
    item->amount = MIN(item->amount, old->amount);
}

static void correct_items(Federation *federation, WireCharge *charge, const WireTariff *tariff,
                          const WireStatement *old, Page *ret_page)
{
    guint64 before_bits = old->before_bits;
    for (gsize i = 0; i < old->n_items; i++) {
        const WireStatementItem *item = old->items[i];
        if (strcmp(item->record, charge->record) == 0)
            page_correct(federation, ret_page, charge, tariff, item, before_bits);
        else
            page_copy(federation, ret_page, item);
        before_bits += item->bits;
    }
}

static gboolean is_whole_period(const Series *series, const WireStatement *statement)
{
    for (guint i = 0; i < series->batches->len; i++) {
        const WireStatement *other =
            ((Platform__State__Batch *)series->batches->pdata[i])->statement;
        if (other != statement && other->period == statement->period)
            return FALSE;
    }
    return TRUE;
}

// Where the period cost its minimum, it still does; where it cost more, and all of it is in this
// batch, it may now be below.
static gint64 correct_minimum(const Series *series, const WireStatement *old,
                              const WireTariff *tariff, const Page *page)
{
    gint64 sum = sum_of(page);
    if (old->minimum > 0)
        return old->amount - sum;
    return tariff && is_whole_period(series, old) ? rate_missing_to_minimum(tariff, page->n, sum)
                                                  : 0;
}

void settle_correct(Federation *federation, WireCharge *charge)
{
    Series *series = series_find(federation, charge->seller, charge->buyer);
    Platform__State__Batch *old = series ? series_find_batch(series, charge->sequence) : NULL;
    if (!old)
        return;
    g_autofree Page *page = g_new0(Page, 1);
    WireStatement statement = WIRE_STATEMENT_INIT;
    const WireTariff *tariff = tariff_of(federation, charge);
    if (!currency_equal(currency_of(federation, tariff), old->statement->currency))
        tariff = NULL;
    correct_items(federation, charge, tariff, old->statement, page);
    statement.replaces = old->statement->sequence;
    statement.currency = old->statement->currency;
    statement.minimum = correct_minimum(series, old->statement, tariff, page);
    statement.before_bits = old->statement->before_bits;
    old->replaced_by = series->sequence + 1;
    batch_save(federation, old);
    page_finish(federation, series, page, &statement, old->statement->amount);
    settle_tell(federation, series);
}

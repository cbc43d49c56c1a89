// SPDX-License-Identifier: Apache-2.0
//
// Batches: records in the order of their grants, priced by the tariff under which they were done. A
// batch is of one currency; where a period has several, or more records than a batch holds, it has
// as many batches as that takes.

#include "platform/conduct.h"

#include <string.h>

// --- one batch -----------------------------------------------------------------------------------

// What is charged for one record; the remark is to be freed.
static gint64 price_of(const WireTariff *tariff, const WireCharge *charge, guint64 before_bits,
                       char **ret_remark)
{
    RateItem item = {charge->purpose,
                     charge->charged_keys,
                     charge->charged_bits,
                     charge->session[0] != '\0',
                     (gint64)charge->start_us,
                     (gint64)(charge->start_us + charge->charged_us),
                     (gint64)charge_priced_us(charge),
                     charge->partial == 0};
    RateVolume volume = {before_bits, charge->is_overrun};
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
    item->is_overrun = charge->is_overrun;
    item->granted_at_us = charge_priced_us(charge);
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
    conduct_on_batch(federation, statement);
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

// In the store the batch says so: their own rows lie far apart.
static void mark_settled(Federation *federation, const Page *page, guint64 sequence)
{
    for (guint i = 0; i < page->n; i++) {
        if (!page->charges[i])
            continue;
        due_unlist(federation->accounts, page->charges[i]);
        page->charges[i]->sequence = sequence;
        due_list(federation->accounts, page->charges[i]);
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

// What a period has cost so far by one tariff; NULL: without one.
typedef struct {
    const WireTariff *tariff;
    gsize n_records;
    gint64 minor;
    gboolean has_minimum; // what was missing is in a batch
} Spent;

typedef struct {
    Federation *federation;
    Series *series;
    const Due *due; // or NULL
    guint *n_left;
    GArray *spent; // Spent
    guint64 bits;
    gboolean has_batch;
    Page *page;
    const WireTariff *tariff; // of the last record of the page
    guint64 before_bits;      // of the page
} Work;

static Spent *spent_by(Work *work, const WireTariff *tariff)
{
    for (guint i = 0; i < work->spent->len; i++) {
        Spent *spent = &g_array_index(work->spent, Spent, i);
        if (spent->tariff == tariff)
            return spent;
    }
    Spent none = {.tariff = tariff};
    g_array_append_val(work->spent, none);
    return &g_array_index(work->spent, Spent, work->spent->len - 1);
}

static void spend(Work *work, const WireTariff *tariff, gint64 minor)
{
    Spent *spent = spent_by(work, tariff);
    spent->n_records++;
    if (__builtin_add_overflow(spent->minor, minor, &spent->minor))
        spent->minor = G_MAXINT64;
}

// Of an earlier life: what is in its batches.
static void spend_again(Work *work, const WireStatement *statement)
{
    for (gsize i = 0; i < statement->n_items; i++) {
        const WireCharge *charge = charge_find(work->federation, statement->items[i]->record);
        if (charge)
            spend(work, tariff_of(work->federation, charge), statement->items[i]->amount);
    }
}

static const WireStatement *statement_at(const Series *series, guint i)
{
    return ((const Platform__State__Batch *)series->batches->pdata[i])->statement;
}

// What earlier passes made of this period. Corrections are of what was settled before.
static void add_batches(Work *work)
{
    Accounts *accounts = work->federation->accounts;
    gboolean is_counted = accounts->spent != NULL;
    guint first = work->series->batches->len;
    if (!is_counted)
        accounts->spent = g_array_new(FALSE, TRUE, sizeof(Spent));
    work->spent = accounts->spent;
    while (first > 0 && statement_at(work->series, first - 1)->period == accounts->period)
        first--;
    for (guint i = first; i < work->series->batches->len; i++) {
        const WireStatement *statement = statement_at(work->series, i);
        if (statement->replaces > 0)
            continue;
        work->has_batch = TRUE;
        work->bits += statement->bits;
        if (!is_counted)
            spend_again(work, statement);
    }
}

// What is missing to the minimum of each tariff in that currency; once.
static gint64 take_minimum(Work *work, const WireCurrency *currency)
{
    gint64 missing = 0;
    for (guint i = 0; i < work->spent->len; i++) {
        Spent *spent = &g_array_index(work->spent, Spent, i);
        if (spent->has_minimum || !spent->tariff ||
            !currency_equal(spent->tariff->currency, currency))
            continue;
        missing += rate_missing_to_minimum(spent->tariff, spent->n_records, spent->minor);
        spent->has_minimum = TRUE;
    }
    return missing;
}

static void close_page(Work *work, gboolean is_last)
{
    WireStatement statement = WIRE_STATEMENT_INIT;
    statement.currency = currency_of(work->federation, work->tariff);
    statement.before_bits = work->before_bits;
    if (is_last)
        statement.minimum = take_minimum(work, statement.currency);
    work->has_batch = TRUE;
    page_finish(work->federation, work->series, work->page, &statement, 0);
    work->before_bits = work->bits;
}

// What a currency costs at least where its last batch did not know that it was the last.
static void close_minimum(Work *work, const WireTariff *tariff)
{
    WireStatement statement = WIRE_STATEMENT_INIT;
    statement.currency = currency_of(work->federation, tariff);
    statement.minimum = take_minimum(work, statement.currency);
    statement.before_bits = work->bits;
    if (statement.minimum > 0)
        page_finish(work->federation, work->series, work->page, &statement, 0);
}

static WireCharge *next_ripe(Work *work)
{
    DuePosition *at = &work->federation->accounts->at;
    WireCharge *charge = NULL;
    while (work->due && *work->n_left > 0 && (charge = due_next(work->due, at))) {
        (*work->n_left)--;
        if (settle_is_ripe(work->federation, charge))
            return charge;
    }
    return NULL;
}

static void add_to_page(Work *work, WireCharge *charge)
{
    const WireTariff *tariff = tariff_of(work->federation, charge);
    gboolean is_other =
        work->page->n > 0 && !currency_equal(currency_of(work->federation, tariff),
                                             currency_of(work->federation, work->tariff));
    if (is_other || work->page->n == BATCH_RECORDS_MAX)
        close_page(work, FALSE);
    work->tariff = tariff;
    page_add(work->page, charge, tariff, work->bits);
    spend(work, tariff, work->page->items[work->page->n - 1].amount);
    work->bits += charge->charged_bits;
}

gboolean settle_series(Federation *federation, Series *series, const Due *due, guint *n_left)
{
    g_autofree Page *page = g_new0(Page, 1);
    Work work = {federation, series, due, n_left, .page = page};
    add_batches(&work);
    work.before_bits = work.bits;
    WireCharge *charge = NULL;
    while ((charge = next_ripe(&work)))
        add_to_page(&work, charge);
    gboolean is_end = *n_left > 0;
    if (page->n > 0 || (is_end && !work.has_batch))
        close_page(&work, is_end);
    for (guint i = 0; is_end && i < work.spent->len; i++)
        close_minimum(&work, g_array_index(work.spent, Spent, i).tariff);
    return is_end;
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
        const WireStatement *other = statement_at(series, i);
        if (other != statement && other->period == statement->period)
            return FALSE;
    }
    return TRUE;
}

static gboolean is_by_one_tariff(const WireStatement *statement)
{
    for (gsize i = 1; i < statement->n_items; i++) {
        if (strcmp(statement->items[i]->agreement, statement->items[0]->agreement) != 0)
            return FALSE;
    }
    return TRUE;
}

// More batches of it are still to come.
static gboolean is_unfinished(const Accounts *accounts, const Series *series, guint64 period)
{
    return accounts->stage == PLATFORM__STATE__SETTLE_STAGE__SETTLE_BATCH &&
           period == accounts->period && strcmp(series->name, accounts->done) > 0;
}

// Where the period cost its minimum, it still does; where it cost more, and all of it is in this
// batch, it may now be below. Of several tariffs each has had what was missing to its minimum.
// Nothing becomes dearer by it.
static gint64 correct_minimum(const Accounts *accounts, const Series *series,
                              const WireStatement *old, const WireTariff *tariff, const Page *page)
{
    gint64 sum = sum_of(page);
    gboolean is_all = is_whole_period(series, old) && is_by_one_tariff(old) &&
                      !is_unfinished(accounts, series, old->period);
    if (old->minimum > 0)
        return is_all ? old->amount - sum : MIN(old->minimum, old->amount - sum);
    if (!tariff || !is_all)
        return 0;
    return MIN(rate_missing_to_minimum(tariff, page->n, sum), old->amount - sum);
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
    statement.minimum = correct_minimum(federation->accounts, series, old->statement, tariff, page);
    statement.before_bits = old->statement->before_bits;
    old->replaced_by = series->sequence + 1;
    batch_mark(federation, old);
    page_finish(federation, series, page, &statement, old->statement->amount);
    settle_tell(federation, series);
}

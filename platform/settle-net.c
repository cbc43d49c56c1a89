// SPDX-License-Identifier: Apache-2.0
//
// Netting: what each member gets of all others together. Every amount is converted once, and then
// given to the one and taken from the other, so that the sum of all is 0 whatever was rounded. A
// batch for which there is no exchange rate waits, on both sides, for the next period; so does one
// that is more than can be added up.

#include "platform/settle.h"

#include <string.h>

// So many are named: a netting stays within the size of its kind.
#define WAITING_MAX 500

// What it costs in records of a pass to mark a batch; and how many batches to pass over cost one.
#define BATCH_COST  10u
#define SERIES_PART 100

// So far.
struct Net {
    GTree *positions;   // member → gint64
    GPtrArray *waiting; // text
};

static Net *net_new(void)
{
    Net *net = g_new(Net, 1);
    net->positions = g_tree_new_full(id_compare, NULL, g_free, g_free);
    net->waiting = g_ptr_array_new_with_free_func(g_free);
    return net;
}

void net_free(Net *net)
{
    g_tree_unref(net->positions);
    g_ptr_array_unref(net->waiting);
    g_free(net);
}

static gint64 *position_of(Net *net, const char *member)
{
    gint64 *position = g_tree_lookup(net->positions, member);
    if (!position) {
        position = g_new0(gint64, 1);
        g_tree_insert(net->positions, g_strdup(member), position);
    }
    return position;
}

// From the one to the other, or not at all.
static gboolean give(Net *net, const WireStatement *statement, gint64 minor)
{
    gint64 *seller = position_of(net, statement->seller);
    gint64 *buyer = position_of(net, statement->buyer);
    gint64 more = 0, less = 0;
    if (__builtin_add_overflow(*seller, minor, &more) ||
        __builtin_sub_overflow(*buyer, minor, &less))
        return FALSE;
    *seller = more;
    *buyer = less;
    return TRUE;
}

static gboolean convert(const Federation *federation, const Platform__State__Batch *batch,
                        gint64 *ret_minor)
{
    const Accounts *accounts = federation->accounts;
    WireMoney effect = WIRE_MONEY_INIT;
    effect.minor = batch->effect;
    effect.currency = batch->statement->currency;
    *ret_minor = 0;
    return batch->effect == 0 ||
           rate_convert(&effect, accounts->currency,
                        (WireExchangeRate *const *)accounts->rates->pdata, accounts->rates->len,
                        (gint64)batch->statement->until_us, ret_minor);
}

static void wait(Net *net, const WireStatement *statement)
{
    if (net->waiting->len < WAITING_MAX)
        g_ptr_array_add(net->waiting, g_strdup_printf("%s %s %" G_GUINT64_FORMAT, statement->seller,
                                                      statement->buyer, statement->sequence));
}

static gboolean is_netted_now(const Federation *federation, const Platform__State__Batch *batch)
{
    return batch->is_netted && batch->netted_in == federation->accounts->period;
}

// What an earlier life has netted in this period counts again, and is marked already; but with
// other settings it may have to wait.
static void net_batch(Federation *federation, Net *net, Platform__State__Batch *batch)
{
    gint64 minor = 0;
    gboolean is_netted = convert(federation, batch, &minor) && give(net, batch->statement, minor);
    if (!is_netted)
        wait(net, batch->statement);
    if (batch->is_netted == is_netted)
        return;
    batch->is_netted = is_netted;
    batch->netted_in = is_netted ? federation->accounts->period : 0;
    batch_mark(federation, batch);
}

static void net_series(Federation *federation, const Series *series, guint *n_left)
{
    for (guint i = 0; i < series->batches->len; i++) {
        Platform__State__Batch *batch = series->batches->pdata[i];
        if (batch->is_netted && !is_netted_now(federation, batch))
            continue;
        net_batch(federation, federation->accounts->net, batch);
        *n_left -= MIN(*n_left, BATCH_COST);
    }
    *n_left -= MIN(*n_left, 1 + series->batches->len / SERIES_PART);
}

// --- payments ------------------------------------------------------------------------------------

static gboolean collect(gpointer key, gpointer value, gpointer data)
{
    WirePosition *position = g_new(WirePosition, 1);
    *position = (WirePosition)WIRE_POSITION_INIT;
    position->member = key;
    position->amount = *(gint64 *)value;
    g_ptr_array_add(data, position);
    return FALSE;
}

// Whoever owes pays those who get something, in the order of their IDs: at most one payment fewer
// than there are members.
static GPtrArray *make_payments(const GPtrArray *positions)
{
    GPtrArray *payments = g_ptr_array_new_with_free_func(g_free);
    g_autofree gint64 *left = g_new(gint64, positions->len + 1);
    for (guint i = 0; i < positions->len; i++)
        left[i] = ((WirePosition *)positions->pdata[i])->amount;
    guint from = 0, to = 0;
    while (TRUE) {
        while (from < positions->len && left[from] >= 0)
            from++;
        while (to < positions->len && left[to] <= 0)
            to++;
        if (from == positions->len || to == positions->len)
            return payments;
        WirePayment *payment = g_new(WirePayment, 1);
        *payment = (WirePayment)WIRE_PAYMENT_INIT;
        payment->from = ((WirePosition *)positions->pdata[from])->member;
        payment->to = ((WirePosition *)positions->pdata[to])->member;
        payment->amount = MIN(-left[from], left[to]);
        left[from] += payment->amount;
        left[to] -= payment->amount;
        g_ptr_array_add(payments, payment);
    }
}

static void tell_waiting(Federation *federation, const GPtrArray *waiting)
{
    if (waiting->len == 0)
        return;
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "netting.waits",
                                  .subject = waiting->pdata[0],
                                  .cause = "no exchange rate of its currency is valid yet; "
                                           "expected one in the setting accounts.rates"},
                     "it and %u more wait for the next period", waiting->len - 1);
}

static void finish(Federation *federation, const Net *net)
{
    const Accounts *accounts = federation->accounts;
    g_autoptr(GPtrArray) positions = g_ptr_array_new_with_free_func(g_free);
    g_tree_foreach(net->positions, collect, positions);
    g_autoptr(GPtrArray) payments = make_payments(positions);
    WireNetting netting = WIRE_NETTING_INIT;
    netting.period = accounts->period;
    netting.from_us = (guint64)accounts->from_us;
    netting.until_us = (guint64)accounts->closed_at_us;
    netting.currency = accounts->currency;
    netting.positions = (WirePosition **)positions->pdata;
    netting.n_positions = positions->len;
    netting.payments = (WirePayment **)payments->pdata;
    netting.n_payments = payments->len;
    netting.waiting = (char **)net->waiting->pdata;
    netting.n_waiting = net->waiting->len;
    netting_add(federation, message_copy(&netting.base), TRUE);
    tell_waiting(federation, net->waiting);
}

// After a restart the sums are not known any more: it begins again.
gboolean settle_net(Federation *federation, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    if (!accounts->net) {
        accounts->net = net_new();
        settle_set_done(accounts, "");
    }
    for (Series *series = series_after(accounts, accounts->done); series;
         series = series_after(accounts, accounts->done)) {
        if (*n_left == 0)
            return FALSE;
        net_series(federation, series, n_left);
        settle_set_done(accounts, series->name);
    }
    finish(federation, accounts->net);
    g_clear_pointer(&accounts->net, net_free);
    return TRUE;
}

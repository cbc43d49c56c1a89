// SPDX-License-Identifier: Apache-2.0
//
// A period closes: by the clock, or because an operator says so. Everything that has come in goes
// into batches, each pair that ever had one gets one, and all are netted, in one commit.

#include "platform/settle.h"

#include <string.h>

// What the buyer has not said yet is waited for: its word may make it less.
#define RIPE_US (10 * G_TIME_SPAN_SECOND)
// Who has not reported by then has lost its claim.
#define LATE_US (7 * G_TIME_SPAN_DAY)

static gboolean is_own(const WireCharge *charge)
{
    return strcmp(charge->seller, charge->buyer) == 0;
}

// The buyer's word is there, or has been waited for.
static gboolean is_ripe(const Federation *federation, const WireCharge *charge)
{
    return charge->is_metered || is_own(charge) ||
           (gint64)charge->received_at_us + RIPE_US <= federation->now;
}

// --- what goes into the period -------------------------------------------------------------------

typedef struct {
    Federation *federation;
    GHashTable *by_series; // Series → GPtrArray of WireCharge
    GPtrArray *forgotten;  // record ID
} Closing;

static void take(Closing *closing, WireCharge *charge)
{
    Series *series = series_open(closing->federation, charge->seller, charge->buyer);
    GPtrArray *charges = g_hash_table_lookup(closing->by_series, series);
    if (!charges) {
        charges = g_ptr_array_new();
        g_hash_table_insert(closing->by_series, series, charges);
    }
    g_ptr_array_add(charges, charge);
}

// Somebody who took part may still report, and say that it was less.
static gboolean is_open(const Federation *federation, const WireCharge *charge)
{
    g_autofree char *name = grant_name(charge->request, charge->attempt);
    return g_hash_table_contains(federation->accounts->grants, name);
}

// What was settled in an earlier period, and can become no less, is not needed any more: the
// statements have it. What a provider did for itself nobody pays.
static gboolean sort_charge(gpointer id, gpointer value, gpointer data)
{
    Closing *closing = data;
    WireCharge *charge = value;
    if (is_own(charge) || (charge->sequence > 0 && !is_open(closing->federation, charge)))
        g_ptr_array_add(closing->forgotten, id);
    else if (charge->sequence == 0 && is_ripe(closing->federation, charge))
        take(closing, charge);
    return FALSE;
}

static gboolean settle_one(gpointer name, gpointer value, gpointer data)
{
    Closing *closing = data;
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    GPtrArray *charges = g_hash_table_lookup(closing->by_series, value);
    settle_series(closing->federation, value, charges ? charges : none);
    return FALSE;
}

static gboolean tell_one(gpointer name, gpointer value, gpointer federation)
{
    settle_tell(federation, value);
    return FALSE;
}

// --- what nobody has reported --------------------------------------------------------------------

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void forget_late(Federation *federation)
{
    g_autoptr(GPtrArray) late = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer name, grant;
    g_hash_table_iter_init(&iter, federation->accounts->grants);
    while (g_hash_table_iter_next(&iter, &name, &grant)) {
        if ((gint64)((Platform__State__Grant *)grant)->granted_at_us + LATE_US <= federation->now)
            g_ptr_array_add(late, g_strdup(name));
    }
    g_ptr_array_sort(late, compare_names);
    for (guint i = 0; i < late->len; i++) {
        federation_event(federation,
                         &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                      .name = "usage.missing",
                                      .subject = late->pdata[i]},
                         "not everybody who took part has reported it in 7 days");
        grant_drop(federation, late->pdata[i]);
    }
}

// --- closing -------------------------------------------------------------------------------------

static void arm_period(Federation *federation)
{
    gint64 period_us = (gint64)federation->config->accounts.period_s * G_USEC_PER_SEC;
    if (period_us > 0)
        timers_arm(federation->timers, TIMER_PERIOD, "",
                   MAX(federation->accounts->closed_at_us + period_us, federation->now));
}

void settle_close(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    Closing closing = {
        federation,
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref),
        g_ptr_array_new(),
    };
    accounts->period++;
    accounts->from_us = accounts->closed_at_us;
    accounts->closed_at_us = federation->now;
    g_tree_foreach(accounts->charges, sort_charge, &closing);
    g_tree_foreach(accounts->series, settle_one, &closing);
    settle_net(federation, (guint64)accounts->from_us);
    for (guint i = 0; i < closing.forgotten->len; i++)
        charge_forget(federation, closing.forgotten->pdata[i]);
    forget_late(federation);
    settle_save_period(federation);
    g_tree_foreach(accounts->series, tell_one, federation);
    arm_period(federation);
    g_hash_table_unref(closing.by_series);
    g_ptr_array_unref(closing.forgotten);
}

// After a restart: what was not answered is said again, and what is due is closed.
void settle_resume(Federation *federation)
{
    if (federation->accounts->closed_at_us == 0)
        federation->accounts->closed_at_us = federation->now;
    settle_save_period(federation);
    g_tree_foreach(federation->accounts->series, tell_one, federation);
    arm_period(federation);
}

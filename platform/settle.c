// SPDX-License-Identifier: Apache-2.0
//
// A period closes: by the clock, or because an operator says so. Everything that has come in goes
// into batches, each pair that ever had one gets one, and all are netted: in as many passes as that
// takes, each with a commit of its own, so that messages are heard in between and a restart goes on
// where the last commit was. What comes in meanwhile may be in it or in the next one.

#include "platform/settle.h"

#include <string.h>

// What the buyer has not said yet is waited for: its word may make it less.
#define RIPE_US (10 * G_TIME_SPAN_SECOND)
// Who has not reported by then has lost its claim.
#define LATE_US (7 * G_TIME_SPAN_DAY)

// So many records are looked at in one pass, and each pair counts for some.
#define PASS_RECORDS 2000
#define PAIR_RECORDS 10

#define STAGE(name) PLATFORM__STATE__SETTLE_STAGE__SETTLE_##name

gboolean settle_is_closing(const Accounts *accounts)
{
    return accounts->stage != STAGE(IDLE);
}

// When its clock was set back, nobody knows how long it has waited.
gboolean settle_is_ripe(const Federation *federation, const WireCharge *charge)
{
    gint64 received_us = (gint64)charge->received_at_us;
    return charge->is_metered || received_us + RIPE_US <= federation->now ||
           received_us > federation->now;
}

// --- what is over --------------------------------------------------------------------------------

// Somebody who took part may still report, and say that it was less.
static gboolean is_open(const Federation *federation, const WireCharge *charge)
{
    g_autofree char *name = grant_name(charge->request, charge->attempt);
    return g_hash_table_contains(federation->accounts->grants, name);
}

// A seller that does not know yet where its record went may say it again, for as long as anybody
// may report.
static gboolean is_told(Federation *federation, const WireCharge *charge)
{
    const Series *series = series_find(federation, charge->seller, charge->buyer);
    const Platform__State__Batch *batch =
        series ? series_find_batch(series, charge->sequence) : NULL;
    return !batch || batch->seller_has ||
           (gint64)batch->statement->until_us + LATE_US <= federation->now;
}

// What was settled in an earlier period, and can become no less, is not needed any more: the
// statements have it. What a provider did for itself nobody pays.
static gboolean is_needed(Federation *federation, const WireCharge *charge)
{
    return !charge_is_own(charge) && (is_open(federation, charge) || !is_told(federation, charge));
}

// FALSE: there is more.
static gboolean forget_some(Federation *federation, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    for (; *n_left > 0; (*n_left)--) {
        const WireCharge *charge = over_next(accounts, &accounts->at);
        if (!charge)
            return TRUE;
        if (!is_needed(federation, charge))
            charge_forget(federation, accounts->at.record);
    }
    return FALSE;
}

// --- what goes into the period -------------------------------------------------------------------

static Series *series_after(const Accounts *accounts, const char *name)
{
    GTreeNode *node = g_tree_upper_bound(accounts->series, name);
    return node ? g_tree_node_value(node) : NULL;
}

static gboolean has_ripe(const Federation *federation, const Due *due)
{
    DuePosition position = {0};
    WireCharge *charge = due_next(due, &position);
    while (charge && !settle_is_ripe(federation, charge))
        charge = due_next(due, &position);
    return charge != NULL;
}

// The next pair that has had batches, or gets its first; NULL: there is none.
static Series *next_series(Federation *federation, const Due **ret_due)
{
    const Accounts *accounts = federation->accounts;
    Series *series = series_after(accounts, accounts->done);
    const Due *due = due_after(accounts, accounts->done);
    while (due && (!series || strcmp(due->name, series->name) < 0)) {
        *ret_due = due;
        if (has_ripe(federation, due))
            return series_open(federation, due->seller, due->buyer);
        due = due_after(accounts, due->name);
    }
    *ret_due = due && series && strcmp(due->name, series->name) == 0 ? due : NULL;
    return series;
}

// Another pair may come before the one that the last pass did not finish: what was counted is not
// of that one.
static void turn_to(Accounts *accounts, const char *pair)
{
    if (g_strcmp0(accounts->current, pair) == 0)
        return;
    g_free(accounts->current);
    accounts->current = g_strdup(pair);
    accounts->at = (DuePosition){0};
    g_clear_pointer(&accounts->spent, g_array_unref);
}

// FALSE: there is more.
static gboolean settle_some(Federation *federation, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    while (*n_left > 0) {
        const Due *due = NULL;
        Series *series = next_series(federation, &due);
        if (!series)
            return TRUE;
        turn_to(accounts, series->name);
        if (!settle_series(federation, series, due, n_left))
            return FALSE;
        *n_left -= MIN(*n_left, PAIR_RECORDS);
        g_free(accounts->done);
        accounts->done = g_strdup(series->name);
    }
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

// A clock that was set back makes no period longer.
static void arm_period(Federation *federation)
{
    const Accounts *accounts = federation->accounts;
    gint64 period_us = (gint64)federation->config->accounts.period_s * G_USEC_PER_SEC;
    gint64 since_us = MIN(accounts->closed_at_us, federation->now);
    if (settle_is_closing(accounts))
        timers_arm(federation->timers, TIMER_PERIOD, "", federation->now + 1);
    else if (period_us > 0)
        timers_arm(federation->timers, TIMER_PERIOD, "",
                   MAX(since_us + period_us, federation->now));
}

static void enter(Accounts *accounts, Platform__State__SettleStage stage)
{
    accounts->stage = stage;
    accounts->at = (DuePosition){0};
    turn_to(accounts, NULL);
    g_free(accounts->done);
    accounts->done = g_strdup("");
}

static void finish(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    enter(accounts, STAGE(IDLE));
    accounts->finished_us = federation->now;
    settle_net(federation, (guint64)accounts->from_us);
    forget_late(federation);
    g_tree_foreach(accounts->series, tell_one, federation);
}

static void step(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    guint n_left = PASS_RECORDS;
    if (accounts->stage == STAGE(FORGET) && forget_some(federation, &n_left))
        enter(accounts, STAGE(BATCH));
    if (accounts->stage == STAGE(BATCH) && settle_some(federation, &n_left))
        finish(federation);
    settle_save_period(federation);
    arm_period(federation);
}

void settle_close(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    if (settle_is_closing(accounts))
        return;
    accounts->period++;
    accounts->from_us = MIN(accounts->closed_at_us, federation->now);
    accounts->closed_at_us = federation->now;
    g_clear_pointer(&accounts->settled_by, g_free);
    enter(accounts, STAGE(FORGET));
    step(federation);
}

void settle_continue(Federation *federation)
{
    if (settle_is_closing(federation->accounts))
        step(federation);
    else
        settle_close(federation);
}

// After a restart: what was not answered is said again, what was closing goes on, and what is due
// is closed.
void settle_resume(Federation *federation)
{
    if (federation->accounts->closed_at_us == 0)
        federation->accounts->closed_at_us = federation->now;
    settle_save_period(federation);
    g_tree_foreach(federation->accounts->series, tell_one, federation);
    arm_period(federation);
}

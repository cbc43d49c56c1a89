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

// An operator repeats itself until it is answered: it means one period.
#define SAME_US (15 * G_TIME_SPAN_SECOND)

// So many records are looked at in one pass, and each pair, and each
// that is given up, counts for some.
#define PASS_RECORDS 2000
#define PAIR_RECORDS 10
#define LATE_RECORDS 10u

#define STAGE(name) PLATFORM__STATE__SETTLE_STAGE__SETTLE_##name

void settle_set_done(Accounts *accounts, const char *name)
{
    char *done = g_strdup(name);
    g_free(accounts->done);
    accounts->done = done;
}

gboolean settle_is_closing(const Accounts *accounts)
{
    return accounts->stage != STAGE(IDLE);
}

gboolean settle_is_fresh(const Federation *federation)
{
    const Accounts *accounts = federation->accounts;
    gint64 last_us = MAX(accounts->closed_at_us, accounts->finished_us);
    return settle_is_closing(accounts) || federation->now < last_us + SAME_US;
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

// Of the next period. What comes after now was there before a clock was set back.
static gboolean is_new(const Federation *federation, const WireCharge *charge)
{
    gint64 received_us = (gint64)charge->received_at_us;
    return received_us > federation->accounts->closed_at_us && received_us <= federation->now;
}

// FALSE: there is more.
static gboolean forget_some(Federation *federation, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    for (; *n_left > 0; (*n_left)--) {
        const WireCharge *charge = over_next(accounts, &accounts->at);
        if (!charge)
            return TRUE;
        if (is_new(federation, charge))
            accounts->at = (DuePosition){.at_us = (guint64)federation->now + 1};
        else if (!is_needed(federation, charge))
            charge_forget(federation, accounts->at.record);
    }
    return FALSE;
}

// --- what goes into the period -------------------------------------------------------------------

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

// The first pair after the last one that is done; NULL: there is none.
static const char *next_pair(const Accounts *accounts)
{
    const Series *series = series_after(accounts, accounts->done);
    const Due *due = due_after(accounts, accounts->done);
    if (due && (!series || strcmp(due->name, series->name) < 0))
        return due->name;
    return series ? series->name : NULL;
}

// From where the walk stands.
static gboolean has_ripe(Federation *federation, const Due *due, guint *n_left)
{
    WireCharge *charge = NULL;
    for (; *n_left > 0 && (charge = due_next(due, &federation->accounts->at)); (*n_left)--) {
        if (settle_is_ripe(federation, charge))
            return TRUE;
    }
    return FALSE;
}

// A pair that has had batches gets its next, another its first when there is something to put in.
// FALSE: there is more.
static gboolean settle_pair(Federation *federation, const char *pair, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    Series *series = g_tree_lookup(accounts->series, pair);
    const Due *due = g_tree_lookup(accounts->due, pair);
    turn_to(accounts, pair);
    if (!series && !has_ripe(federation, due, n_left))
        return *n_left > 0;
    if (!series) {
        series = series_open(federation, due->seller, due->buyer);
        accounts->at = (DuePosition){0};
    }
    return settle_series(federation, series, due, n_left);
}

// FALSE: there is more.
static gboolean settle_some(Federation *federation, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    const char *pair = NULL;
    while ((pair = next_pair(accounts))) {
        if (*n_left == 0)
            return FALSE;
        // What is due of it may go, and its name with it.
        g_autofree char *name = g_strdup(pair);
        if (!settle_pair(federation, name, n_left))
            return FALSE;
        *n_left -= MIN(*n_left, PAIR_RECORDS);
        settle_set_done(accounts, name);
    }
    return TRUE;
}

// --- what nobody has reported --------------------------------------------------------------------

// The last comes first: they are taken from the end.
static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

static GPtrArray *find_late(const Federation *federation)
{
    GPtrArray *late = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer name, grant;
    g_hash_table_iter_init(&iter, federation->accounts->grants);
    while (g_hash_table_iter_next(&iter, &name, &grant)) {
        if ((gint64)((Platform__State__Grant *)grant)->granted_at_us + LATE_US <= federation->now)
            g_ptr_array_add(late, g_strdup(name));
    }
    g_ptr_array_sort(late, compare_names);
    return late;
}

static void give_up(Federation *federation, const char *name)
{
    // Reported since it was found, it is no more.
    if (!g_hash_table_contains(federation->accounts->grants, name))
        return;
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "usage.missing",
                                  .subject = name},
                     "not everybody who took part has reported it in 7 days");
    grant_drop(federation, name);
}

// FALSE: there is more.
static gboolean forget_late(Federation *federation, guint *n_left)
{
    Accounts *accounts = federation->accounts;
    if (!accounts->late)
        accounts->late = find_late(federation);
    for (; *n_left > 0; *n_left -= MIN(*n_left, LATE_RECORDS)) {
        if (accounts->late->len == 0) {
            g_clear_pointer(&accounts->late, g_ptr_array_unref);
            return TRUE;
        }
        g_autofree char *name = g_ptr_array_steal_index(accounts->late, accounts->late->len - 1);
        give_up(federation, name);
    }
    return FALSE;
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
    settle_set_done(accounts, "");
}

static void finish(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    enter(accounts, STAGE(IDLE));
    accounts->finished_us = federation->now;
    settle_tell_all(federation);
}

static void step(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    guint of_pass = federation->config->accounts.pass_records;
    guint n_left = of_pass > 0 ? of_pass : PASS_RECORDS;
    if (accounts->stage == STAGE(FORGET) && forget_some(federation, &n_left))
        enter(accounts, STAGE(BATCH));
    if (accounts->stage == STAGE(BATCH) && settle_some(federation, &n_left))
        enter(accounts, STAGE(NET));
    if (accounts->stage == STAGE(NET) && settle_net(federation, &n_left))
        enter(accounts, STAGE(LATE));
    if (accounts->stage == STAGE(LATE) && forget_late(federation, &n_left))
        finish(federation);
    settle_save_period(federation);
    arm_period(federation);
}

void settle_close(Federation *federation)
{
    Accounts *accounts = federation->accounts;
    if (settle_is_closing(accounts))
        return;
    // What the clock closes does not take the answer from who asked for the last.
    if (!settle_is_fresh(federation))
        g_ptr_array_set_size(accounts->settled_by, 0);
    accounts->period++;
    accounts->from_us = MIN(accounts->closed_at_us, federation->now);
    accounts->closed_at_us = federation->now;
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
    settle_tell_all(federation);
    arm_period(federation);
}

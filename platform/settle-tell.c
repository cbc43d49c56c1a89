// SPDX-License-Identifier: Apache-2.0
//
// Both parties of a batch are told of it until they have answered, one batch after the other.

#include "platform/conduct.h"

#include <string.h>

#define REPEAT_FIRST_US (2 * G_TIME_SPAN_SECOND)
#define REPEAT_MAX_US   G_TIME_SPAN_MINUTE

// Of all series so many are told at once, and the others one after the other.
#define TELL_AT_ONCE  8
#define TELL_PAUSE_US G_TIME_SPAN_MILLISECOND

static protobuf_c_boolean *answer_of(Platform__State__Batch *batch, const char *party)
{
    protobuf_c_boolean *has = NULL;
    if (strcmp(batch->statement->seller, party) == 0)
        has = &batch->seller_has;
    else if (strcmp(batch->statement->buyer, party) == 0)
        has = &batch->buyer_has;
    return has;
}

// Of a party.
static protobuf_c_boolean *again_of(Platform__State__Batch *batch, const char *party)
{
    return strcmp(batch->statement->seller, party) == 0 ? &batch->seller_again
                                                        : &batch->buyer_again;
}

static gboolean has_objection(const Platform__State__Batch *batch, const char *party)
{
    for (gsize i = 0; i < batch->n_objections; i++) {
        if (strcmp(batch->objections[i]->by, party) == 0)
            return TRUE;
    }
    return FALSE;
}

static Platform__State__Batch *first_untold(const Series *series, const char *party)
{
    for (guint i = 0; i < series->batches->len; i++) {
        Platform__State__Batch *batch = series->batches->pdata[i];
        if (!*answer_of(batch, party))
            return batch;
    }
    return NULL;
}

static void tell(Federation *federation, const Series *series, const char *party)
{
    const Platform__State__Batch *batch = first_untold(series, party);
    if (batch)
        federation_send(federation, KIND_STATEMENT, party, &batch->statement->base);
}

static gboolean is_answered(const Series *series)
{
    return !first_untold(series, series->seller) && !first_untold(series, series->buyer);
}

static void arm_repeat(Federation *federation, Series *series)
{
    if (is_answered(series)) {
        series->repeat_us = 0;
        timers_disarm(federation->timers, TIMER_BATCH, series->name);
        return;
    }
    series->repeat_us = MAX(series->repeat_us, REPEAT_FIRST_US);
    timers_arm_repeat(federation->timers, TIMER_BATCH, series->name, federation->now,
                      &series->repeat_us, REPEAT_MAX_US);
}

void settle_tell(Federation *federation, Series *series)
{
    tell(federation, series, series->seller);
    tell(federation, series, series->buyer);
    arm_repeat(federation, series);
}

// A statement is large: all at once would keep everybody else waiting.
void settle_tell_all(Federation *federation)
{
    GTree *all = federation->accounts->series;
    guint n_told = 0;
    for (GTreeNode *node = g_tree_node_first(all); node; node = g_tree_node_next(node)) {
        Series *series = g_tree_node_value(node);
        if (!is_answered(series) && n_told++ >= TELL_AT_ONCE)
            timers_arm(federation->timers, TIMER_BATCH, series->name,
                       federation->now + (n_told - TELL_AT_ONCE) * TELL_PAUSE_US);
        else
            settle_tell(federation, series);
    }
}

void settle_on_timer(Federation *federation, TimerId timer, const char *id)
{
    if (timer == TIMER_PERIOD) {
        settle_continue(federation);
        return;
    }
    Series *series = g_tree_lookup(federation->accounts->series, id);
    if (series)
        settle_tell(federation, series);
}

// --- answers -------------------------------------------------------------------------------------

static void note_objection(Federation *federation, Platform__State__Batch *batch, const char *party,
                           const WireDispute *dispute)
{
    Platform__State__Batch next = *batch;
    g_autofree WireDispute **objections = g_new(WireDispute *, batch->n_objections + 1);
    if (batch->n_objections > 0)
        memcpy(objections, batch->objections, batch->n_objections * sizeof *objections);
    WireDispute objection = *dispute;
    objection.by = (char *)party;
    objections[batch->n_objections] = &objection;
    next.objections = objections;
    next.n_objections++;
    batch_save(federation, &next);
    batch_mark(federation, &next);
    Platform__State__Batch *copy = message_copy(&next.base);
    Platform__State__Batch old = *batch;
    *batch = *copy;
    *copy = old;
    wire_free(copy);
    g_autofree char *subject = g_strdup_printf("%s %s %" G_GUINT64_FORMAT, dispute->seller,
                                               dispute->buyer, dispute->sequence);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_ALARM,
                                  .name = "statement.disputed",
                                  .subject = subject,
                                  .cause = dispute->text},
                     "by %s", party);
}

// A party that has lost what it had is told again from where it stands.
static void go_back(Federation *federation, Series *series, const char *party, guint64 expected)
{
    for (guint i = 0; i < series->batches->len; i++) {
        Platform__State__Batch *batch = series->batches->pdata[i];
        if (batch->statement->sequence < expected || !*answer_of(batch, party))
            continue;
        *answer_of(batch, party) = FALSE;
        *again_of(batch, party) = TRUE;
        batch_mark(federation, batch);
    }
}

// Its answer counts once, and so does its objection, however often it is told: that of the other
// finds its place.
static void take_answer(Federation *federation, Platform__State__Batch *batch, const char *party,
                        const WireDispute *dispute)
{
    *answer_of(batch, party) = TRUE;
    if (!*again_of(batch, party))
        conduct_on_answer(federation, party);
    if (dispute->status == STATUS_OK || has_objection(batch, party)) {
        batch_mark(federation, batch);
        return;
    }
    conduct_on_objection(federation, party, batch->statement);
    note_objection(federation, batch, party, dispute);
}

void settle_on_dispute(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireDispute *dispute = message;
    Series *series = series_find(federation, dispute->seller, dispute->buyer);
    Platform__State__Batch *batch = series ? series_find_batch(series, dispute->sequence) : NULL;
    protobuf_c_boolean *has = batch ? answer_of(batch, sender->id) : NULL;
    if (!has || *has)
        return;
    // Told again with the next repeat, not at once: a party may ask for it for ever.
    if (dispute->status != STATUS_OK && dispute->expected < dispute->sequence &&
        series_find_batch(series, dispute->expected)) {
        go_back(federation, series, sender->id, dispute->expected);
        return;
    }
    take_answer(federation, batch, sender->id, dispute);
    series->repeat_us = 0;
    tell(federation, series, sender->id);
    arm_repeat(federation, series);
}

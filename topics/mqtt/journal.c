// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/journal.h"

#include "topics/base/log.h"
#include "topics/base/timers.h"

static gint64 due_us(const Journal *journal)
{
    if (journal->first_us == 0)
        return TIMERS_NEVER;
    gint64 calm_us = journal->last_us + JOURNAL_CALM_US;
    return MAX(MIN(calm_us, journal->first_us + JOURNAL_HELD_US), journal->retry_us);
}

Journal journal_of(Store *store, const char *member, gint64 now_us)
{
    Journal journal = {.store = store, .member = member};
    if (store)
        journal.first_us = journal.last_us = now_us;
    return journal;
}

gint64 journal_note(Journal *journal, gint64 now_us)
{
    if (journal->store && store_is_dirty(journal->store)) {
        journal->last_us = now_us;
        if (journal->first_us == 0)
            journal->first_us = now_us;
    }
    return due_us(journal);
}

void journal_tidy(Journal *journal, gint64 now_us)
{
    g_autoptr(GError) error = NULL;
    if (now_us < due_us(journal))
        return;
    if (store_forget(journal->store, &error)) {
        journal->first_us = 0;
        return;
    }
    journal->retry_us = now_us + JOURNAL_HELD_US;
    log_line(G_LOG_LEVEL_WARNING, "what is deleted is still in the store's journal", "member",
             journal->member, "cause", error->message, NULL);
}

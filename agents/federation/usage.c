// SPDX-License-Identifier: Apache-2.0
//
// Records of usage on their way to the platform: durable in the pass that did the order, said again
// until answered, many in a frame. Nobody waits for them: they are said after the answers.

#include "agents/federation/usage.h"

#include "agents/federation/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/record.h"
#include "topics/settlement.h"

#define FIRST_US      G_TIME_SPAN_SECOND
#define REPEAT_US     (2 * G_TIME_SPAN_SECOND)
#define REPEAT_MAX_US (8 * G_TIME_SPAN_SECOND)

// So many are under way at a time: the platform takes them in one pass, and requests wait for it.
#define PAGE_MAX 256

// An hour of a busy provider without its platform.
#define RECORDS_MAX 1000000

UsageBook *usage_book_new(void)
{
    UsageBook *book = g_new0(UsageBook, 1);
    book->records = g_tree_new_full(id_compare, NULL, NULL, wire_free);
    book->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return book;
}

void usage_book_free(UsageBook *book)
{
    if (!book)
        return;
    g_tree_unref(book->records);
    g_hash_table_unref(book->sessions);
    g_free(book);
}

gboolean usage_is_full(const Agent *agent)
{
    return g_tree_nnodes(agent->usage->records) >= RECORDS_MAX;
}

// --- reports -------------------------------------------------------------------------------------

static void report(Agent *agent)
{
    UsageBook *book = agent->usage;
    book->n_under_way = 0;
    for (GTreeNode *node = g_tree_node_first(book->records); node && book->n_under_way < PAGE_MAX;
         node = g_tree_node_next(node)) {
        const WireUsage *record = g_tree_node_value(node);
        agent_send(agent, KIND_USAGE, agent->config->platform, &record->base);
        book->n_under_way++;
    }
    if (book->n_under_way == 0) {
        book->repeat_us = 0;
        return;
    }
    if (book->repeat_us == 0)
        book->repeat_us = REPEAT_US;
    timers_arm_repeat(agent->timers, TIMER_USAGE, "", agent->now, &book->repeat_us, REPEAT_MAX_US);
}

static void report_soon(Agent *agent)
{
    if (agent->usage->repeat_us > 0)
        return;
    agent->usage->repeat_us = REPEAT_US;
    timers_arm(agent->timers, TIMER_USAGE, "", agent->now + FIRST_US);
}

void usage_report_again(Agent *agent)
{
    agent->usage->repeat_us = 0;
    if (g_tree_nnodes(agent->usage->records) > 0)
        report_soon(agent);
}

void usage_on_timer(Agent *agent, TimerId timer, const char *id)
{
    if (timer == TIMER_USAGE) {
        report(agent);
        return;
    }
    store_delete_text(agent->store, "usage_session", id);
    g_hash_table_remove(agent->usage->sessions, id);
}

// --- records -------------------------------------------------------------------------------------

void usage_add(Agent *agent, WireUsage *record)
{
    g_autoptr(GBytes) value = message_pack(&record->base);
    store_put_text(agent->store, "usage", record->record, value);
    g_tree_replace(agent->usage->records, record->record, record);
    report_soon(agent);
}

static void drop(Agent *agent, const char *id)
{
    store_delete_text(agent->store, "usage", id);
    g_tree_remove(agent->usage->records, id);
}

void usage_void(Agent *agent, const char *request, guint attempt)
{
    char id[UUID_CHARS + 1];
    record_id_derive(request, attempt, agent->config->id, id);
    if (g_tree_lookup(agent->usage->records, id))
        drop(agent, id);
}

static void tell_refusal(Agent *agent, const WireUsageState *state)
{
    if (state->status != STATUS_OK && state->status != STATUS_VOIDED)
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "usage.refused", state->record,
                    "%s", state->text);
}

void usage_on_state(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    UsageBook *book = agent->usage;
    const WireUsageState *state = message;
    if (sender->role != ROLE_PLATFORM || !g_tree_lookup(book->records, state->record))
        return;
    tell_refusal(agent, state);
    drop(agent, state->record);
    book->n_under_way -= book->n_under_way > 0;
    // The next page goes as soon as this one is in the accounts.
    if (book->n_under_way == 0) {
        book->repeat_us = 0;
        timers_disarm(agent->timers, TIMER_USAGE, "");
        report(agent);
    }
}

// --- store ---------------------------------------------------------------------------------------

static void load_record(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *id = record_name(key);
    WireUsage *record = record_unpack(&qkdnf__v1__usage__descriptor, value);
    if (record && g_str_equal(record->record, id)) {
        g_tree_replace(agent->usage->records, record->record, record);
        return;
    }
    record_fail(loading, "usage", id, "is damaged");
    wire_free(record);
}

static void load_session(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *id = record_name(key);
    Agent__State__UsageSession *state =
        record_unpack(&agent__state__usage_session__descriptor, value);
    if (state)
        usage_keep_session(
            agent, id, &(UsageSession){state->next, (gint64)state->until_us, state->n_partials});
    else
        record_fail(loading, "usage of session", id, "is damaged");
    wire_free(state);
}

gboolean usage_load(Agent *agent, GError **error)
{
    if (!record_load(agent->store, "usage", load_record, agent, error) ||
        !record_load(agent->store, "usage_session", load_session, agent, error))
        return FALSE;
    usage_report_again(agent);
    return TRUE;
}

// SPDX-License-Identifier: Apache-2.0
//
// The books of quotas: how much was used of each agreement that has one, in each of the periods
// that orders may still name. What is used is durable together with the order that used it.

#include "agents/federation/assent.h"
#include "agents/federation/state.pb-c.h"
#include "topics/record.h"

typedef struct {
    guint64 period;
    guint64 used_bits; // in it
    guint64 held_bits; // for orders under way
} Page;

typedef struct {
    char *id;
    GArray *pages; // Page
} Quota;

void quota_free(gpointer data)
{
    Quota *quota = data;
    g_free(quota->id);
    g_array_unref(quota->pages);
    g_free(quota);
}

static Quota *find_or_add(Agent *agent, const char *id)
{
    Quota *quota = g_tree_lookup(agent->quotas, id);
    if (!quota) {
        quota = g_new0(Quota, 1);
        quota->id = g_strdup(id);
        quota->pages = g_array_new(FALSE, FALSE, sizeof(Page));
        g_tree_insert(agent->quotas, quota->id, quota);
    }
    return quota;
}

static Page *find_page(const Quota *quota, guint64 period)
{
    for (guint i = 0; quota && i < quota->pages->len; i++) {
        Page *page = &g_array_index(quota->pages, Page, i);
        if (page->period == period)
            return page;
    }
    return NULL;
}

static Page *find_or_add_page(Quota *quota, guint64 period)
{
    if (!find_page(quota, period)) {
        const Page page = {.period = period};
        g_array_append_val(quota->pages, page);
    }
    return find_page(quota, period);
}

guint64 quota_used(const Agent *agent, const char *id, guint64 period)
{
    const Page *page = find_page(g_tree_lookup(agent->quotas, id), period);
    return page ? page->used_bits + page->held_bits : 0;
}

// No order may name an earlier period any more.
static void forget_before(Quota *quota, guint64 oldest)
{
    for (guint i = quota->pages->len; i > 0; i--) {
        const Page *page = &g_array_index(quota->pages, Page, i - 1);
        if (page->period < oldest && page->held_bits == 0)
            g_array_remove_index(quota->pages, i - 1);
    }
}

void quota_hold(Agent *agent, const char *id, guint64 period, guint64 n_bits, guint64 oldest)
{
    Quota *quota = find_or_add(agent, id);
    forget_before(quota, oldest);
    find_or_add_page(quota, period)->held_bits += n_bits;
}

static void save(Agent *agent, const Quota *quota)
{
    guint n_pages = quota->pages->len;
    g_autofree Agent__State__QuotaPeriod *periods = g_new(Agent__State__QuotaPeriod, n_pages);
    g_autofree Agent__State__QuotaPeriod **pointers = g_new(Agent__State__QuotaPeriod *, n_pages);
    for (guint i = 0; i < n_pages; i++) {
        const Page *page = &g_array_index(quota->pages, Page, i);
        periods[i] = (Agent__State__QuotaPeriod)AGENT__STATE__QUOTA_PERIOD__INIT;
        periods[i].period = page->period;
        periods[i].used_bits = page->used_bits;
        pointers[i] = &periods[i];
    }
    Agent__State__Quota state = AGENT__STATE__QUOTA__INIT;
    state.n_periods = n_pages;
    state.periods = pointers;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "quota", quota->id, value);
}

void quota_close(Agent *agent, const char *id, guint64 period, guint64 n_bits, gboolean is_used)
{
    Quota *quota = find_or_add(agent, id);
    Page *page = find_or_add_page(quota, period);
    page->held_bits -= MIN(n_bits, page->held_bits);
    if (!is_used)
        return;
    page->used_bits += n_bits;
    save(agent, quota);
}

static void load_quota(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    g_autofree char *id = record_name(key);
    Agent__State__Quota *state = record_unpack(&agent__state__quota__descriptor, value);
    if (!state)
        record_fail(loading, "quota of agreement", id, "is damaged");
    for (gsize i = 0; state && i < state->n_periods; i++) {
        Quota *quota = find_or_add(loading->core, id);
        find_or_add_page(quota, state->periods[i]->period)->used_bits =
            state->periods[i]->used_bits;
    }
    wire_free(state);
}

gboolean quota_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "quota", load_quota, agent, error);
}

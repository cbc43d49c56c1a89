// SPDX-License-Identifier: Apache-2.0
//
// The books of quotas: how much was used of each agreement that has one, in the period that it is
// in. What is used is durable together with the order that used it.

#include "agents/federation/assent.h"
#include "agents/federation/state.pb-c.h"
#include "topics/record.h"

typedef struct {
    char *id;
    guint64 period;
    guint64 used_bits; // in it
    guint64 held_bits; // for orders under way
} Quota;

void quota_free(gpointer data)
{
    g_free(((Quota *)data)->id);
    g_free(data);
}

static Quota *find_or_add(Agent *agent, const char *id)
{
    Quota *quota = g_tree_lookup(agent->quotas, id);
    if (!quota) {
        quota = g_new0(Quota, 1);
        quota->id = g_strdup(id);
        g_tree_insert(agent->quotas, quota->id, quota);
    }
    return quota;
}

guint64 quota_used(const Agent *agent, const char *id, guint64 period)
{
    const Quota *quota = g_tree_lookup(agent->quotas, id);
    if (!quota)
        return 0;
    return quota->held_bits + (quota->period == period ? quota->used_bits : 0);
}

void quota_hold(Agent *agent, const char *id, guint64 n_bits)
{
    find_or_add(agent, id)->held_bits += n_bits;
}

static void use(Agent *agent, Quota *quota, guint64 n_bits, guint64 period)
{
    if (quota->period != period)
        quota->used_bits = 0;
    quota->period = period;
    quota->used_bits += n_bits;
    Agent__State__Quota state = AGENT__STATE__QUOTA__INIT;
    state.period = quota->period;
    state.used_bits = quota->used_bits;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "quota", quota->id, value);
}

void quota_close(Agent *agent, const char *id, guint64 n_bits, guint64 period)
{
    Quota *quota = find_or_add(agent, id);
    quota->held_bits -= MIN(n_bits, quota->held_bits);
    if (period > 0)
        use(agent, quota, n_bits, period);
}

static void load_quota(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    g_autofree char *id = record_name(key);
    Agent__State__Quota *state = record_unpack(&agent__state__quota__descriptor, value);
    if (state) {
        Quota *quota = find_or_add(loading->core, id);
        quota->period = state->period;
        quota->used_bits = state->used_bits;
    } else {
        record_fail(loading, "quota of agreement", id, "is damaged");
    }
    wire_free(state);
}

gboolean quota_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "quota", load_quota, agent, error);
}

// SPDX-License-Identifier: Apache-2.0
//
// What an order was: this provider's own metering, from nothing but what it did.

#include "agents/federation/order.h"
#include "agents/federation/usage.h"
#include "agents/federation/state.pb-c.h"
#include "topics/settlement.h"

#include <string.h>

#define PURPOSE(name) QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_##name

// A session that has rested for so long begins anew.
#define RESTED_US G_TIME_SPAN_HOUR

// --- purpose -------------------------------------------------------------------------------------

// An end here that is another provider's user.
static gboolean has_visitor(const Agent *agent, const WireOrder *order)
{
    if (order_is_home(agent, order) && !discovery_find_application(agent, order->initiator))
        return TRUE;
    for (gsize i = 0; i < order->n_branches; i++) {
        const WireBranch *branch = order->branches[i];
        if ((branch->role == BRANCH(TARGET) || branch->role == BRANCH(LOCAL)) &&
            !discovery_find_application(agent, order->targets[branch->target]))
            return TRUE;
    }
    return FALSE;
}

static Qkdnf__V1__UsagePurpose purpose_of(const Agent *agent, const WireOrder *order)
{
    if (order->copy)
        return PURPOSE(COPY);
    if (has_visitor(agent, order))
        return PURPOSE(VISITOR);
    return order_is_home(agent, order) || order_is_target(order) ? PURPOSE(END) : PURPOSE(TRANSIT);
}

// --- sessions ------------------------------------------------------------------------------------

void usage_keep_session(Agent *agent, const char *session, const UsageSession *kept)
{
    UsageSession *copy = g_new(UsageSession, 1);
    *copy = *kept;
    g_hash_table_replace(agent->usage->sessions, g_strdup(session), copy);
    timers_arm(agent->timers, TIMER_RESTED, session, agent->now + RESTED_US);
}

static void save_session(Agent *agent, const char *session, const UsageSession *kept)
{
    Agent__State__UsageSession state = AGENT__STATE__USAGE_SESSION__INIT;
    state.next = kept->next;
    state.until_us = (guint64)kept->until_us;
    state.n_partials = kept->n_partials;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "usage_session", session, value);
    usage_keep_session(agent, session, kept);
}

// While the numbers of its keys go on, all of the session came over this provider, and the time in
// between was the session's, too.
static void place_in_session(Agent *agent, const WireOrder *order, WireUsage *record)
{
    const UsageSession *last = g_hash_table_lookup(agent->usage->sessions, record->session);
    UsageSession next = {order->session->first + order->number, agent->now, 1};
    if (last && last->next == order->session->first) {
        record->partial = last->n_partials;
        record->start_us = (guint64)MIN(last->until_us, agent->now);
        next.n_partials = last->n_partials + 1;
    }
    save_session(agent, record->session, &next);
}

// --- what the buyer got --------------------------------------------------------------------------

typedef struct {
    WireUsageShare *shares; // room for as many as there are providers on all branches
    WireUsageShare **pointers;
    gsize n;
} Shares;

static WireUsageShare *share_of(Shares *shares, char *provider)
{
    for (gsize i = 0; i < shares->n; i++) {
        if (strcmp(shares->shares[i].provider, provider) == 0)
            return &shares->shares[i];
    }
    WireUsageShare *share = &shares->shares[shares->n];
    *share = (WireUsageShare)WIRE_USAGE_SHARE_INIT;
    share->provider = provider;
    shares->pointers[shares->n++] = share;
    return share;
}

static void count_share(const Agent *agent, const WireOrder *order, const WireBranch *branch,
                        Shares *shares)
{
    for (gsize i = 0; i < branch->n_providers; i++) {
        if (strcmp(branch->providers[i], agent->config->id) == 0)
            continue;
        WireUsageShare *share = share_of(shares, branch->providers[i]);
        share->keys = order->number;
        share->bits += (guint64)order->number * order->size_bits;
    }
}

static gsize n_places(const WireOrder *order)
{
    gsize n = 0;
    for (gsize i = 0; i < order->n_branches; i++)
        n += order->branches[i]->n_providers;
    return n;
}

static void list_shares(const Agent *agent, const WireOrder *order, Shares *ret_shares)
{
    gsize n = n_places(order);
    *ret_shares = (Shares){g_new0(WireUsageShare, n), g_new0(WireUsageShare *, n), 0};
    for (gsize i = 0; i < order->n_branches; i++)
        count_share(agent, order, order->branches[i], ret_shares);
}

// --- records -------------------------------------------------------------------------------------

void usage_meter(Agent *agent, const WireOrder *order, gint64 started_us)
{
    char id[UUID_CHARS + 1];
    record_id_derive(order->request, order->attempt, agent->config->id, id);
    WireUsage record = WIRE_USAGE_INIT;
    record.record = id;
    record.request = order->request;
    record.attempt = order->attempt;
    record.session = order->session ? order->session->session : (char *)"";
    record.purpose = purpose_of(agent, order);
    record.buyer = order->buyer;
    record.keys = order->number;
    record.bits = (guint64)order->number * order->size_bits * order->n_branches;
    record.start_us = (guint64)MIN(started_us, agent->now);
    record.end_us = (guint64)agent->now;
    record.cause = QKDNF__V1__STATUS__STATUS_OK;
    // Copies have the numbers of keys that were recorded when they were made.
    if (order->session && !order->copy)
        place_in_session(agent, order, &record);
    Shares shares = {0};
    if (order_is_home(agent, order) && strcmp(order->buyer, agent->config->id) == 0)
        list_shares(agent, order, &shares);
    record.shares = shares.pointers;
    record.n_shares = shares.n;
    usage_add(agent, message_copy(&record.base));
    g_free(shares.shares);
    g_free(shares.pointers);
}

// SPDX-License-Identifier: Apache-2.0
//
// What the platform is told of the key on border links: when it matters, and at every heartbeat.

#include "agents/federation/border.h"

#define HEARTBEAT_US (2 * G_TIME_SPAN_SECOND)

// Worth telling before the next heartbeat: the state changed, or enough key has come that the
// platform could be waiting for.
static gboolean stock_has_news(const Agent *agent, const Border *border)
{
    guint64 step = MAX(agent->config->ledger.high_slots / 32, 1);
    guint64 end = ledger_open_end(border->ledger);
    gboolean was_low = border->reported_n_open < 2 * step;
    return border->up != border->reported_up || end < border->reported_end ||
           end - border->reported_end >= (was_low ? 1 : step);
}

typedef struct {
    Agent *agent;
    gboolean all;
    GArray *links;
} Report;

static gboolean report_one(gpointer key, gpointer value, gpointer data)
{
    Report *report = data;
    Border *border = value;
    if (!report->all && !stock_has_news(report->agent, border))
        return FALSE;
    WireLinkStock stock = WIRE_LINK_STOCK_INIT;
    stock.link = border->id;
    stock.open_end = border->reported_end = ledger_open_end(border->ledger);
    stock.n_open = border->reported_n_open = ledger_n_open(border->ledger);
    stock.first_open = ledger_first_open(border->ledger);
    stock.fill_bps = border->up ? border->rate_bps : 0;
    stock.up = border->reported_up = border->up;
    stock.capacity = border->is_filler ? report->agent->config->ledger.high_slots : 0;
    g_array_append_val(report->links, stock);
    return FALSE;
}

void border_report(Agent *agent, gboolean all)
{
    g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(WireLinkStock));
    Report report = {agent, all, links};
    g_tree_foreach(agent->borders, report_one, &report);
    if (links->len == 0 && !all)
        return;
    g_autofree WireLinkStock **pointers = g_new(WireLinkStock *, links->len + 1);
    for (guint i = 0; i < links->len; i++)
        pointers[i] = &g_array_index(links, WireLinkStock, i);
    WireStock stock = WIRE_STOCK_INIT;
    stock.resource_version = agent->resource ? agent->resource->version : 0;
    stock.n_links = links->len;
    stock.links = pointers;
    agent_send(agent, KIND_STOCK, agent->config->platform, &stock.base);
    if (all)
        timers_arm(agent->timers, TIMER_HEARTBEAT, "", agent->now + HEARTBEAT_US);
}

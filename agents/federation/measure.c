// SPDX-License-Identifier: Apache-2.0
//
// What the agent core counts of itself.

#include "agents/federation/border.h"
#include "agents/federation/core.h"

static const MetricInfo keys_delivered_total = {
    "qkdnf_keys_delivered_total", "Keys handed to applications by ETSI GS QKD 014.", TRUE, NULL};
static const MetricInfo key_calls_total = {
    "qkdnf_key_calls_total", "Calls of applications answered, by verdict.", TRUE, "verdict"};
static const MetricInfo key_calls_waiting = {
    "qkdnf_key_calls_waiting", "Calls of applications that are not answered yet.", FALSE, NULL};
static const MetricInfo orders = {"qkdnf_orders", "Orders under way, or done and still remembered.",
                                  FALSE, NULL};
static const MetricInfo uncovered_total = {
    "qkdnf_orders_uncovered_total",
    "Orders refused because no agreement of this provider covers them.", TRUE, NULL};
static const MetricInfo border_slots = {"qkdnf_border_slots",
                                        "Slots of 32 bytes in stock at this end of a border link.",
                                        FALSE, "link"};
static const MetricInfo border_up = {
    "qkdnf_border_up", "1 while this end of a border link can be used.", FALSE, "link"};

static const MetricInfo rating = {
    "qkdnf_rating", "How this provider serves, of 1000, as others measured it.", FALSE, NULL};

static const char *const verdict_names[N_KEY_VERDICTS] = {
    [KEY_VERDICT_OK] = "OK",
    [KEY_VERDICT_BAD_REQUEST] = "BAD_REQUEST",
    [KEY_VERDICT_UNAUTHORIZED] = "UNAUTHORIZED",
    [KEY_VERDICT_UNAVAILABLE] = "UNAVAILABLE",
};

static void measure_borders(const Agent *agent, Metrics *metrics)
{
    for (GTreeNode *each = g_tree_node_first(agent->borders); each; each = g_tree_node_next(each)) {
        const Border *border = g_tree_node_value(each);
        metrics_add(metrics, &border_slots, border->id, (double)ledger_n_open(border->ledger));
    }
    for (GTreeNode *each = g_tree_node_first(agent->borders); each; each = g_tree_node_next(each)) {
        const Border *border = g_tree_node_value(each);
        metrics_add(metrics, &border_up, border->id, border->up);
    }
}

void agent_measure(const Agent *agent, Metrics *metrics)
{
    metrics_add(metrics, &keys_delivered_total, NULL, (double)agent->n_keys_delivered);
    for (guint i = 0; i < N_KEY_VERDICTS; i++)
        metrics_add(metrics, &key_calls_total, verdict_names[i], (double)agent->n_calls[i]);
    metrics_add(metrics, &key_calls_waiting, NULL, g_hash_table_size(agent->calls));
    metrics_add(metrics, &orders, NULL, g_hash_table_size(agent->orders));
    metrics_add_alarms(metrics, agent->alarms);
    metrics_add(metrics, &uncovered_total, NULL, (double)agent->n_uncovered);
    measure_borders(agent, metrics);
    if (agent->rating > 0)
        metrics_add(metrics, &rating, NULL, agent->rating);
}

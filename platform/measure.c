// SPDX-License-Identifier: Apache-2.0
//
// What the federation core counts of itself.

#include "platform/member.h"

static const MetricInfo requests_total = {
    "qkdnf_requests_total", "Key requests answered for good, by status.", TRUE, "status"};
static const MetricInfo requests_running = {"qkdnf_requests_running",
                                            "Key requests that are not answered yet.", FALSE, NULL};
static const MetricInfo members = {"qkdnf_members", "Providers, by state of membership.", FALSE,
                                   "state"};
static const MetricInfo members_present = {"qkdnf_members_present",
                                           "Providers whose agents are on the bus.", FALSE, NULL};
static const MetricInfo applications = {"qkdnf_applications",
                                        "Applications that a provider vouches for.", FALSE, NULL};
static const MetricInfo sessions = {
    "qkdnf_sessions", "Sessions that are open, or closed and still remembered.", FALSE, NULL};
static const MetricInfo handovers = {
    "qkdnf_handovers", "Handovers under way, or over and still remembered.", FALSE, NULL};

static void measure_requests(const Federation *federation, Metrics *metrics)
{
    const ProtobufCEnumDescriptor *type = &qkdnf__v1__status__descriptor;
    for (unsigned i = 1; i < type->n_values; i++) {
        int status = type->values[i].value;
        metrics_add(metrics, &requests_total, status_name((Status)status),
                    (double)federation->n_answered[status]);
    }
    guint64 n_running = 0;
    GHashTableIter iter;
    gpointer count;
    g_hash_table_iter_init(&iter, federation->n_running);
    while (g_hash_table_iter_next(&iter, NULL, &count))
        n_running += GPOINTER_TO_UINT(count);
    metrics_add(metrics, &requests_running, NULL, (double)n_running);
}

static void measure_members(const Federation *federation, Metrics *metrics)
{
    const ProtobufCEnumDescriptor *type = &qkdnf__v1__member_state__descriptor;
    guint n_present = 0;
    for (unsigned i = 0; i < type->n_values; i++) {
        guint n = 0;
        for (GTreeNode *each = g_tree_node_first(federation->members); each;
             each = g_tree_node_next(each)) {
            const Member *member = g_tree_node_value(each);
            n += (int)member->state == type->values[i].value;
            n_present += i == 0 && member->presence.alive;
        }
        metrics_add(metrics, &members, member_state_name((MemberState)type->values[i].value), n);
    }
    metrics_add(metrics, &members_present, NULL, n_present);
}

void federation_measure(const Federation *federation, Metrics *metrics)
{
    measure_requests(federation, metrics);
    measure_members(federation, metrics);
    metrics_add_alarms(metrics, federation->alarms);
    metrics_add(metrics, &applications, NULL, g_tree_nnodes(federation->applications));
    metrics_add(metrics, &sessions, NULL, g_tree_nnodes(federation->streams));
    metrics_add(metrics, &handovers, NULL, g_hash_table_size(federation->handovers));
}

// SPDX-License-Identifier: Apache-2.0
//
// Who may serve whose users. Two have a say: the home provider, and the one that is to serve.

#include "platform/handover.h"
#include "platform/member.h"

#include <string.h>

static gboolean names(char *const *list, gsize n, const char *id)
{
    for (gsize i = 0; i < n; i++) {
        if (strcmp(list[i], ID_ALL) == 0 || strcmp(list[i], id) == 0)
            return TRUE;
    }
    return FALSE;
}

static const WireRoaming *policy_of(const Provider *provider)
{
    static const WireRoaming nobody = WIRE_ROAMING_INIT;
    return provider->resource && provider->resource->roaming ? provider->resource->roaming
                                                             : &nobody;
}

// A provider without a network of its own shares another's; one that has, sends visitors.
static gboolean is_granted(const Federation *federation, const Provider *provider,
                           const Provider *home)
{
    const Member *member = member_find(federation, provider->id);
    return member && (member_scope(member) & provider_visit_purposes(home));
}

static Verdict check_agreement(Provider *home, const Provider *to)
{
    Verdict verdict = {STATUS_OK, NULL};
    Purposes purposes = provider_visit_purposes(home);
    if (!agreement_covers(home, to, purposes))
        verdict.text = agreement_explain(home, to, purposes, &verdict.status);
    return verdict;
}

Verdict roaming_check(const Federation *federation, const Application *application,
                      const Provider *to)
{
    const Provider *home = application->home;
    const WireRoaming *ours = policy_of(home), *theirs = policy_of(to);
    if (home == to)
        return (Verdict){STATUS_OK, NULL};
    if (!names(ours->may_serve_ours, ours->n_may_serve_ours, to->id))
        return (Verdict){STATUS_NOT_ALLOWED,
                         g_strdup_printf("home provider '%s' does not let '%s' serve its users",
                                         home->id, to->id)};
    if (!names(theirs->serves, theirs->n_serves, home->id))
        return (Verdict){
            STATUS_NOT_ALLOWED,
            g_strdup_printf("provider '%s' does not serve users of '%s'", to->id, home->id)};
    if (!is_granted(federation, to, home))
        return (Verdict){STATUS_NOT_ALLOWED,
                         g_strdup_printf("serving visitors is outside the scope of '%s'", to->id)};
    return check_agreement(application->home, to);
}

Qkdnf__V1__RoamingMode roaming_mode(const Application *application)
{
    return policy_of(application->home)->mode == QKDNF__V1__ROAMING_MODE__ROAMING_MODE_HOME_ROUTED
               ? QKDNF__V1__ROAMING_MODE__ROAMING_MODE_HOME_ROUTED
               : QKDNF__V1__ROAMING_MODE__ROAMING_MODE_LOCAL_BREAKOUT;
}

static void lead_through(RouteQuery *query, const Application *application)
{
    const Provider *home = application->home;
    gboolean is_end = home == query->from || home == query->to;
    gboolean is_known = query->n_via > 0 && query->via[0] == home;
    if (attachment_provider(application) != home && !is_end && !is_known &&
        roaming_mode(application) == QKDNF__V1__ROAMING_MODE__ROAMING_MODE_HOME_ROUTED)
        query->via[query->n_via++] = home;
}

void roaming_lead_home(RouteQuery *query, const Application *from, const Application *to)
{
    lead_through(query, from);
    lead_through(query, to);
}

const char *roaming_node(const Application *application, const Provider *to)
{
    const WireRoaming *theirs = policy_of(to);
    if (application->home == to)
        return application->registration->node;
    for (gsize i = 0; i < theirs->n_nodes; i++) {
        if (attachment_find_access(to, theirs->nodes[i]))
            return theirs->nodes[i];
    }
    const WireNode *first = theirs->n_nodes > 0 ? NULL : attachment_find_access(to, NULL);
    return first ? first->id : NULL;
}

// --- the best in a region ------------------------------------------------------------------------

static gboolean can_serve(const Federation *federation, const Application *application,
                          const Provider *provider, const char *region)
{
    if (!provider->is_usable || strcmp(provider->resource->region, region) != 0 ||
        !roaming_node(application, provider))
        return FALSE;
    Verdict verdict = roaming_check(federation, application, provider);
    g_free(verdict.text);
    return verdict.status == STATUS_OK;
}

// What a slot from there to one other end costs; G_MAXUINT64 where there is no way.
static guint64 cost_to(const Federation *federation, const Application *application,
                       Provider *provider, Provider *to, const char *to_node)
{
    RouteQuery query = {
        .from = provider,
        .from_node = roaming_node(application, provider),
        .to = to,
        .to_node = to_node,
        .n_slots = 1,
        .ignores_stock = TRUE,
    };
    g_autoptr(GPtrArray) route = route_find(federation->topology, &query);
    guint64 cost = 0;
    for (guint i = 0; route && i < route->len; i++)
        cost += route_cost(&query, route->pdata[i]);
    return route ? cost : G_MAXUINT64;
}

// An end that cannot be reached weighs more than any way.
#define COST_UNREACHED (G_GUINT64_CONSTANT(1) << 32)

Provider *roaming_find_best(const Federation *federation, const Application *application,
                            const char *region, const GPtrArray *others)
{
    const GPtrArray *providers = federation->topology->providers;
    Provider *best = NULL;
    guint64 best_cost = 0;
    for (guint i = 0; i < providers->len; i++) {
        Provider *provider = providers->pdata[i];
        if (!can_serve(federation, application, provider, region))
            continue;
        guint64 cost = 0;
        for (guint j = 0; j < others->len; j++) {
            const Application *other = others->pdata[j];
            cost += MIN(cost_to(federation, application, provider, attachment_provider(other),
                                attachment_node(other)),
                        COST_UNREACHED);
        }
        // Without anybody to reach, the nearest to its home.
        if (others->len == 0)
            cost = MIN(cost_to(federation, application, provider, application->home,
                               application->registration->node),
                       COST_UNREACHED);
        if (!best || cost < best_cost) {
            best = provider;
            best_cost = cost;
        }
    }
    return best;
}

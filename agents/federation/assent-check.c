// SPDX-License-Identifier: Apache-2.0
//
// Whether an order is covered: by an agreement in force here whose terms this provider has agreed
// to itself. The platform that asks is not believed.

#include "agents/federation/assent.h"
#include "agents/federation/order.h"
#include "agents/federation/relay.h"
#include "topics/base/id.h"

#include <string.h>

// Frames are under way for a while, and clocks differ.
#define GRACE_US G_TIME_SPAN_MINUTE

#define PURPOSE(name) PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_##name)

static guint64 order_bits(const WireOrder *order)
{
    return order->n_branches * relay_slots(order) * SLOT_BITS;
}

static char *say(Status status, Status *ret_status, char *text)
{
    *ret_status = status;
    return text;
}

// What the provider would do for the buyer; PURPOSES_ANY: deliver to its own users, or to visitors
// of others, which takes no certain purpose.
static Purposes wanted_purposes(const Agent *agent, const WireOrder *order)
{
    Purposes wanted = PURPOSES_ANY;
    for (gsize i = 0; i < order->n_branches; i++) {
        if (order->branches[i]->role == BRANCH(TRANSIT))
            wanted &= PURPOSE(RELAY) | PURPOSE(REROUTE);
    }
    if (order_is_home(agent, order) && !discovery_find_application(agent, order->initiator))
        wanted &= PURPOSE(SERVE_VISITOR) | PURPOSE(SHARE);
    return wanted;
}

// One that the order names, or that by which all members under the same terms have one.
static Assent *find(const Agent *agent, const WireOrder *order)
{
    const char *self = agent->config->id;
    Assent *named = assent_find(agent, order->agreement);
    if (named)
        return named;
    g_autofree char *id = agreement_standing_id(agent->config->agreements.terms, ID_ALL, self);
    g_autofree char *expected =
        agreement_standing_id(agent->config->agreements.terms, order->buyer, self);
    return strcmp(order->agreement, expected) == 0 ? assent_find(agent, id) : NULL;
}

static gboolean is_between(const Agent *agent, const Assent *agreement, const char *buyer)
{
    const WireAgreement *wire = agreement->wire;
    return strcmp(wire->seller, agent->config->id) == 0 &&
           (strcmp(wire->buyer, buyer) == 0 || strcmp(wire->buyer, ID_ALL) == 0);
}

static gboolean is_in_force(const Agent *agent, const Assent *agreement)
{
    // Orders overtake the news that what was accepted has begun.
    const guint states = AGREEMENT_BIT(ACCEPTED) | AGREEMENT_BIT(AVAILABLE) |
                         AGREEMENT_BIT(TEMPORARY_FAILURE) | AGREEMENT_BIT(ENDING);
    const WireAgreement *wire = agreement->wire;
    guint64 now = (guint64)agent->now;
    return (states & (1u << wire->state)) && agreement->agreed &&
           agreement_terms_equal(agreement->agreed, wire->terms) &&
           now + GRACE_US >= wire->terms->valid_from_us &&
           (wire->terms->valid_until_us == 0 || now < wire->terms->valid_until_us + GRACE_US);
}

// The platform says in which period an order counts, so that both count the same; but not in any
// that it likes.
static gboolean has_good_period(const Agent *agent, const WireAgreementTerms *terms,
                                const WireOrder *order)
{
    return order->period >= agreement_period(terms, agent->now - GRACE_US) &&
           order->period <= agreement_period(terms, agent->now + GRACE_US);
}

static gboolean has_left(const Agent *agent, const Assent *agreement, const WireOrder *order)
{
    const WireAgreementTerms *terms = agreement->wire->terms;
    guint64 n_bits = order_bits(order);
    guint64 used = quota_used(agent, order->agreement, order->period);
    return terms->quota_bits == 0 || terms->is_quota_soft ||
           (n_bits <= terms->quota_bits && used <= terms->quota_bits - n_bits);
}

static char *explain_period(const Assent *agreement, const WireOrder *order)
{
    if (agreement->wire->terms->quota_bits == 0)
        return g_strdup_printf("the order counts in period %" G_GUINT64_FORMAT
                               " of a quota; agreement %s has none, expected period 0",
                               order->period, agreement->id);
    return g_strdup_printf("the order counts in period %" G_GUINT64_FORMAT
                           " of the quota of agreement %s, which is over, or not yet",
                           order->period, agreement->id);
}

static char *check_agreement(const Agent *agent, const WireOrder *order, Status *ret_status)
{
    const Assent *agreement = find(agent, order);
    Purposes purposes = wanted_purposes(agent, order);
    g_autofree char *names = purposes_format(purposes);
    if (!agreement || !is_between(agent, agreement, order->buyer))
        return say(STATUS_NO_AGREEMENT, ret_status,
                   g_strdup_printf("'%s' has no agreement '%.64s' with '%.64s'", agent->config->id,
                                   order->agreement, order->buyer));
    if (!is_in_force(agent, agreement))
        return say(STATUS_NO_AGREEMENT, ret_status,
                   g_strdup_printf("agreement %s is %s here; expected one in force, on the terms "
                                   "that '%s' has agreed to",
                                   agreement->id, agreement_state_name(agreement->wire->state),
                                   agent->config->id));
    if (!(agreement_terms_purposes(agreement->wire->terms) & purposes))
        return say(STATUS_NO_AGREEMENT, ret_status,
                   g_strdup_printf("agreement %s does not cover %s", agreement->id, names));
    if (!has_good_period(agent, agreement->wire->terms, order))
        return say(STATUS_QUOTA_USED, ret_status, explain_period(agreement, order));
    if (!has_left(agent, agreement, order))
        return say(
            STATUS_QUOTA_USED, ret_status,
            g_strdup_printf("the quota of agreement %s is used up in this period", agreement->id));
    return NULL;
}

char *assent_find_fault(const Agent *agent, const WireOrder *order, Status *ret_status)
{
    if (!id_is_valid(order->buyer))
        return say(STATUS_NO_AGREEMENT, ret_status,
                   g_strdup("the order does not say for whom it is"));
    if (strcmp(order->buyer, agent->config->id) != 0)
        return check_agreement(agent, order, ret_status);
    // Its own users need nobody's leave.
    if (discovery_find_application(agent, order->initiator))
        return NULL;
    return say(STATUS_NO_AGREEMENT, ret_status,
               g_strdup_printf("'%.64s' is no user of '%s', for which it is said to be",
                               order->initiator, agent->config->id));
}

// --- the books -----------------------------------------------------------------------------------

// Only what an agreement covers that has a quota names a period.
static gboolean is_counted(const Agent *agent, const WireOrder *order)
{
    return order->period > 0 && strcmp(order->buyer, agent->config->id) != 0;
}

void assent_hold(Agent *agent, const WireOrder *order)
{
    if (!is_counted(agent, order))
        return;
    const WireAgreementTerms *terms = find(agent, order)->wire->terms;
    quota_hold(agent, order->agreement, order->period, order_bits(order),
               agreement_period(terms, agent->now - GRACE_US));
}

void assent_close(Agent *agent, const WireOrder *order, gboolean is_used)
{
    if (is_counted(agent, order))
        quota_close(agent, order->agreement, order->period, order_bits(order), is_used);
}

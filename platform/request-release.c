// SPDX-License-Identifier: Apache-2.0
//
// What everyone who took part in an attempt is told when it is over, until they have answered; and
// what it took of quotas and was not used.

#include "platform/request.h"

GPtrArray *part_ranges(const WireOrder *order)
{
    GPtrArray *ranges = g_ptr_array_new();
    for (gsize i = 0; i < order->n_branches; i++) {
        if (order->branches[i]->ingress)
            g_ptr_array_add(ranges, order->branches[i]->ingress);
        if (order->branches[i]->egress)
            g_ptr_array_add(ranges, order->branches[i]->egress);
    }
    return ranges;
}

gboolean order_holds_keys(const WireOrder *order)
{
    for (gsize i = 0; i < order->n_branches; i++) {
        if (order->branches[i]->role != QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TRANSIT)
            return TRUE;
    }
    return FALSE;
}

static Part *add_release(Federation *federation, Request *request, const char *agent,
                         const WireRelease *release)
{
    Part *part = part_new(agent, NULL, release);
    g_ptr_array_add(request->releases, part);
    affected_add(federation->running, BY_RELEASE, agent, request->id);
    return part;
}

// Who has said that it has done its part has been used. Of who has not, it is known when it answers
// the release; until then the next attempt can have it.
static void give_back(Federation *federation, const Request *request, const WireOrder *order,
                      Part *release)
{
    Platform__State__QuotaUse use = PLATFORM__STATE__QUOTA_USE__INIT;
    use.agreement = order->agreement;
    use.period = order->period;
    use.n_bits = plan_order_bits(request, order);
    if (order->period == 0)
        return;
    release->given_back = message_copy(&use.base);
    agreement_correct(federation, release->given_back, FALSE);
}

void request_use_after_all(Federation *federation, const Part *release)
{
    if (release->given_back)
        agreement_correct(federation, release->given_back, TRUE);
}

void request_drop_release(Federation *federation, Request *request, Part *release)
{
    affected_remove(federation->running, BY_RELEASE, release->agent, request->id);
    g_ptr_array_remove(request->releases, release);
}

void request_release_attempt(Federation *federation, Request *request,
                             Qkdnf__V1__Disposition disposition)
{
    gboolean is_void = disposition == QKDNF__V1__DISPOSITION__DISPOSITION_VOID;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (!is_void && !order_holds_keys(part->order))
            continue;
        g_autoptr(GPtrArray) ranges = part_ranges(part->order);
        WireRelease release = WIRE_RELEASE_INIT;
        release.request = request->id;
        release.attempt = request->attempt;
        release.disposition = disposition;
        release.n_burn = is_void ? ranges->len : 0;
        release.burn = (WireSlotRange **)ranges->pdata;
        Part *added = add_release(federation, request, part->agent, &release);
        if (is_void && !part->is_answered)
            give_back(federation, request, part->order, added);
        federation_send(federation, KIND_RELEASE, part->agent, &release.base);
    }
    request->repeat_us = REQUEST_REPEAT_FIRST_US;
    request_arm_repeat(federation, request);
}

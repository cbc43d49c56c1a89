// SPDX-License-Identifier: Apache-2.0
//
// The slots of an order, from when it is taken in until nothing will use them any more.

#include "agents/federation/order.h"

typedef void (*RangeFn)(Ledger *ledger, Slots slots);

static void for_each_range(Agent *agent, const WireOrder *wire, gsize n_branches, RangeFn fn)
{
    for (gsize i = 0; i < n_branches; i++) {
        const WireSlotRange *ranges[] = {wire->branches[i]->ingress, wire->branches[i]->egress};
        for (gsize j = 0; j < G_N_ELEMENTS(ranges); j++) {
            if (ranges[j])
                fn(border_find_ledger(agent, ranges[j]->link), order_slots(ranges[j]));
        }
    }
}

static Status reserve_range(Agent *agent, const WireSlotRange *range)
{
    return range ? ledger_reserve(border_find_ledger(agent, range->link), order_slots(range))
                 : STATUS_OK;
}

Status order_reserve_slots(Agent *agent, const WireOrder *wire)
{
    for (gsize i = 0; i < wire->n_branches; i++) {
        const WireBranch *branch = wire->branches[i];
        Status status = reserve_range(agent, branch->ingress);
        if (status == STATUS_OK) {
            status = reserve_range(agent, branch->egress);
            if (status != STATUS_OK && branch->ingress)
                ledger_unreserve(border_find_ledger(agent, branch->ingress->link),
                                 order_slots(branch->ingress));
        }
        if (status != STATUS_OK) {
            for_each_range(agent, wire, i, ledger_unreserve);
            return status;
        }
    }
    return STATUS_OK;
}

void order_burn_slots(Agent *agent, const WireOrder *wire)
{
    for_each_range(agent, wire, wire->n_branches, ledger_burn);
}

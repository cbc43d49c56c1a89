// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/rig-say.h"

#include "schemas/agreement.h"
#include "schemas/status.h"

#define PLATFORM "platform"

#define RATE_BPS  1000
#define SIZE_BITS 256
#define BUFFER    4

void say_apply(Outbox *agent, const char *provider)
{
    WireApply apply = WIRE_APPLY_INIT;
    apply.version = 1;
    apply.provider = (char *)provider;
    apply.policy_version = 1;
    apply.share_percent = 100;
    apply.purposes = (Qkdnf__V1__Purpose[]){QKDNF__V1__PURPOSE__PURPOSE_RELAY,
                                            QKDNF__V1__PURPOSE__PURPOSE_REROUTE};
    apply.n_purposes = 2;
    outbox_add(agent, KIND_APPLY, PLATFORM, &apply.base);
}

void say_resource(Outbox *agent, const Network *network, guint provider)
{
    WireResource *resource = network_resource(network, provider);
    outbox_add(agent, KIND_RESOURCE, PLATFORM, &resource->base);
    wire_free(resource);
}

void say_stock(Outbox *agent, const char *link, gboolean is_up)
{
    WireLinkStock report = WIRE_LINK_STOCK_INIT, *reports[] = {&report};
    report.link = (char *)link;
    report.open_end = NETWORK_SLOTS;
    report.fill_bps = NETWORK_LINK_BPS;
    report.capacity = NETWORK_SLOTS;
    report.up = is_up;
    WireStock stock = WIRE_STOCK_INIT;
    stock.resource_version = 1;
    stock.n_links = 1;
    stock.links = reports;
    outbox_add(agent, KIND_STOCK, PLATFORM, &stock.base);
}

void say_fault(Outbox *agent, const char *link)
{
    WireFault fault = WIRE_FAULT_INIT;
    fault.id = (char *)"1";
    fault.scope = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER;
    fault.subject = (char *)link;
    fault.cause = (char *)"fibre cut";
    outbox_add(agent, KIND_FAULT, PLATFORM, &fault.base);
}

void say_outcome(Outbox *agent, const char *request, guint attempt, Qkdnf__V1__OutcomeStage stage)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)request;
    outcome.attempt = attempt;
    outcome.status = STATUS_OK;
    outcome.stage = stage;
    outbox_add(agent, KIND_OUTCOME, PLATFORM, &outcome.base);
}

void say_leg_state(Outbox *agent, const WireLeg *leg)
{
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = leg->session;
    state.sae = leg->sae;
    state.version = leg->version;
    state.phase = leg->phase;
    state.status = STATUS_OK;
    outbox_add(agent, KIND_LEG_STATE, PLATFORM, &state.base);
}

void say_agreed(Outbox *agent, const WireAgreement *offered)
{
    WireAgreement said = WIRE_AGREEMENT_INIT;
    said.id = offered->id;
    said.buyer = offered->buyer;
    said.seller = offered->seller;
    said.version = offered->version;
    said.action = offered->state == AGREEMENT(OFFERED) ? AGREEMENT_ACTION(ACCEPT)
                                                       : AGREEMENT_ACTION(ACKNOWLEDGE);
    outbox_add(agent, KIND_AGREEMENT, PLATFORM, &said.base);
}

void say_open(Outbox *user, guint number, const char *initiator, const char *target,
              gboolean is_protected)
{
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    char *targets[] = {(char *)target};
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = RATE_BPS;
    qos.size_bits = SIZE_BITS;
    qos.buffer = BUFFER;
    qos.protected_ = is_protected;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = id;
    open.initiator = (char *)initiator;
    open.n_targets = 1;
    open.targets = targets;
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = id;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    outbox_add(user, KIND_SESSION, PLATFORM, &session.base);
}

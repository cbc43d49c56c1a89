#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What agents and applications say to the platform in a benchmark that plays them.

#include "tools/bench/network.h"
#include "topics/outbox.h"

void say_apply(Outbox *agent, const char *provider);
void say_resource(Outbox *agent, const Network *network, guint provider);
void say_stock(Outbox *agent, const char *link, gboolean is_up);
// A border link of the agent's has failed.
void say_fault(Outbox *agent, const char *link);

// All is done as it was told.
void say_outcome(Outbox *agent, const char *request, guint attempt, Qkdnf__V1__OutcomeStage stage);
void say_leg_state(Outbox *agent, const WireLeg *leg);
// To what is offered; or to what it is told of.
void say_agreed(Outbox *agent, const WireAgreement *offered);

// A session of small keys, at a low rate.
void say_open(Outbox *user, guint number, const char *initiator, const char *target,
              gboolean is_protected);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Agreements as the agent of one party keeps them, so that nothing is done for anybody that the
// provider has not agreed to, whoever asks. Inside the agent core: assent.c is the conversation
// with the platform, assent-check.c says what orders are covered, assent-store.c keeps them.

#include "agents/federation/core.h"
#include "schemas/agreement.h"

typedef struct {
    char *id;
    WireAgreement *wire; // as the platform said last
    // The terms that this provider has agreed to; NULL: none. Nothing else is ever served.
    WireAgreementTerms *agreed;
} Assent;

Assent *assent_new(Agent *agent, const char *id);
Assent *assent_find(const Agent *agent, const char *id);
void assent_save(Agent *agent, const Assent *agreement);

// quota.c: what is used of quotas, by the ID of the agreement that orders name. What orders under
// way will take is held for them, and forgotten in a crash as they are.
guint64 quota_used(const Agent *agent, const char *id, guint64 period);
void quota_hold(Agent *agent, const char *id, guint64 n_bits);
// No longer held; used in that period, or with 0 not used.
void quota_close(Agent *agent, const char *id, guint64 n_bits, guint64 period);

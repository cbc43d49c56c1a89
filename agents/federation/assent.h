#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Agreements as the agent of one party keeps them, so that nothing is done for anybody that the
// provider has not agreed to, whoever asks. Inside the agent core: assent.c is the conversation
// with the platform, assent-command.c what operators of the provider decide, assent-check.c says
// what orders are covered, assent-store.c keeps them.

#include "agents/federation/core.h"
#include "schemas/agreement.h"

typedef struct {
    char *id;
    WireAgreement *wire; // as the platform said last
    // What this provider has said, until the platform has taken it in; NULL: nothing.
    WireAgreement *said;
    // The terms that this provider has agreed to, or as a buyer would; NULL: none. Nothing else is
    // ever served.
    WireAgreementTerms *agreed;
    gint64 repeat_us;
} Assent;

// Until what is said is said again for the first time.
#define ASSENT_REPEAT_US (250 * G_TIME_SPAN_MILLISECOND)

Assent *assent_new(Agent *agent, const char *id);
Assent *assent_find(const Agent *agent, const char *id);
void assent_save(Agent *agent, const Assent *agreement);
void assent_drop(Agent *agent, Assent *agreement);
gboolean assent_is_full(const Agent *agent);

// What this provider can say about it now, and whether it has the effect already.
gboolean assent_can_say(const Agent *agent, const WireAgreement *wire, AgreementAction action);
// Durable, and said until the platform has taken it in. `terms` as in the message, or NULL.
void assent_say(Agent *agent, Assent *agreement, AgreementAction action,
                const WireAgreementTerms *terms, const char *reason);
void assent_agree(Assent *agreement, const WireAgreementTerms *terms);

// quota.c: what is used of quotas, by the ID of the agreement that orders name. What orders under
// way will take is held for them, and forgotten in a crash as they are.
guint64 quota_used(const Agent *agent, const char *id, guint64 period);
// Of periods before `oldest` nothing is asked any more.
void quota_hold(Agent *agent, const char *id, guint64 period, guint64 n_bits, guint64 oldest);
// No longer held; used, or not.
void quota_close(Agent *agent, const char *id, guint64 period, guint64 n_bits, gboolean is_used);

// SPDX-License-Identifier: Apache-2.0
//
// What this provider says about agreements: it answers the platform by its own policy, durably
// before it says so, and says it again whenever it is told again. Terms that it has not agreed to
// never come into force here.

#include "agents/federation/assent.h"
#include "topics/base/id.h"

#include <string.h>

#define REPEAT_MAX_US (30 * G_TIME_SPAN_SECOND)

// --- what is answered ----------------------------------------------------------------------------

static void reply(Agent *agent, const WireAgreement *wire, AgreementAction action,
                  const char *reason)
{
    WireAgreement answer = WIRE_AGREEMENT_INIT;
    answer.id = wire->id;
    answer.buyer = wire->buyer;
    answer.seller = wire->seller;
    answer.version = wire->version;
    answer.action = action;
    answer.reason = (char *)reason;
    agent_send(agent, KIND_AGREEMENT, agent->config->platform, &answer.base);
}

void assent_agree(Assent *agreement, const WireAgreementTerms *terms)
{
    WireAgreementTerms *copy = message_copy(&terms->base);
    wire_free(agreement->agreed);
    agreement->agreed = copy;
}

static void send_said(Agent *agent, Assent *agreement)
{
    agent_send(agent, KIND_AGREEMENT, agent->config->platform, &agreement->said->base);
    timers_arm_repeat(agent->timers, TIMER_ASSENT, agreement->id, agent->now, &agreement->repeat_us,
                      REPEAT_MAX_US);
}

void assent_say(Agent *agent, Assent *agreement, AgreementAction action,
                const WireAgreementTerms *terms, const char *reason)
{
    WireAgreement said = *agreement->wire;
    said.action = action;
    said.reason = (char *)reason;
    if (terms)
        said.terms = (WireAgreementTerms *)terms;
    WireAgreement *copy = message_copy(&said.base);
    wire_free(agreement->said);
    agreement->said = copy;
    agreement->repeat_us = ASSENT_REPEAT_US;
    assent_save(agent, agreement);
    send_said(agent, agreement);
}

void assent_on_timer(Agent *agent, const char *id)
{
    Assent *agreement = assent_find(agent, id);
    if (!agreement)
        return;
    gint64 forget_us = (gint64)agreement->wire->since_us + AGREEMENT_KEEP_US;
    if (agreement->said)
        send_said(agent, agreement);
    else if (agreement_state_is_final(agreement->wire->state) && agent->now >= forget_us)
        assent_drop(agent, agreement);
    else if (agreement_state_is_final(agreement->wire->state))
        timers_arm(agent->timers, TIMER_ASSENT, id, forget_us);
}

// Of a pair under standing terms: what was agreed with all is agreed with each.
static void inherit(Agent *agent, Assent *agreement)
{
    const WireAgreement *wire = agreement->wire;
    g_autofree char *id = agreement_standing_id(wire->terms->version, ID_ALL, agent->config->id);
    const Assent *standing = assent_find(agent, id);
    if (!agreement->agreed && standing && standing->agreed && standing != agreement &&
        agreement_terms_equal(standing->agreed, wire->terms))
        assent_agree(agreement, wire->terms);
}

static gboolean pass_on(gpointer id, gpointer value, gpointer agent)
{
    Assent *agreement = value;
    if (agreement->agreed || !agreement_terms_are_standing(agreement->wire->terms))
        return FALSE;
    inherit(agent, agreement);
    if (agreement->agreed)
        assent_save(agent, agreement);
    return FALSE;
}

// Those of pairs may have been heard of before that with all.
static void agree_with_all(Agent *agent, Assent *agreement)
{
    assent_agree(agreement, agreement->wire->terms);
    assent_save(agent, agreement);
    g_tree_foreach(agent->agreements, pass_on, agent);
}

// The version is what the provider agreed to; the same version with other contents is not that.
static void answer_standing(Agent *agent, Assent *agreement)
{
    const WireAgreementTerms *terms = agreement->wire->terms;
    if (terms->version != agent->config->agreements.terms) {
        reply(agent, agreement->wire, AGREEMENT_ACTION(REFUSE),
              "the provider has not agreed to this version of the standing terms");
        return;
    }
    if (agreement->agreed && !agreement_terms_equal(agreement->agreed, terms)) {
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_ALARM, "agreement.terms", agreement->id,
                    "the standing terms are others than those of the same version that were "
                    "agreed to");
        reply(agent, agreement->wire, AGREEMENT_ACTION(REFUSE),
              "other terms were agreed to under this version");
        return;
    }
    agree_with_all(agent, agreement);
    reply(agent, agreement->wire, AGREEMENT_ACTION(ACCEPT), "by the policy of the provider");
}

// By what it agrees to by itself, it agrees again when it has lost its store.
static void agree_again(Agent *agent, Assent *agreement)
{
    const WireAgreement *wire = agreement->wire;
    gboolean is_with_all = strcmp(wire->buyer, ID_ALL) == 0;
    if (agreement->agreed || !is_with_all || !agreement_terms_are_standing(wire->terms) ||
        wire->terms->version != agent->config->agreements.terms)
        return;
    agree_with_all(agent, agreement);
}

// What the buyer has asked for, or the least that it would accept.
static gboolean is_welcome(const Agent *agent, const Assent *agreement)
{
    const WireAgreement *wire = agreement->wire;
    return !agreement_terms_are_standing(wire->terms) &&
           assent_can_say(agent, wire, AGREEMENT_ACTION(ACCEPT)) &&
           strcmp(wire->buyer, agent->config->id) == 0 && agreement->agreed &&
           agreement_terms_cover(wire->terms, agreement->agreed);
}

// It is this provider's turn to say something, by its policy or by what its operator decided.
static void answer(Agent *agent, Assent *agreement)
{
    const WireAgreement *wire = agreement->wire;
    if (wire->state != AGREEMENT(OFFERED))
        agree_again(agent, agreement);
    if (wire->state == AGREEMENT(OFFERED) && agreement_terms_are_standing(wire->terms))
        answer_standing(agent, agreement);
    else if (agreement->said)
        send_said(agent, agreement);
    else if (is_welcome(agent, agreement))
        assent_say(agent, agreement, AGREEMENT_ACTION(ACCEPT), NULL, "as the buyer asked for");
    else
        reply(agent, wire, AGREEMENT_ACTION(ACKNOWLEDGE), "");
}

// --- what the platform says ----------------------------------------------------------------------

// It was said of an older version: what still can be said of this one is, the rest was overtaken.
static void review_said(Agent *agent, Assent *agreement)
{
    WireAgreement *said = agreement->said;
    const WireAgreement *wire = agreement->wire;
    if (!said)
        return;
    gboolean is_same = said->action == AGREEMENT_ACTION(END) ||
                       said->action == AGREEMENT_ACTION(OFFER) ||
                       agreement_terms_equal(said->terms, wire->terms);
    if (is_same && assent_can_say(agent, wire, said->action)) {
        said->version = wire->version;
        return;
    }
    g_clear_pointer(&agreement->said, wire_free);
}

static void take_over(Agent *agent, Assent *agreement, const WireAgreement *wire)
{
    AgreementState from = agreement->wire ? agreement->wire->state : AGREEMENT(UNSPECIFIED);
    WireAgreement *copy = message_copy(&wire->base);
    wire_free(agreement->wire);
    agreement->wire = copy;
    if (agreement_terms_are_standing(wire->terms))
        inherit(agent, agreement);
    review_said(agent, agreement);
    if (agreement->said || agreement_state_is_final(wire->state))
        timers_arm(agent->timers, TIMER_ASSENT, agreement->id, agent->now);
    else
        timers_disarm(agent->timers, TIMER_ASSENT, agreement->id);
    assent_save(agent, agreement);
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_INFO, "agreement.heard", agreement->id,
                "%s → %s by %s: %s", agreement_state_name(from), agreement_state_name(wire->state),
                wire->actor, wire->reason);
}

static gboolean is_party(const Agent *agent, const WireAgreement *wire)
{
    return strcmp(wire->seller, agent->config->id) == 0 ||
           strcmp(wire->buyer, agent->config->id) == 0;
}

static gboolean is_good(const Agent *agent, const WireAgreement *wire)
{
    return wire->id[0] && strlen(wire->id) <= AGREEMENT_ID_MAX && wire->terms &&
           wire->state > AGREEMENT(UNSPECIFIED) && wire->state <= AGREEMENT(FAILED) &&
           is_party(agent, wire);
}

static gboolean has_same_parties(const WireAgreement *a, const WireAgreement *b)
{
    return !a || (strcmp(a->buyer, b->buyer) == 0 && strcmp(a->seller, b->seller) == 0);
}

void assent_on_agreement(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireAgreement *wire = message;
    Assent *agreement = strcmp(sender->id, agent->config->platform) == 0 && is_good(agent, wire)
                            ? assent_find(agent, wire->id)
                            : NULL;
    if (strcmp(sender->id, agent->config->platform) != 0 || !is_good(agent, wire) ||
        (!agreement && assent_is_full(agent)))
        return;
    // What was agreed with one is nothing that was agreed with another.
    if (agreement && !has_same_parties(agreement->wire, wire))
        return;
    if (!agreement)
        agreement = assent_new(agent, wire->id);
    if (!agreement->wire || wire->version > agreement->wire->version)
        take_over(agent, agreement, wire);
    if (wire->version == agreement->wire->version)
        answer(agent, agreement);
}

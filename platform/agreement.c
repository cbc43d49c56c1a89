// SPDX-License-Identifier: Apache-2.0
//
// The conversation about agreements: a buyer proposes, the seller accepts, offers something else or
// refuses, the buyer takes or leaves that; and the platform tells both how it stands until they
// have acknowledged it. Whoever repeats what it has said is told how it stands.

#include "platform/agreement.h"
#include "topics/base/id.h"

#include <string.h>

#define REPEAT_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_MAX_US   (30 * G_TIME_SPAN_SECOND)

// How long it may be negotiated.
#define NEGOTIATION_US (7 * G_TIME_SPAN_DAY)

// --- one agreement -------------------------------------------------------------------------------

void agreement_free(gpointer data)
{
    Agreement *agreement = data;
    wire_free(agreement->wire);
    g_free(agreement);
}

Agreement *agreement_find(const Federation *federation, const char *id)
{
    return g_tree_lookup(federation->agreements, id);
}

Agreement *agreement_new(Federation *federation, const WireAgreement *wire, Provider *buyer,
                         Provider *seller)
{
    Agreement *agreement = g_new0(Agreement, 1);
    agreement->wire = message_copy(&wire->base);
    agreement->wire->action = AGREEMENT_ACTION(UNSPECIFIED);
    agreement->buyer = buyer;
    agreement->seller = seller;
    g_tree_insert(federation->agreements, agreement->wire->id, agreement);
    agreement_index(federation, agreement, affected_add);
    return agreement;
}

// Later than any that was given before, in this life or an earlier one, to whatever had its ID.
void agreement_renew(Federation *federation, Agreement *agreement)
{
    federation->agreement_version =
        MAX(federation->agreement_version + 1, (guint64)federation->now);
    agreement->wire->version = federation->agreement_version;
    agreement->is_buyer_told = !agreement->buyer;
    agreement->is_seller_told = FALSE;
    agreement->repeat_us = REPEAT_FIRST_US;
}

void agreement_forget(Federation *federation, Agreement *agreement)
{
    Provider *buyer = agreement->buyer, *seller = agreement->seller;
    timers_disarm(federation->timers, TIMER_TERM, agreement->wire->id);
    timers_disarm(federation->timers, TIMER_TELL, agreement->wire->id);
    store_delete_text(federation->store, "agreement", agreement->wire->id);
    agreement_unbook(federation, agreement);
    agreement_index(federation, agreement, affected_remove);
    g_tree_remove(federation->agreements, agreement->wire->id);
    agreement_review(federation, buyer, seller, "an agreement is forgotten");
}

// --- saying it -----------------------------------------------------------------------------------

// Nobody is left there who could answer.
static gboolean is_gone(const Federation *federation, const Provider *party)
{
    return attachment_is_lost(federation, party);
}

void agreement_tell(Federation *federation, Agreement *agreement)
{
    WireAgreement *wire = agreement->wire;
    agreement->is_buyer_told |= !agreement->buyer || is_gone(federation, agreement->buyer);
    agreement->is_seller_told |= is_gone(federation, agreement->seller);
    if (!agreement->is_buyer_told)
        federation_send(federation, KIND_AGREEMENT, agreement->buyer->id, &wire->base);
    if (!agreement->is_seller_told)
        federation_send(federation, KIND_AGREEMENT, agreement->seller->id, &wire->base);
    if (!agreement->is_buyer_told || !agreement->is_seller_told)
        timers_arm_repeat(federation->timers, TIMER_TELL, wire->id, federation->now,
                          &agreement->repeat_us, REPEAT_MAX_US);
    else
        timers_disarm(federation->timers, TIMER_TELL, wire->id);
}

static void acknowledge(Federation *federation, Agreement *agreement, const Provider *party)
{
    gboolean was_told = agreement->is_buyer_told && agreement->is_seller_told;
    if (party == agreement->buyer)
        agreement->is_buyer_told = TRUE;
    if (party == agreement->seller)
        agreement->is_seller_told = TRUE;
    if (was_told || !agreement->is_buyer_told || !agreement->is_seller_told)
        return;
    timers_disarm(federation->timers, TIMER_TELL, agreement->wire->id);
    agreement_save(federation, agreement);
}

// --- what a party says ---------------------------------------------------------------------------

static void refuse(Federation *federation, const Provider *sender, const WireAgreement *said,
                   const Verdict *verdict)
{
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    wire.id = said->id;
    wire.buyer = said->buyer;
    wire.seller = said->seller;
    wire.terms = said->terms;
    wire.state = AGREEMENT(FAILED);
    wire.version = (guint64)federation->now;
    wire.since_us = (guint64)federation->now;
    wire.reason = verdict->text;
    wire.status = (Qkdnf__V1__Status)verdict->status;
    wire.actor = federation->config->id;
    federation_send(federation, KIND_AGREEMENT, sender->id, &wire.base);
}

static char *cut_reason(const char *text, const char *otherwise)
{
    g_autofree char *cut = g_strndup(text[0] ? text : otherwise, REASON_MAX);
    return g_utf8_make_valid(cut, -1);
}

// What is free of a link is known only when everybody has reported: until then, who repeats itself
// is heard later.
static gboolean is_too_early(const Federation *federation, const WireAgreementTerms *terms)
{
    return terms && agreement_terms_reserve(terms) && federation_is_settling(federation);
}

// So is who accepts while the link is down: that is no reason to give up what both want.
static gboolean is_out_of_sight(const Federation *federation, const WireAgreementTerms *terms)
{
    if (!agreement_terms_reserve(terms))
        return FALSE;
    const Link *link = topology_find_link(federation->topology, terms->link);
    return !link || !link_is_up(link);
}

static void add_proposal(Federation *federation, Provider *buyer, const WireAgreement *said,
                         guint64 rate_bps)
{
    const char *otherwise =
        rate_bps < said->terms->rate_bps ? "so much of what is proposed is free" : "it is proposed";
    g_autofree char *reason = cut_reason(said->reason, otherwise);
    guint64 latest_us = (guint64)(federation->now + NEGOTIATION_US);
    WireAgreementTerms terms = *said->terms;
    terms.rate_bps = rate_bps;
    WireAgreement wire = *said;
    wire.base.n_unknown_fields = 0;
    wire.terms = &terms;
    wire.state = AGREEMENT(UNSPECIFIED);
    wire.status = QKDNF__V1__STATUS__STATUS_UNSPECIFIED;
    wire.deadline_us = said->deadline_us > 0 ? MIN(said->deadline_us, latest_us) : latest_us;
    Agreement *agreement =
        agreement_new(federation, &wire, buyer, topology_find(federation->topology, said->seller));
    agreement_enter(federation, agreement,
                    &(AgreementChange){AGREEMENT(PROPOSED), buyer->id, "propose", reason});
}

static void propose(Federation *federation, Provider *buyer, const WireAgreement *said)
{
    guint64 rate_bps;
    if (is_too_early(federation, said->terms))
        return;
    Verdict verdict = agreement_check_proposal(federation, buyer, said, &rate_bps);
    if (verdict.status == STATUS_OK)
        add_proposal(federation, buyer, said, rate_bps);
    else
        refuse(federation, buyer, said, &verdict);
    g_free(verdict.text);
}

static gboolean has_the_word(const Agreement *agreement, const Provider *party)
{
    return g_strcmp0(agreement_next_party(agreement->wire), party->id) == 0;
}

static void change(Federation *federation, Agreement *agreement, const Provider *party,
                   const WireAgreement *said, AgreementState state, const char *command)
{
    g_autofree char *reason = cut_reason(said->reason, command);
    agreement_enter(federation, agreement, &(AgreementChange){state, party->id, command, reason});
}

static void fail(Federation *federation, Agreement *agreement, const Provider *party,
                 const char *command, const Verdict *verdict)
{
    agreement->wire->status = (Qkdnf__V1__Status)verdict->status;
    agreement_enter(federation, agreement,
                    &(AgreementChange){AGREEMENT(FAILED), party->id, command, verdict->text});
}

// What can never be agreed ends the negotiation: whoever offers it is answered.
static void offer(Federation *federation, Agreement *agreement, const Provider *party,
                  const WireAgreement *said)
{
    g_autofree char *fault = agreement_find_terms_fault(federation, said->terms);
    if (!fault && strcmp(said->terms->link, agreement->wire->terms->link) != 0)
        fault = g_strdup("what is offered is of another border link than what is asked for");
    if (fault) {
        fail(federation, agreement, party, "offer", &(Verdict){STATUS_BAD_REQUEST, fault});
        return;
    }
    WireAgreementTerms *terms = message_copy(&said->terms->base);
    wire_free(agreement->wire->terms);
    agreement->wire->terms = terms;
    change(federation, agreement, party, said, AGREEMENT(OFFERED), "offer");
}

void agreement_replace_others(Federation *federation, Agreement *agreement)
{
    if (!agreement_is_exclusive(agreement))
        return;
    g_autoptr(GPtrArray) others =
        agreement_list_pair(federation, agreement->buyer, agreement->seller);
    for (guint i = 0; i < others->len; i++) {
        Agreement *other = others->pdata[i];
        if (other != agreement && agreement_is_exclusive(other) &&
            agreement_can_enter(other->wire->state, AGREEMENT(ENDING)))
            agreement_enter(federation, other,
                            &(AgreementChange){AGREEMENT(ENDING), federation->config->id,
                                               "agreement", "another took its place"});
    }
}

static void accept(Federation *federation, Agreement *agreement, const Provider *party,
                   const WireAgreement *said)
{
    const WireAgreementTerms *terms = agreement->wire->terms;
    if (is_too_early(federation, terms) || is_out_of_sight(federation, terms))
        return;
    Verdict verdict = agreement_check_booking(federation, agreement);
    if (verdict.status == STATUS_OK)
        change(federation, agreement, party, said, AGREEMENT(ACCEPTED), "accept");
    else
        fail(federation, agreement, party, "accept", &verdict);
    g_free(verdict.text);
    agreement_follow_time(federation, agreement);
}

static void end(Federation *federation, Agreement *agreement, const Provider *party,
                const WireAgreement *said)
{
    if (agreement_can_enter(agreement->wire->state, AGREEMENT(ENDING)))
        change(federation, agreement, party, said, AGREEMENT(ENDING), "end");
    else if (agreement_can_enter(agreement->wire->state, AGREEMENT(FAILED)))
        change(federation, agreement, party, said, AGREEMENT(FAILED), "end");
}

// It is about what the party knows; an older version was answered already.
static void decide(Federation *federation, Agreement *agreement, const Provider *party,
                   const WireAgreement *said)
{
    gboolean has_word = has_the_word(agreement, party);
    if (said->action == AGREEMENT_ACTION(END))
        end(federation, agreement, party, said);
    else if (said->action == AGREEMENT_ACTION(ACCEPT) && has_word)
        accept(federation, agreement, party, said);
    else if (said->action == AGREEMENT_ACTION(REFUSE) && has_word)
        change(federation, agreement, party, said, AGREEMENT(FAILED), "refuse");
    else if (said->action == AGREEMENT_ACTION(OFFER) && has_word &&
             agreement->wire->state == AGREEMENT(PROPOSED))
        offer(federation, agreement, party, said);
    else
        acknowledge(federation, agreement, party);
}

static void hear(Federation *federation, Agreement *agreement, const Provider *party,
                 const WireAgreement *said)
{
    if (said->version == agreement->wire->version)
        decide(federation, agreement, party, said);
    else
        federation_send(federation, KIND_AGREEMENT, party->id, &agreement->wire->base);
}

void agreement_on_agreement(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireAgreement *said = message;
    Provider *party = topology_find(federation->topology, sender->id);
    Agreement *agreement =
        strlen(said->id) <= AGREEMENT_ID_MAX ? agreement_find(federation, said->id) : NULL;
    if (!party)
        return;
    if (agreement && (party == agreement->buyer || party == agreement->seller))
        hear(federation, agreement, party, said);
    else if (!agreement && said->action == AGREEMENT_ACTION(PROPOSE))
        propose(federation, party, said);
    else if (said->action != AGREEMENT_ACTION(ACKNOWLEDGE))
        refuse(federation, party, said,
               &(Verdict){STATUS_NO_AGREEMENT, (char *)"the two have no such agreement"});
}

// --- members and time ----------------------------------------------------------------------------

void agreement_on_birth(Federation *federation, Member *member)
{
    g_autoptr(GPtrArray) agreements = agreement_list_of(federation, member->provider);
    for (guint i = 0; i < agreements->len; i++) {
        Agreement *agreement = agreements->pdata[i];
        // It may have lost its store.
        agreement->is_buyer_told &= agreement->buyer != member->provider;
        agreement->is_seller_told &= agreement->seller != member->provider;
        agreement->repeat_us = REPEAT_FIRST_US;
        agreement_tell(federation, agreement);
    }
    agreement_offer_standing(federation, member);
}

void agreement_on_presence(Federation *federation, const Provider *seller)
{
    g_autoptr(GPtrArray) agreements = agreement_list_of(federation, seller);
    for (guint i = 0; i < agreements->len; i++) {
        Agreement *agreement = agreements->pdata[i];
        if (agreement->seller == seller)
            agreement_follow_time(federation, agreement);
    }
}

void agreement_on_member_gone(Federation *federation, const Provider *member)
{
    g_autoptr(GPtrArray) agreements = agreement_list_of(federation, member);
    for (guint i = 0; i < agreements->len; i++) {
        Agreement *agreement = agreements->pdata[i];
        // What a pair has used by the standing terms stays used, and holds again with them.
        if (agreement_is_standing(agreement) && agreement->buyer)
            continue;
        AgreementState state = agreement->wire->state;
        AgreementChange gone = {AGREEMENT(ENDING), federation->config->id, "agreement",
                                "a party takes no part any more"};
        if (agreement_can_enter(state, AGREEMENT(FAILED)))
            gone.state = AGREEMENT(FAILED);
        if (agreement_can_enter(state, gone.state))
            agreement_enter(federation, agreement, &gone);
    }
}

// Its last words; then the memory of it goes.
static void follow_end(Federation *federation, Agreement *agreement)
{
    gint64 forget_us = (gint64)agreement->wire->since_us + AGREEMENT_KEEP_US;
    // What a pair has ended, or an operator, stays ended for as long as the terms are offered.
    gboolean is_kept = agreement_is_standing(agreement) &&
                       (agreement->buyer || agreement->is_withheld) &&
                       agreement->wire->terms->version == federation->config->terms.version;
    if (is_kept || agreement_follow_return(federation, agreement))
        return;
    if (federation->now >= forget_us)
        agreement_forget(federation, agreement);
    else
        timers_arm(federation->timers, TIMER_TERM, agreement->wire->id, forget_us);
}

static void on_time(Federation *federation, Agreement *agreement)
{
    agreement_follow_time(federation, agreement);
    if (agreement_is_final(agreement))
        follow_end(federation, agreement);
    else if (agreement->buyer)
        agreement_review(federation, agreement->buyer, agreement->seller, "a new period");
}

void agreement_on_timer(Federation *federation, TimerId timer, const char *id)
{
    Agreement *agreement = agreement_find(federation, id);
    if (!agreement)
        return;
    if (timer == TIMER_TELL)
        agreement_tell(federation, agreement);
    else
        on_time(federation, agreement);
}

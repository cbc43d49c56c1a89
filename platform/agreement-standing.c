// SPDX-License-Identifier: Apache-2.0
//
// The standing terms of the federation, which the platform offers to every member as the broker of
// agreements: whoever accepts them has an agreement with every other member that did. Each member's
// acceptance is kept once, not once a pair; a pair gets an agreement of its own only when there is
// something to say of it alone.

#include "platform/agreement.h"
#include "topics/base/id.h"

#include <string.h>

// How long a member has to answer.
#define ANSWER_US (24 * G_TIME_SPAN_HOUR)

Agreement *agreement_standing_of(const Federation *federation, const Provider *seller)
{
    guint64 version = federation->config->terms.version;
    if (version == 0)
        return NULL;
    g_autofree char *id = agreement_standing_id(version, ID_ALL, seller->id);
    return agreement_find(federation, id);
}

static void fill_terms(const FederationTerms *config, WireAgreementTerms *ret_terms,
                       Qkdnf__V1__Purpose ret_purposes[PURPOSES_MAX])
{
    *ret_terms = (WireAgreementTerms)WIRE_AGREEMENT_TERMS_INIT;
    ret_terms->version = config->version;
    ret_terms->n_purposes = purposes_list(purposes_from_names(config->purposes), ret_purposes);
    ret_terms->purposes = ret_purposes;
    ret_terms->quota_bits = config->quota_bits;
    ret_terms->is_quota_soft = config->is_quota_soft;
    ret_terms->period_s = (guint32)config->period_s;
    ret_terms->rate_bps = config->rate_bps;
    agreement_time_parse(config->valid_from, &ret_terms->valid_from_us);
    agreement_time_parse(config->valid_until, &ret_terms->valid_until_us);
}

static Agreement *add(Federation *federation, Provider *seller, const char *id)
{
    Qkdnf__V1__Purpose purposes[PURPOSES_MAX];
    WireAgreementTerms terms;
    fill_terms(&federation->config->terms, &terms, purposes);
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    wire.id = (char *)id;
    wire.buyer = (char *)ID_ALL;
    wire.seller = seller->id;
    wire.terms = &terms;
    wire.deadline_us = (guint64)(federation->now + ANSWER_US);
    return agreement_new(federation, &wire, NULL, seller);
}

static void offer(Federation *federation, Provider *seller, const char *actor, const char *command,
                  const char *reason)
{
    g_autofree char *id =
        agreement_standing_id(federation->config->terms.version, ID_ALL, seller->id);
    Agreement *agreement = add(federation, seller, id);
    agreement_enter(federation, agreement,
                    &(AgreementChange){AGREEMENT(OFFERED), actor, command, reason});
}

// Until what ran under it is done there is nothing to offer.
static void await_end(Federation *federation, Agreement *agreement)
{
    if (agreement->wire->state != AGREEMENT(ENDING) || agreement->is_awaited ||
        agreement->is_withheld)
        return;
    agreement->is_awaited = TRUE;
    agreement_save(federation, agreement);
}

// One that ended, or came to nothing, is history once the member takes part anew; but for one that
// an operator has ended.
void agreement_offer_standing(Federation *federation, Member *member)
{
    guint64 version = federation->config->terms.version;
    Agreement *agreement = agreement_standing_of(federation, member->provider);
    if (version == 0 || member->state != MEMBER(ACTIVE))
        return;
    if (agreement && agreement_is_final(agreement) && !agreement->is_withheld) {
        agreement_forget(federation, agreement);
        agreement = NULL;
    }
    if (agreement) {
        await_end(federation, agreement);
        agreement_tell(federation, agreement);
        return;
    }
    offer(federation, member->provider, federation->config->id, "terms",
          "the standing terms of the federation");
}

gboolean agreement_follow_return(Federation *federation, const Agreement *agreement)
{
    Member *member = member_find(federation, agreement->seller->id);
    if (!agreement->is_awaited || agreement->is_withheld || !member ||
        member->state != MEMBER(ACTIVE) ||
        agreement_standing_of(federation, agreement->seller) != agreement)
        return FALSE;
    agreement_offer_standing(federation, member);
    return TRUE;
}

void agreement_offer_again(Federation *federation, Agreement *agreement, const char *operator_id,
                           const char *reason)
{
    Provider *seller = agreement->seller;
    agreement_forget(federation, agreement);
    offer(federation, seller, operator_id, "resume",
          reason[0] ? reason : "the standing terms are offered again");
}

Agreement *agreement_single_out(Federation *federation, Provider *buyer, Provider *seller)
{
    const Agreement *standing = provider_right(buyer, seller).agreement;
    if (!standing || !agreement_is_standing(standing))
        return NULL;
    if (standing->buyer)
        return (Agreement *)standing;
    g_autofree char *id =
        agreement_standing_id(standing->wire->terms->version, buyer->id, seller->id);
    WireAgreement wire = *standing->wire;
    wire.id = id;
    wire.buyer = buyer->id;
    wire.state = AGREEMENT(UNSPECIFIED);
    Agreement *single = agreement_new(federation, &wire, buyer, seller);
    agreement_enter(federation, single,
                    &(AgreementChange){AGREEMENT(AVAILABLE), federation->config->id, "terms",
                                       "by the standing terms of the federation"});
    return single;
}

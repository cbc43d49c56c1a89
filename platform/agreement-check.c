// SPDX-License-Identifier: Apache-2.0
//
// What two providers may not agree on, and what one of them may not propose: one clear reason for
// each.

#include "platform/accounts.h"
#include "platform/agreement.h"
#include "topics/base/id.h"

#include <string.h>

// Of one buyer, with those that are over.
#define KEPT_MAX 1000

char *agreement_find_terms_fault(const Federation *federation, const WireAgreementTerms *terms)
{
    if (!terms || terms->version != 0)
        return g_strdup("expected terms between these two providers");
    const char *fault = terms->tariff ? tariff_fault(federation, terms->tariff) : NULL;
    if (!fault && terms->tariff && terms->tariff->valid_from_us > terms->valid_from_us)
        fault = "it begins after the terms that it is of";
    return fault ? g_strdup_printf("the tariff: %s", fault) : agreement_terms_fault(terms);
}

static Verdict check_parties(const Federation *federation, const Provider *buyer,
                             const WireAgreement *said)
{
    const Member *seller = member_find(federation, said->seller);
    if (!uuid_is_valid(said->id))
        return request_refuse(STATUS_BAD_REQUEST, "id is no UUID in lower case");
    if (tariff_is_kept(federation, said->id))
        return request_refuse(
            STATUS_BAD_REQUEST,
            "id is that of an earlier agreement, by which records are still rated");
    if (strcmp(said->buyer, buyer->id) != 0 || strcmp(said->seller, buyer->id) == 0)
        return request_refuse(
            STATUS_NOT_ALLOWED,
            "expected the sender as the buyer, and another provider as the seller");
    if (!seller || seller->state != MEMBER(ACTIVE))
        return request_refuse(STATUS_UNKNOWN_MEMBER, "'%.64s' does not take part", said->seller);
    guint n_kept = affected_count(federation->agreed, BY_BUYER, buyer->id);
    if (n_kept >= KEPT_MAX)
        return request_refuse(STATUS_BUSY,
                              "%u agreements are remembered already; expected less than %d", n_kept,
                              KEPT_MAX);
    return (Verdict){STATUS_OK, NULL};
}

static Verdict check_terms(const Federation *federation, const WireAgreement *said)
{
    g_autofree char *fault = agreement_find_terms_fault(federation, said->terms);
    if (!fault && said->least)
        fault = agreement_find_terms_fault(federation, said->least);
    if (!fault && said->least && strcmp(said->least->link, said->terms->link) != 0)
        fault = g_strdup("the least is of another border link than what is asked for");
    return fault ? request_refuse(STATUS_BAD_REQUEST, "%s", fault) : (Verdict){STATUS_OK, NULL};
}

Verdict agreement_check_proposal(const Federation *federation, const Provider *buyer,
                                 const WireAgreement *said, guint64 *ret_bps)
{
    Verdict verdict = check_parties(federation, buyer, said);
    if (verdict.status == STATUS_OK)
        verdict = check_terms(federation, said);
    if (verdict.status != STATUS_OK)
        return verdict;
    const WireAgreementTerms *least = said->least ? said->least : said->terms;
    return agreement_check_capacity(federation, buyer,
                                    topology_find(federation->topology, said->seller), said->terms,
                                    least->rate_bps, ret_bps);
}

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Names and terms of agreements, as platform, agents and people see them.

#include "schemas/membership.h"
#include "schemas/wire.h"

typedef Qkdnf__V1__AgreementState AgreementState;
#define AGREEMENT(state)     QKDNF__V1__AGREEMENT_STATE__AGREEMENT_STATE_##state
#define AGREEMENT_BIT(state) (1u << AGREEMENT(state))

typedef Qkdnf__V1__AgreementAction AgreementAction;
#define AGREEMENT_ACTION(action) QKDNF__V1__AGREEMENT_ACTION__AGREEMENT_ACTION_##action

// Longer than the two longest member IDs and a version.
#define AGREEMENT_ID_MAX 192

// A key is delivered to the seller's own users under any agreement, whatever its purposes.
#define PURPOSES_ANY G_MAXUINT

// What is over is remembered so long, for those who still ask and for people.
#define AGREEMENT_KEEP_US (7 * G_TIME_SPAN_DAY)
// With the longest tariffs, a page is below what an answer may hold.
#define AGREEMENTS_PER_PAGE 15

const char *agreement_state_name(AgreementState state);
// No change leads out of it.
gboolean agreement_state_is_final(AgreementState state);

// Of the agreement that two members have under the same standing terms; `all` as the buyer: that
// of the seller with the federation. To be freed.
char *agreement_standing_id(guint64 version, const char *buyer, const char *seller);

// The terms are all that is compared: neither the order of purposes nor one named twice matters.
gboolean agreement_terms_equal(const WireAgreementTerms *a, const WireAgreementTerms *b);
// Whether what is offered is at least what is wanted, not for a shorter time, and at its tariff.
gboolean agreement_terms_cover(const WireAgreementTerms *offered, const WireAgreementTerms *wanted);
// They are those of the federation.
gboolean agreement_terms_are_standing(const WireAgreementTerms *terms);
// Nothing but capacity of a border link.
gboolean agreement_terms_reserve(const WireAgreementTerms *terms);
Purposes agreement_terms_purposes(const WireAgreementTerms *terms);
// NULL, or what about them can never be agreed; to be freed.
char *agreement_terms_fault(const WireAgreementTerms *terms);

// Who has to say the next word: the seller to a proposal and to standing terms, the buyer to an
// offer. NULL: nobody.
const char *agreement_next_party(const WireAgreement *agreement);

// A time as it stands in configurations and on command lines; NULL, 0: no limit.
#define AGREEMENT_TIME_EXPECTED "a time in UTC such as 2026-12-31T00:00:00Z"
gboolean agreement_time_parse(const char *text, guint64 *ret_us);

// The number of the period of its quota that it is in at that time; 0: it has none.
guint64 agreement_period(const WireAgreementTerms *terms, gint64 now_us);

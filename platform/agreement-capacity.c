// SPDX-License-Identifier: Apache-2.0
//
// Reservations: agreements whose terms name a border link set so much of its capacity aside for the
// buyer's users from when to when, and grant nothing else. What is free is looked at when one is
// proposed and when it is accepted: who agrees first has it. Until it is accepted, nothing is kept.

#include "platform/agreement.h"
#include "platform/booking.h"

#include <string.h>

// How far ahead it may begin and end.
#define AHEAD_US (366 * G_TIME_SPAN_DAY)

static Span span_of(const Federation *federation, const WireAgreementTerms *terms)
{
    return (Span){MAX(terms->valid_from_us, (guint64)federation->now), terms->valid_until_us};
}

// A suspended one holds nothing, and has to find its capacity free when it is resumed.
static gboolean is_kept(const Agreement *agreement)
{
    const guint states =
        AGREEMENT_BIT(ACCEPTED) | AGREEMENT_BIT(AVAILABLE) | AGREEMENT_BIT(TEMPORARY_FAILURE);
    return states & (1u << agreement->wire->state);
}

void agreement_unbook(Federation *federation, const Agreement *agreement)
{
    const WireAgreementTerms *terms = agreement->wire->terms;
    if (agreement_terms_reserve(terms))
        booking_remove(federation->topology, terms->link, agreement->wire->id);
}

void agreement_book(Federation *federation, const Agreement *agreement)
{
    const WireAgreementTerms *terms = agreement->wire->terms;
    if (!agreement_terms_reserve(terms))
        return;
    if (!is_kept(agreement) || !agreement->buyer) {
        agreement_unbook(federation, agreement);
        return;
    }
    booking_put(federation->topology, terms->link,
                &(Booking){.id = agreement->wire->id,
                           .buyer = agreement->buyer,
                           .seller = agreement->seller,
                           .bps = terms->rate_bps,
                           .from_us = MAX(terms->valid_from_us, 1),
                           .until_us = terms->valid_until_us});
}

static Verdict check_span(const Federation *federation, const WireAgreementTerms *terms)
{
    guint64 latest_us = (guint64)(federation->now + AHEAD_US);
    if (terms->valid_until_us <= (guint64)federation->now)
        return request_refuse(STATUS_BAD_REQUEST, "the time of the reservation is over already");
    if (terms->valid_until_us > latest_us)
        return request_refuse(STATUS_BAD_REQUEST,
                              "the reservation ends in more than %d days; expected at most that",
                              (int)(AHEAD_US / G_TIME_SPAN_DAY));
    return (Verdict){STATUS_OK, NULL};
}

static Verdict check_link(const Provider *buyer, const Provider *seller, Link *link,
                          const Span *span)
{
    if (!link_end_of(link, seller))
        return request_refuse(STATUS_NOT_ALLOWED, "'%s' has no end of border link '%s'", seller->id,
                              link->id);
    if (booking_overlaps(link, buyer, span))
        return request_refuse(STATUS_NOT_ALLOWED,
                              "'%s' has reserved capacity of border link '%s' for some of that "
                              "time already",
                              buyer->id, link->id);
    if (booking_count(link) >= BOOKINGS_MAX)
        return request_refuse(STATUS_BUSY, "border link '%s' has %d reservations already", link->id,
                              BOOKINGS_MAX);
    return (Verdict){STATUS_OK, NULL};
}

Verdict agreement_check_capacity(const Federation *federation, const Provider *buyer,
                                 const Provider *seller, const WireAgreementTerms *terms,
                                 guint64 least_bps, guint64 *ret_bps)
{
    *ret_bps = terms->rate_bps;
    if (!agreement_terms_reserve(terms))
        return (Verdict){STATUS_OK, NULL};
    const Span span = span_of(federation, terms);
    Link *link = topology_find_link(federation->topology, terms->link);
    if (!link)
        return request_refuse(STATUS_NO_ROUTE, "no border link '%.64s' is registered", terms->link);
    Verdict verdict = check_span(federation, terms);
    if (verdict.status == STATUS_OK)
        verdict = check_link(buyer, seller, link, &span);
    if (verdict.status != STATUS_OK)
        return verdict;
    guint64 free_bps = booking_free_bps(federation->topology, link, buyer, &span);
    *ret_bps = MIN(terms->rate_bps, free_bps);
    return free_bps >= least_bps
               ? verdict
               : request_refuse(STATUS_INSUFFICIENT_KEY,
                                "border link '%s' has %" G_GUINT64_FORMAT
                                " bit/s free for all of that time; at least %" G_GUINT64_FORMAT
                                " are asked for",
                                link->id, free_bps, least_bps);
}

Verdict agreement_check_booking(const Federation *federation, const Agreement *agreement)
{
    guint64 bps;
    const WireAgreementTerms *terms = agreement->wire->terms;
    return agreement_check_capacity(federation, agreement->buyer, agreement->seller, terms,
                                    terms->rate_bps, &bps);
}

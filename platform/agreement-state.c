// SPDX-License-Identifier: Apache-2.0
//
// The states of agreements, and what each change brings with it.

#include "platform/agreement.h"

#include <string.h>

// How often it is looked whether all that runs under one that ends is done.
#define DRAIN_CHECK_US (250 * G_TIME_SPAN_MILLISECOND)

#define N_STATES  (AGREEMENT(FAILED) + 1)
#define TO(state) AGREEMENT_BIT(state)

static const guint edges[N_STATES] = {
    [AGREEMENT(UNSPECIFIED)] = TO(PROPOSED) | TO(OFFERED) | TO(AVAILABLE),
    [AGREEMENT(PROPOSED)] = TO(OFFERED) | TO(ACCEPTED) | TO(FAILED),
    [AGREEMENT(OFFERED)] = TO(ACCEPTED) | TO(FAILED),
    [AGREEMENT(ACCEPTED)] = TO(AVAILABLE) | TO(ENDING),
    [AGREEMENT(AVAILABLE)] = TO(TEMPORARY_FAILURE) | TO(LOCKED) | TO(ENDING),
    [AGREEMENT(TEMPORARY_FAILURE)] = TO(AVAILABLE) | TO(LOCKED) | TO(ENDING),
    [AGREEMENT(LOCKED)] = TO(AVAILABLE) | TO(TEMPORARY_FAILURE) | TO(ENDING),
    [AGREEMENT(ENDING)] = TO(ENDED),
};

gboolean agreement_can_enter(AgreementState from, AgreementState to)
{
    return (guint)from < N_STATES && (edges[from] & (1u << to)) != 0;
}

gboolean agreement_is_final(const Agreement *agreement)
{
    return agreement_state_is_final(agreement->wire->state);
}

gboolean agreement_is_standing(const Agreement *agreement)
{
    return agreement_terms_are_standing(agreement->wire->terms);
}

gboolean agreement_is_exclusive(const Agreement *agreement)
{
    return !agreement_is_standing(agreement) && !agreement_terms_reserve(agreement->wire->terms);
}

// --- the change ----------------------------------------------------------------------------------

static void set_text(char **ret_text, const char *text)
{
    char *copy = g_strdup(text);
    // Of what was unpacked, an empty text is nobody's to free.
    if (*ret_text != protobuf_c_empty_string)
        g_free(*ret_text);
    *ret_text = copy;
}

static void say(Federation *federation, const Agreement *agreement, AgreementState from)
{
    const WireAgreement *wire = agreement->wire;
    const guint good = AGREEMENT_BIT(PROPOSED) | AGREEMENT_BIT(OFFERED) | AGREEMENT_BIT(ACCEPTED) |
                       AGREEMENT_BIT(AVAILABLE);
    federation_event(federation,
                     &(EventHead){.severity = good & (1u << wire->state)
                                                  ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                                                  : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "agreement.state",
                                  .subject = wire->id,
                                  .cause = wire->reason},
                     "%s → %s by %s: '%s' may use '%s'", agreement_state_name(from),
                     agreement_state_name(wire->state), wire->actor, wire->buyer, wire->seller);
}

// That a seller comes and goes is no decision of anybody, and that a member takes part by the
// standing terms follows from its membership: both would only fill the trail.
static gboolean is_decision(const Federation *federation, const Agreement *agreement,
                            AgreementState from)
{
    const char *actor = agreement->wire->actor;
    gboolean is_by_operator =
        strcmp(actor, federation->config->id) != 0 && strcmp(actor, agreement->seller->id) != 0;
    const guint presence = AGREEMENT_BIT(AVAILABLE) | AGREEMENT_BIT(TEMPORARY_FAILURE);
    gboolean is_presence = (presence & (1u << from)) && (presence & (1u << agreement->wire->state));
    if (!agreement->buyer)
        return is_by_operator;
    return from != AGREEMENT(UNSPECIFIED) && !is_presence;
}

static void audit(Federation *federation, const Agreement *agreement, AgreementState from,
                  const char *command)
{
    const WireAgreement *wire = agreement->wire;
    if (!is_decision(federation, agreement, from))
        return;
    MemberState state = member_state(federation, wire->seller);
    g_autofree char *text =
        g_strdup_printf("agreement %s: %s → %s: %s", wire->id, agreement_state_name(from),
                        agreement_state_name(wire->state), wire->reason);
    audit_add(federation, &(AuditEntry){.actor = wire->actor,
                                        .member = wire->seller,
                                        .command = command,
                                        .from = state,
                                        .to = state,
                                        .status = STATUS_OK,
                                        .text = text});
}

void agreement_enter(Federation *federation, Agreement *agreement, const AgreementChange *change)
{
    WireAgreement *wire = agreement->wire;
    g_assert(agreement_can_enter(wire->state, change->state));
    AgreementState from = wire->state;
    wire->state = change->state;
    wire->since_us = (guint64)federation->now;
    set_text(&wire->actor, change->actor);
    set_text(&wire->reason, change->reason);
    agreement_renew(federation, agreement);
    audit(federation, agreement, from, change->command);
    say(federation, agreement, from);
    agreement_save(federation, agreement);
    agreement_book(federation, agreement);
    agreement_review(federation, agreement->buyer, agreement->seller, change->reason);
    agreement_tell(federation, agreement);
    timers_arm(federation->timers, TIMER_TERM, wire->id, federation->now);
}

// --- what time and presence make of it -----------------------------------------------------------

static void enter(Federation *federation, Agreement *agreement, AgreementState state,
                  const char *reason)
{
    agreement_enter(federation, agreement,
                    &(AgreementChange){state, federation->config->id, "agreement", reason});
}

// Requests that were ordered under it, and sessions that have not found another way.
static gboolean is_in_use(const Federation *federation, const Agreement *agreement)
{
    const char *seller = agreement->seller->id;
    if (agreement_terms_reserve(agreement->wire->terms))
        return FALSE;
    return request_is_under(federation, seller, agreement->buyer) ||
           stream_is_under(federation, seller, agreement->buyer);
}

static void look_after_drain(Federation *federation, Agreement *agreement)
{
    gint64 until_us = (gint64)agreement->wire->since_us +
                      (gint64)federation->config->drain_ms * G_TIME_SPAN_MILLISECOND;
    gboolean is_idle = !is_in_use(federation, agreement);
    if (is_idle || federation->now >= until_us)
        enter(federation, agreement, AGREEMENT(ENDED),
              is_idle ? "nothing runs under it any more" : "what ran under it has had its time");
    else
        timers_arm(federation->timers, TIMER_TERM, agreement->wire->id,
                   MIN(federation->now + DRAIN_CHECK_US, until_us));
}

static gboolean has_passed(const Federation *federation, guint64 at_us)
{
    return at_us > 0 && (guint64)federation->now >= at_us;
}

// When the next thing happens to it by itself.
static void arm(Federation *federation, const Agreement *agreement)
{
    const WireAgreement *wire = agreement->wire;
    const WireAgreementTerms *terms = wire->terms;
    guint64 next_us = G_MAXUINT64;
    if (wire->state == AGREEMENT(PROPOSED) || wire->state == AGREEMENT(OFFERED))
        next_us = wire->deadline_us;
    else if (wire->state == AGREEMENT(ACCEPTED))
        next_us = terms->valid_from_us;
    else if (terms->valid_until_us > 0)
        next_us = terms->valid_until_us;
    if (agreement->used_bits > 0 && agreement->period == agreement_period(terms, federation->now))
        next_us = MIN(next_us, agreement->period * terms->period_s * G_USEC_PER_SEC);
    if (federation_is_settling(federation))
        next_us = MIN(next_us, (guint64)(federation->started_us + FEDERATION_SETTLE_US));
    if (next_us > (guint64)federation->now && next_us <= G_MAXINT64)
        timers_arm(federation->timers, TIMER_TERM, wire->id, (gint64)next_us);
}

static AgreementState wanted_state(const Federation *federation, const Agreement *agreement)
{
    gboolean is_there = agreement_is_standing(agreement) || agreement->seller->is_usable ||
                        federation_is_settling(federation);
    return is_there ? AGREEMENT(AVAILABLE) : AGREEMENT(TEMPORARY_FAILURE);
}

void agreement_follow_time(Federation *federation, Agreement *agreement)
{
    const WireAgreement *wire = agreement->wire;
    AgreementState wanted = wanted_state(federation, agreement);
    switch (wire->state) {
    case AGREEMENT(PROPOSED):
    case AGREEMENT(OFFERED):
        if (has_passed(federation, wire->deadline_us))
            enter(federation, agreement, AGREEMENT(FAILED), "no answer in time");
        break;
    case AGREEMENT(ACCEPTED):
        if ((guint64)federation->now >= wire->terms->valid_from_us) {
            enter(federation, agreement, AGREEMENT(AVAILABLE), wire->reason);
            agreement_replace_others(federation, agreement);
        }
        break;
    case AGREEMENT(AVAILABLE):
    case AGREEMENT(TEMPORARY_FAILURE):
    case AGREEMENT(LOCKED):
        if (has_passed(federation, wire->terms->valid_until_us))
            enter(federation, agreement, AGREEMENT(ENDING), "its time is over");
        else if (wire->state != AGREEMENT(LOCKED) && wire->state != wanted)
            enter(federation, agreement, wanted,
                  wanted == AGREEMENT(AVAILABLE) ? "the seller is back" : "the seller is gone");
        break;
    case AGREEMENT(ENDING):
        look_after_drain(federation, agreement);
        return;
    case AGREEMENT(ENDED):
    case AGREEMENT(FAILED):
        return;
    case AGREEMENT(UNSPECIFIED):
    case _QKDNF__V1__AGREEMENT_STATE_IS_INT_SIZE:
        return;
    }
    arm(federation, agreement);
}

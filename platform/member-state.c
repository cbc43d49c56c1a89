// SPDX-License-Identifier: Apache-2.0
//
// The states of membership, and what each change brings with it.

#include "platform/agreement.h"

// How often it is looked whether a member that withdraws has done all that runs.
#define DRAIN_CHECK_US (250 * G_TIME_SPAN_MILLISECOND)

#define N_STATES  (MEMBER(EXPELLED) + 1)
#define TO(state) STATE_BIT(MEMBER(state))

static const States edges[N_STATES] = {
    [MEMBER(UNSPECIFIED)] = TO(APPLIED),
    [MEMBER(APPLIED)] = TO(AUTHENTICATED) | TO(REFUSED),
    [MEMBER(AUTHENTICATED)] = TO(ACTIVE) | TO(REFUSED),
    [MEMBER(ACTIVE)] = TO(SUSPENDED) | TO(WITHDRAWING) | TO(EXPELLED),
    [MEMBER(SUSPENDED)] = TO(ACTIVE) | TO(EXPELLED),
    [MEMBER(WITHDRAWING)] = TO(WITHDRAWN) | TO(EXPELLED),
    [MEMBER(WITHDRAWN)] = TO(APPLIED),
    [MEMBER(REFUSED)] = TO(APPLIED),
};

gboolean member_can_enter(MemberState from, MemberState to)
{
    return (edges[from] & STATE_BIT(to)) != 0;
}

// --- scope ---------------------------------------------------------------------------------------

Purposes member_scope(const Member *member)
{
    const WireApply *application = member->application;
    return application
               ? member->granted & purposes_of(application->purposes, application->n_purposes)
               : 0;
}

void member_update_scope(Federation *federation, Member *member, Purposes granted)
{
    member->granted = granted;
    member->provider->denied = PURPOSES_ALL & ~member_scope(member);
    attachment_review(federation, member->provider);
    member_save(federation, member);
}

// --- what follows from a change ------------------------------------------------------------------

static void leave(Federation *federation, Member *member)
{
    timers_disarm(federation->timers, TIMER_DRAIN, member->provider->id);
    // Also what it was left to end by itself.
    request_on_member_lost(federation, member->provider->id);
    agreement_on_member_gone(federation, member->provider);
    member_drop_resource(federation, member);
    fault_clear_all(federation, member->provider->id, G_MAXUINT64);
}

static void follow(Federation *federation, Member *member)
{
    member_review(federation, member, member->reason);
    switch (member->state) {
    case MEMBER(WITHDRAWING):
        attachment_review(federation, member->provider);
        timers_arm(federation->timers, TIMER_DRAIN, member->provider->id, federation->now);
        break;
    case MEMBER(WITHDRAWN):
    case MEMBER(EXPELLED):
        leave(federation, member);
        break;
    case MEMBER(ACTIVE):
        agreement_offer_standing(federation, member);
        break;
    case MEMBER(UNSPECIFIED):
    case MEMBER(APPLIED):
    case MEMBER(AUTHENTICATED):
    case MEMBER(SUSPENDED):
    case MEMBER(REFUSED):
    case _QKDNF__V1__MEMBER_STATE_IS_INT_SIZE:
        break;
    }
}

static void set_text(char **ret_text, const char *text)
{
    char *copy = g_strdup(text);
    g_free(*ret_text);
    *ret_text = copy;
}

void member_enter(Federation *federation, Member *member, const MemberChange *change)
{
    g_assert(member_can_enter(member->state, change->state));
    MemberState from = member->state;
    member->state = change->state;
    member->since_us = federation->now;
    set_text(&member->reason, change->reason);
    set_text(&member->actor, change->actor);
    audit_add(federation, &(AuditEntry){.actor = change->actor,
                                        .member = member->provider->id,
                                        .command = change->command,
                                        .from = from,
                                        .to = change->state,
                                        .status = STATUS_OK,
                                        .text = change->reason});
    follow(federation, member);
    member_save(federation, member);
    member_send_state(federation, member);
}

// --- withdrawal ----------------------------------------------------------------------------------

static void look_after_drain(Federation *federation, Member *member)
{
    const char *id = member->provider->id;
    gint64 until_us =
        member->since_us + (gint64)federation->config->drain_ms * G_TIME_SPAN_MILLISECOND;
    gboolean is_done = !request_concerns(federation, id) &&
                       affected_count(federation->streaming, BY_PROVIDER, id) == 0;
    if (is_done || federation->now >= until_us) {
        member_enter(federation, member,
                     &(MemberChange){MEMBER(WITHDRAWN), federation->config->id, "withdraw",
                                     is_done ? "nothing runs over it any more"
                                             : "what ran over it has had its time"});
        return;
    }
    timers_arm(federation->timers, TIMER_DRAIN, id,
               MIN(federation->now + DRAIN_CHECK_US, until_us));
}

void member_on_drain(Federation *federation, Member *member)
{
    if (member->state == MEMBER(WITHDRAWING))
        look_after_drain(federation, member);
}

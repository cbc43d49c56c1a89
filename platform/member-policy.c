// SPDX-License-Identifier: Apache-2.0
//
// A federation's policy that was changed, and the members that were let in under the one before.
//
// They are told what is missing with each word about their membership, and go on for a time of
// grace: one line in the platform's configuration must not stop a federation, and their own
// administrators have to agree first. A good application within that time settles it. At its end
// the platform suspends the member, as an administrator would; only an administrator lets it in
// again. How long it has is durable: the platform may be started as often as it likes.

#include "platform/member.h"

void member_policy_settle(Federation *federation, Member *member)
{
    member->policy_due_us = 0;
    timers_disarm(federation->timers, TIMER_POLICY, member->provider->id);
}

static void object(Federation *federation, Member *member, const char *why)
{
    gint64 grace_us = (gint64)federation->config->policy.grace_ms * G_TIME_SPAN_MILLISECOND;
    g_free(member->objection);
    member->objection = g_strdup(why);
    if (member->policy_due_us == 0)
        member->policy_due_us = federation->now + grace_us;
    member_save(federation, member);
    timers_arm(federation->timers, TIMER_POLICY, member->provider->id, member->policy_due_us);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "member.policy",
                                  .subject = member->provider->id},
                     "%s; suspended in %" G_GINT64_FORMAT " s unless it applies anew", why,
                     MAX(member->policy_due_us - federation->now, 0) / G_USEC_PER_SEC);
}

static gboolean review(gpointer key, gpointer value, gpointer data)
{
    Federation *federation = data;
    Member *member = value;
    if (member->state != MEMBER(ACTIVE) || !member->application)
        return FALSE;
    g_autofree char *why = member_check_policy(federation->config, member->application);
    if (why) {
        object(federation, member, why);
    } else if (member->policy_due_us > 0) {
        // The policy was changed back.
        g_clear_pointer(&member->objection, g_free);
        member_policy_settle(federation, member);
        member_save(federation, member);
    }
    return FALSE;
}

void member_policy_review(Federation *federation)
{
    g_tree_foreach(federation->members, review, federation);
}

void member_policy_on_timer(Federation *federation, Member *member)
{
    if (member->state != MEMBER(ACTIVE) || member->policy_due_us == 0)
        return;
    g_autofree char *why = member_check_policy(federation->config, member->application);
    member_policy_settle(federation, member);
    if (why)
        member_enter(federation, member,
                     &(MemberChange){MEMBER(SUSPENDED), federation->config->id, "policy", why});
}

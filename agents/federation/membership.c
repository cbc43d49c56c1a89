// SPDX-License-Identifier: Apache-2.0
//
// The provider's membership: it applies by itself when it starts, and again when what it says of
// itself has changed; it leaves when an operator of the provider wants that, and then stays away
// until one of them has it apply anew.

#include "agents/federation/core.h"
#include "agents/federation/state.pb-c.h"
#include "schemas/membership.h"
#include "topics/record.h"

#include <string.h>

#define REPEAT_FIRST_US (1 * G_TIME_SPAN_SECOND)
#define REPEAT_MAX_US   (30 * G_TIME_SPAN_SECOND)

#define STATE(name) QKDNF__V1__MEMBER_STATE__MEMBER_STATE_##name

// --- durable -------------------------------------------------------------------------------------

void membership_clear(Agent *agent)
{
    wire_free(agent->membership.application);
    g_free(agent->membership.leave_reason);
    g_free(agent->membership.reason);
}

static void save(Agent *agent)
{
    Membership *membership = &agent->membership;
    Agent__State__Membership state = AGENT__STATE__MEMBERSHIP__INIT;
    state.application = membership->application;
    state.state = membership->state;
    state.is_leaving = membership->is_leaving;
    state.leave_reason = membership->leave_reason ? membership->leave_reason : (char *)"";
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "membership", "self", value);
}

static void load_state(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Membership *membership = loading->core;
    Agent__State__Membership *state = record_unpack(&agent__state__membership__descriptor, value);
    if (state && state->state <= STATE(EXPELLED)) {
        membership->application = g_steal_pointer(&state->application);
        membership->state = state->state;
        membership->is_leaving = state->is_leaving;
        membership->leave_reason = g_strdup(state->leave_reason);
    } else {
        record_fail(loading, "membership", "self", "is damaged");
    }
    wire_free(state);
}

gboolean membership_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "membership", load_state, &agent->membership, error);
}

// --- the application -----------------------------------------------------------------------------

static Qkdnf__V1__NoticePolicy notice_policy(const AgentPolicy *policy)
{
    static const Qkdnf__V1__NoticePolicy policies[] = {
        [AGENT_NOTICES_OWN] = QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_OWN,
        [AGENT_NOTICES_ALL] = QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_ALL,
        [AGENT_NOTICES_NONE] = QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_NONE,
    };
    return policies[policy->notices];
}

static WireApply *build_application(const Agent *agent, guint64 version)
{
    const AgentConfig *config = agent->config;
    Qkdnf__V1__Purpose purposes[PURPOSES_MAX];
    WireApply application = WIRE_APPLY_INIT;
    application.version = version;
    application.provider = config->id;
    application.contact = config->contact ? config->contact : (char *)"";
    application.purposes = purposes;
    application.n_purposes = purposes_list(purposes_from_names(config->purposes), purposes);
    application.policy_version = config->federation_policy;
    application.share_percent = (guint32)config->policy.share_percent;
    application.notices = notice_policy(&config->policy);
    if (config->certificate_sha256)
        application.certificate_sha256.data = (guint8 *)g_bytes_get_data(
            config->certificate_sha256, &application.certificate_sha256.len);
    return message_copy(&application.base);
}

static gboolean is_same(const WireApply *a, const WireApply *b)
{
    g_autoptr(GBytes) x = message_pack(&a->base);
    g_autoptr(GBytes) y = message_pack(&b->base);
    return g_bytes_equal(x, y);
}

// The time makes it higher than whatever was said before the store was lost.
static void renew(Agent *agent)
{
    Membership *membership = &agent->membership;
    guint64 last = membership->application ? membership->application->version : 0;
    WireApply *application = build_application(agent, MAX(last + 1, (guint64)agent->now));
    wire_free(membership->application);
    membership->application = application;
    save(agent);
}

// --- saying it -----------------------------------------------------------------------------------

static gboolean is_judged(const Membership *membership)
{
    return membership->judged_version >= membership->application->version;
}

// Nothing has to be said now: it is as the provider wants it, or for good.
static gboolean is_settled(const Membership *membership)
{
    switch (membership->state) {
    case STATE(ACTIVE):
        return !membership->is_leaving && is_judged(membership);
    case STATE(REFUSED):
    case STATE(WITHDRAWN):
        return membership->is_leaving || is_judged(membership);
    case STATE(EXPELLED):
        return TRUE;
    case STATE(UNSPECIFIED):
    case STATE(APPLIED):
    case STATE(AUTHENTICATED):
        return membership->is_leaving;
    case STATE(SUSPENDED):
    case STATE(WITHDRAWING):
    case _QKDNF__V1__MEMBER_STATE_IS_INT_SIZE:
        return FALSE;
    }
    return FALSE;
}

static void send_application(Agent *agent)
{
    agent_send(agent, KIND_APPLY, agent->config->platform, &agent->membership.application->base);
}

static void send_withdrawal(Agent *agent)
{
    const Membership *membership = &agent->membership;
    WireWithdraw withdraw = WIRE_WITHDRAW_INIT;
    withdraw.version = membership->application->version;
    withdraw.reason = membership->leave_reason ? membership->leave_reason : (char *)"";
    agent_send(agent, KIND_WITHDRAW, agent->config->platform, &withdraw.base);
}

static void say(Agent *agent)
{
    Membership *membership = &agent->membership;
    if (is_settled(membership)) {
        timers_disarm(agent->timers, TIMER_MEMBER, "");
        return;
    }
    if (membership->is_leaving)
        send_withdrawal(agent);
    else
        send_application(agent);
    timers_arm_repeat(agent->timers, TIMER_MEMBER, "", agent->now, &membership->repeat_us,
                      REPEAT_MAX_US);
}

void membership_on_timer(Agent *agent)
{
    say(agent);
}

// The platform, or the bus, is there anew: what it knows of this member is not known.
void membership_announce(Agent *agent)
{
    agent->membership.repeat_us = REPEAT_FIRST_US;
    agent->membership.judged_version = 0;
    say(agent);
}

gboolean membership_refresh(Agent *agent)
{
    const WireApply *last = agent->membership.application;
    WireApply *now = build_application(agent, last ? last->version : 0);
    gboolean is_changed = !last || !is_same(last, now);
    wire_free(now);
    if (is_changed)
        renew(agent);
    return is_changed;
}

// --- hearing of it -------------------------------------------------------------------------------

static gboolean is_out(Qkdnf__V1__MemberState state)
{
    return state == STATE(WITHDRAWN) || state == STATE(REFUSED) || state == STATE(EXPELLED);
}

static void enter(Agent *agent, const WireMember *member)
{
    Membership *membership = &agent->membership;
    Qkdnf__V1__MemberState from = membership->state;
    membership->state = member->state;
    save(agent);
    agent_event(agent,
                member->state == STATE(ACTIVE) ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                                               : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                "membership.state", agent->config->id, "%s → %s: %s", member_state_name(from),
                member_state_name(member->state), member->reason);
    membership->repeat_us = REPEAT_FIRST_US;
    if (member->state == STATE(ACTIVE))
        discovery_join(agent);
    else if (is_out(member->state))
        discovery_leave(agent);
}

void membership_on_member(Agent *agent, const WireMember *member)
{
    Membership *membership = &agent->membership;
    gboolean is_known = member->state <= STATE(EXPELLED);
    if (member->application_version > membership->application->version &&
        member->application_version < G_MAXUINT64) {
        // Of an earlier life whose clock was ahead, and whose store is lost.
        membership->application->version = member->application_version;
        renew(agent);
    }
    membership->judged_version = member->application_version;
    g_free(membership->reason);
    membership->reason = g_strdup(member->reason);
    if (is_known && member->state != membership->state)
        enter(agent, member);
    if (is_settled(membership))
        timers_disarm(agent->timers, TIMER_MEMBER, "");
    else
        timers_arm(agent->timers, TIMER_MEMBER, "", agent->now + membership->repeat_us);
}

gboolean membership_allows(const Agent *agent, KindId kind)
{
    States states = kind_get(kind)->states;
    return states == 0 || (states & STATE_BIT(agent->membership.state));
}

char *membership_explain(const Agent *agent)
{
    const Membership *membership = &agent->membership;
    if (membership->state != STATE(SUSPENDED) && !is_out(membership->state))
        return NULL;
    const char *reason = membership->reason ? membership->reason : "";
    return g_strdup_printf("provider '%s' is %s%s%s", agent->config->id,
                           member_state_name(membership->state), *reason ? ": " : "", reason);
}

void membership_on_rating(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    agent->rating = ((const WireRating *)message)->score;
}

// --- operators -----------------------------------------------------------------------------------

static void set_leaving(Agent *agent, gboolean is_leaving, const char *reason)
{
    Membership *membership = &agent->membership;
    membership->is_leaving = is_leaving;
    g_free(membership->leave_reason);
    membership->leave_reason = g_strdup(reason);
    membership->repeat_us = REPEAT_FIRST_US;
    if (!is_leaving)
        renew(agent);
    save(agent);
    say(agent);
}

Status membership_command(Agent *agent, const WireAgentCommand *command, char **ret_text)
{
    const Membership *membership = &agent->membership;
    gboolean is_leaving = command->action == QKDNF__V1__AGENT_ACTION__AGENT_ACTION_WITHDRAW;
    if (!is_leaving && command->action != QKDNF__V1__AGENT_ACTION__AGENT_ACTION_APPLY) {
        *ret_text = g_strdup("unknown action");
        return STATUS_BAD_REQUEST;
    }
    if (strlen(command->reason) > REASON_MAX) {
        *ret_text = g_strdup_printf("the reason is longer than %d bytes", REASON_MAX);
        return STATUS_BAD_REQUEST;
    }
    if (membership->state == STATE(EXPELLED)) {
        *ret_text = g_strdup_printf("%s was expelled", agent->config->id);
        return STATUS_NOT_ALLOWED;
    }
    if (membership->is_leaving != is_leaving)
        set_leaving(agent, is_leaving, command->reason);
    *ret_text =
        g_strdup_printf("%s %s; the platform said last: %s", agent->config->id,
                        is_leaving ? "leaves" : "applies", member_state_name(membership->state));
    return STATUS_OK;
}

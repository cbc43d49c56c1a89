// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/operator.h"

#include <string.h>

#define MS      ((gint64)G_TIME_SPAN_MILLISECOND)
#define TICK_US (500 * MS)

// Federations of which an operator suspends members, and of which some withdraw.
#define SUSPENDS_PERCENT  20
#define WITHDRAWS_PERCENT 5

typedef Qkdnf__V1__MemberState MemberState;
#define MEMBER(state) QKDNF__V1__MEMBER_STATE__MEMBER_STATE_##state

struct Operator {
    Dice dice;
    World *world;
    Application *member;
    gint64 until_us;
    gboolean suspends;
    gboolean withdraws;
    const char *out; // who is or has to be out; NULL: nobody
    gboolean is_withdrawal;
    gboolean is_out;
    gint64 back_at_us;
    guint64 n_suspended;
    guint64 n_withdrawn;
};

Operator *operator_new(guint64 seed, World *world)
{
    Operator *operator= g_new0(Operator, 1);
    operator->dice = dice_make(dice_fork(seed, "operator"));
    operator->world = world;
    operator->suspends = dice_chance(&operator->dice, SUSPENDS_PERCENT);
    operator->withdraws = dice_chance(&operator->dice, WITHDRAWS_PERCENT);
    operator->member = application_new(world->agenda, world->broker, OPERATOR_ID, ROLE_OPERATOR,
                                       seed, world->hooks.is_authenticated);
    operator->member->received = world->hooks.received;
    operator->member->owner = world->owner;
    return operator;
}

void operator_free(Operator *operator)
{
    if (!operator)
        return;
    application_free(operator->member);
    g_free(operator);
}

Application *operator_member(const Operator *operator)
{
    return operator->member;
}

guint64 operator_n_suspended(const Operator *operator)
{
    return operator->n_suspended;
}

guint64 operator_n_withdrawn(const Operator *operator)
{
    return operator->n_withdrawn;
}

// --- what it says --------------------------------------------------------------------------------

static void ask_members(Operator *operator)
{
    WireMemberQuery query = WIRE_MEMBER_QUERY_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"members";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBERS;
    admin.members = &query;
    application_say(operator->member, KIND_ADMIN, &admin.base);
}

static void command_member(Operator *operator, Qkdnf__V1__MemberAction action)
{
    WireMemberCommand command = WIRE_MEMBER_COMMAND_INIT;
    command.action = action;
    command.member = (char *)operator->out;
    command.reason = (char *)"drill";
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"member";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBER;
    admin.member = &command;
    application_say(operator->member, KIND_ADMIN, &admin.base);
}

static void command_agent(Operator *operator, Qkdnf__V1__AgentAction action)
{
    WireAgentCommand command = WIRE_AGENT_COMMAND_INIT;
    command.action = action;
    command.reason = (char *)"drill";
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"agent";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_AGENT;
    admin.agent = &command;
    application_say_to(operator->member, KIND_ADMIN, operator->out, &admin.base);
}

static void take_out(Operator *operator)
{
    if (operator->is_withdrawal)
        command_agent(operator, QKDNF__V1__AGENT_ACTION__AGENT_ACTION_WITHDRAW);
    else
        command_member(operator, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_SUSPEND);
}

static void let_in(Operator *operator)
{
    if (operator->is_withdrawal)
        command_agent(operator, QKDNF__V1__AGENT_ACTION__AGENT_ACTION_APPLY);
    else
        command_member(operator, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_RESUME);
}

// --- the course of it ----------------------------------------------------------------------------

// As the platform has listed it last.
static MemberState state_of(const Operator *operator, const char * id)
{
    const WireAdminReply *members = operator->member->members;
    for (gsize i = 0; members && i < members->n_members; i++) {
        if (strcmp(members->members[i]->id, id) == 0)
            return members->members[i]->state;
    }
    return MEMBER(UNSPECIFIED);
}

// A command that was late has put somebody out again, or nobody let it in while that was asked for.
static gboolean finds_one_out(Operator *operator)
{
    const GPtrArray *sites = operator->world->network->sites;
    for (guint i = 0; i < sites->len; i++) {
        const char *id = ((const Site *)sites->pdata[i])->config.id;
        MemberState state = state_of(operator, id);
        if (state != MEMBER(SUSPENDED) && state != MEMBER(WITHDRAWN))
            continue;
        operator->out = id;
        operator->is_withdrawal = state == MEMBER(WITHDRAWN);
        operator->is_out = TRUE;
        operator->back_at_us = world_now(operator->world);
        return TRUE;
    }
    return FALSE;
}

static void choose(Operator *operator)
{
    Dice *dice = &operator->dice;
    const GPtrArray *sites = operator->world->network->sites;
    gint64 now_us = world_now(operator->world);
    if (finds_one_out(operator) || now_us >= operator->until_us || !dice_chance(dice, 10))
        return;
    operator->is_withdrawal = operator->withdraws &&(!operator->suspends || dice_chance(dice, 30));
    operator->out =((const Site *)sites->pdata[dice_below(dice, sites->len)])->config.id;
    operator->is_out = FALSE;
    operator->back_at_us = now_us + dice_between(dice, 500 * MS, 12000 * MS);
}

static void note_out(Operator *operator)
{
    operator->n_suspended += operator->is_out || operator->is_withdrawal ? 0 : 1;
    operator->n_withdrawn += operator->is_out || !operator->is_withdrawal ? 0 : 1;
    operator->is_out = TRUE;
}

static void pursue(Operator *operator)
{
    MemberState state = state_of(operator, operator->out);
    gboolean is_gone = state == MEMBER(WITHDRAWN) || state == MEMBER(SUSPENDED);
    // An earlier command may have come late, and done the other.
    if (is_gone)
        operator->is_withdrawal = state == MEMBER(WITHDRAWN);
    gint64 until_us = MIN(operator->back_at_us, operator->until_us);
    if (is_gone)
        note_out(operator);
    // Who has left before it was ever heard of is in nobody's list.
    is_gone = is_gone || (operator->is_withdrawal && state == MEMBER(UNSPECIFIED));
    if (world_now(operator->world) < until_us && !operator->is_out)
        take_out(operator);
    else if (is_gone && world_now(operator->world) >= until_us)
        let_in(operator);
    else if (state == MEMBER(ACTIVE) && world_now(operator->world) >= until_us + 4 * TICK_US)
        operator->out = NULL;
}

static void tick(gpointer owner, gpointer data)
{
    Operator *operator= owner;
    if (operator->out)
        pursue(operator);
    else
        choose(operator);
    ask_members(operator);
    agenda_add(operator->world->agenda, world_now(operator->world) + TICK_US, tick, operator, NULL,
               NULL);
}

void operator_begin(Operator *operator, gint64 until_us)
{
    operator->until_us = until_us;
    application_connect(operator->member);
    if (operator->suspends || operator->withdraws)
        tick(operator, NULL);
}

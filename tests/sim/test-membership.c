// SPDX-License-Identifier: Apache-2.0
//
// Members are suspended, expelled, and leave, while keys cross them, and processes die between any
// two steps of it: every request is answered, keys are equal at both ends, and afterwards nothing
// goes by way of them any more.

#include "tests/sim/stage.h"

#include <string.h>

#define OPERATOR "ops"

#define MEMBER(state) QKDNF__V1__MEMBER_STATE__MEMBER_STATE_##state

// No process has more passes than this to do with one command.
#define PASSES_MAX 8

#define REPEAT_US   (500 * G_TIME_SPAN_MILLISECOND)
#define PATIENCE_US (20 * G_TIME_SPAN_SECOND)

static Stage *stage_with_operator(void)
{
    static char *operators[] = {(char *)OPERATOR, NULL};
    Network *network = network_diamond();
    network->federation.operators = operators;
    for (guint i = 0; i < network->sites->len; i++)
        ((Site *)network->sites->pdata[i])->config.operators = operators;
    return stage_new(network);
}

// What the platform said last.
static Qkdnf__V1__MemberState state_of(const Stage *stage, const char *member)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        if (seen->kind == KIND_MEMBER && strcmp(seen->to, member) == 0)
            return ((const WireMember *)seen->frame->messages[seen->frame->n_messages - 1])->state;
    }
    return MEMBER(UNSPECIFIED);
}

// --- the operator --------------------------------------------------------------------------------

static void put_on_bus(gpointer data, const Publish *publish)
{
    broker_publish(((Stage *)data)->world->broker, publish->topic, publish->payload);
}

static void say(Stage *stage, const char *to, const WireAdmin *admin)
{
    g_autoptr(Outbox) outbox = outbox_new(OPERATOR, 1);
    outbox_add(outbox, KIND_ADMIN, to, &admin->base);
    outbox_flush(outbox, world_now(stage->world), put_on_bus, stage);
}

static void command_member(Stage *stage, Qkdnf__V1__MemberAction action, const char *member)
{
    WireMemberCommand command = WIRE_MEMBER_COMMAND_INIT;
    command.action = action;
    command.member = (char *)member;
    command.reason = (char *)"test";
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBER;
    admin.member = &command;
    say(stage, PLATFORM, &admin);
}

static void command_agent(Stage *stage, Qkdnf__V1__AgentAction action, const char *agent)
{
    WireAgentCommand command = WIRE_AGENT_COMMAND_INIT;
    command.action = action;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_AGENT;
    admin.agent = &command;
    say(stage, agent, &admin);
}

// --- ways to go ----------------------------------------------------------------------------------

typedef Qkdnf__V1__MemberState MemberState;

typedef struct {
    const char *name;
    void (*put)(Stage *stage, const char *member);
    void (*undo)(Stage *stage, const char *member); // NULL: there is no way back
    MemberState state;
} Exit;

static void suspend(Stage *stage, const char *member)
{
    command_member(stage, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_SUSPEND, member);
}

static void resume(Stage *stage, const char *member)
{
    command_member(stage, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_RESUME, member);
}

static void expel(Stage *stage, const char *member)
{
    command_member(stage, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_EXPEL, member);
}

static void withdraw(Stage *stage, const char *member)
{
    command_agent(stage, QKDNF__V1__AGENT_ACTION__AGENT_ACTION_WITHDRAW, member);
}

static void apply(Stage *stage, const char *member)
{
    command_agent(stage, QKDNF__V1__AGENT_ACTION__AGENT_ACTION_APPLY, member);
}

static const Exit exits[] = {
    {"suspend", suspend, resume, MEMBER(SUSPENDED)},
    {"expel", expel, NULL, MEMBER(EXPELLED)},
    {"withdraw", withdraw, apply, MEMBER(WITHDRAWN)},
};

typedef struct {
    const Exit *way;
    gboolean is_platform; // who dies; else the member
    CrashPoint crash;
    guint pass;
} Case;

static const char *transit_of(const WireReply *reply)
{
    return reply->paths[0]->providers[1];
}

static const char *next_transit(Stage *stage)
{
    return transit_of(stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-d", 1, 256)));
}

// As an operator does: again, until it is so.
static void put_until(Stage *stage, void (*put)(Stage *stage, const char *member),
                      const char *member, MemberState state)
{
    gint64 until_us = world_now(stage->world) + PATIENCE_US;
    while (state_of(stage, member) != state) {
        g_assert_cmpint(world_now(stage->world), <, until_us);
        put(stage, member);
        world_run(stage->world, REPEAT_US);
    }
}

static void await_transit(Stage *stage, const char *member)
{
    gint64 until_us = world_now(stage->world) + PATIENCE_US;
    while (strcmp(next_transit(stage), member) != 0) {
        g_assert_cmpint(world_now(stage->world), <, until_us);
        world_run(stage->world, REPEAT_US);
    }
}

static void run_case(const Case *what)
{
    g_autoptr(Stage) stage = stage_with_operator();
    g_autofree char *victim = g_strdup(next_transit(stage));
    Node *dies = world_find_node(stage->world, what->is_platform ? PLATFORM : victim);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    world_run(stage->world, WORLD_HOP_US + 1); // the orders are on their way
    node_kill_at(dies, what->crash, what->pass);
    dies->restart_us = 50000;
    put_until(stage, what->way->put, victim, what->way->state);
    stage_await_grant(stage, ask);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    node_kill_at(dies, CRASH_NONE, 0);
    stage_assert_delivered(stage, ask);
    g_assert_cmpstr(next_transit(stage), !=, victim);
    // Nothing of it is forgotten.
    stage_forget(stage);
    node_kill(world_find_node(stage->world, PLATFORM));
    world_run(stage->world, G_TIME_SPAN_SECOND);
    if (!node_is_running(world_find_node(stage->world, PLATFORM)))
        node_start(world_find_node(stage->world, PLATFORM), NULL);
    world_run(stage->world, 3 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(state_of(stage, victim), ==, what->way->state);
    g_assert_cmpstr(next_transit(stage), !=, victim);
    if (!what->way->undo)
        return;
    put_until(stage, what->way->undo, victim, MEMBER(ACTIVE));
    await_transit(stage, victim);
}

static void test_goes(gconstpointer data)
{
    const Exit *way = data;
    for (guint pass = 1; pass <= PASSES_MAX; pass++) {
        for (int crash = CRASH_BEFORE_COMMIT; crash < N_CRASHES; crash++) {
            run_case(&(Case){way, TRUE, (CrashPoint)crash, pass});
            run_case(&(Case){way, FALSE, (CrashPoint)crash, pass});
        }
    }
}

// A suspended member that goes on as if nothing were changes nothing at the platform, and takes no
// part in anything.
static void test_suspension_is_at_once(void)
{
    g_autoptr(Stage) stage = stage_with_operator();
    const char *victim = next_transit(stage);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    world_run(stage->world, WORLD_HOP_US + 1);
    suspend(stage, victim);
    // The order has just reached it; the outcome comes later than the command.
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpstr(transit_of(reply), !=, victim);
    g_assert_cmpuint(reply->attempts, ==, 2);
    g_assert_cmpint(world_now(stage->world) - ask->asked_at_us, <, G_TIME_SPAN_SECOND);
    stage_assert_delivered(stage, ask);
}

// What withdraws ends what it has begun.
static void test_withdrawal_ends_what_runs(void)
{
    g_autoptr(Stage) stage = stage_with_operator();
    const char *victim = next_transit(stage);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    world_run(stage->world, WORLD_HOP_US + 1);
    withdraw(stage, victim);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpstr(transit_of(reply), ==, victim);
    g_assert_cmpuint(reply->attempts, ==, 1);
    stage_assert_delivered(stage, ask);
    g_assert_cmpstr(next_transit(stage), !=, victim);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(exits); i++) {
        g_autofree char *path = g_strconcat("/membership/", exits[i].name, NULL);
        g_test_add_data_func(path, &exits[i], test_goes);
    }
    g_test_add_func("/membership/suspension-is-at-once", test_suspension_is_at_once);
    g_test_add_func("/membership/withdrawal-ends-what-runs", test_withdrawal_ends_what_runs);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0
//
// Users at a provider that leaves, is expelled, may not serve them any more, or dies and never
// comes back, in the middle of a session: at either end, and with the platform dying in every pass.

#include "tests/sim/roaming-stage.h"

#include <string.h>

// The platform has no more passes than this to do until the session is at home.
#define PASSES_MAX 16

#define SETTLE_US (50 * G_TIME_SPAN_SECOND)

typedef struct {
    const char *name;
    void (*strand)(Stage *stage);
    gboolean is_lossless; // the old agent can still say what it has
} Exit;

// --- ways to be stranded at gamma ----------------------------------------------------------------

static void expel(Stage *stage)
{
    WireMemberCommand command = WIRE_MEMBER_COMMAND_INIT;
    command.action = QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_EXPEL;
    command.member = (char *)"gamma";
    command.reason = (char *)"test";
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBER;
    admin.member = &command;
    say(stage, OPERATOR, KIND_ADMIN, &admin.base);
}

static void withdraw(Stage *stage)
{
    WireWithdraw wire = WIRE_WITHDRAW_INIT;
    wire.version = G_MAXUINT64;
    wire.reason = (char *)"test";
    say(stage, "gamma", KIND_WITHDRAW, &wire.base);
}

static void restart(Stage *stage, const char *agent)
{
    Node *node = world_find_node(stage->world, agent);
    node_kill(node);
    g_assert_true(node_start(node, NULL));
}

static void forbid(Stage *stage)
{
    policy_of(stage->world->network, "gamma")->serves = NULL;
    restart(stage, "gamma");
}

// Nobody says that it is gone for good: only that it may not serve any more.
static void die(Stage *stage)
{
    node_kill(world_find_node(stage->world, "gamma"));
    policy_of(stage->world->network, "alpha")->may_serve_ours = NULL;
    policy_of(stage->world->network, "beta")->may_serve_ours = NULL;
    restart(stage, "alpha");
    restart(stage, "beta");
}

static const Exit exits[] = {
    {"withdraw", withdraw, TRUE},
    {"forbid", forbid, TRUE},
    {"expel", expel, FALSE},
    {"die", die, FALSE},
};

// --- the session ---------------------------------------------------------------------------------

// A session of which that end is served at gamma, with keys there and on their way.
static Consumer visit_gamma(Stage *stage, const char *sae)
{
    start_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 5);
    WireHandover wire = make_move("gamma");
    ask_as(stage, sae, &wire);
    await_phase(stage, PHASE(PREPARED));
    if (strcmp(sae, "sae-a") == 0)
        consumer.initiator_at = "gamma";
    else
        consumer.target_at = "gamma";
    consume_some(&consumer, 11);
    await_phase(stage, PHASE(RELEASED));
    world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
    stage_forget(stage);
    return consumer;
}

static const WireEvent *find_event(const Stage *stage, const char *name)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        for (gsize j = 0; seen->kind == KIND_EVENT && j < seen->frame->n_messages; j++) {
            const WireEvent *event = (const WireEvent *)seen->frame->messages[j];
            if (strcmp(event->name, name) == 0 && strcmp(event->subject, SESSION) == 0)
                return event;
        }
    }
    return NULL;
}

static const WireEvent *find_last_phase(const Stage *stage)
{
    const WireEvent *active = find_event(stage, "session.active");
    const WireEvent *degraded = find_event(stage, "session.degraded");
    return degraded && (!active || active->at_us < degraded->at_us) ? degraded : active;
}

static guint64 delivered_at(const Stage *stage, const char *agent)
{
    const WireLegState *state = find_leg_state(stage, agent);
    g_assert_nonnull(state);
    return state->delivered;
}

static void come_home(Consumer *consumer)
{
    consumer->initiator_at = "alpha";
    consumer->target_at = "beta";
}

// The keys that are missing at the initiator's end are those that were said to be lost.
static void assert_gap(const Consumer *consumer, gboolean is_lossless)
{
    Stage *stage = consumer->stage;
    const WireEvent *lost = find_event(stage, "session.keys-lost");
    guint64 n_lost = 0;
    g_assert_cmpint(lost != NULL, !=, is_lossless);
    if (lost) {
        g_assert_cmpint(lost->severity, ==, QKDNF__V1__SEVERITY__SEVERITY_WARNING);
        n_lost = g_ascii_strtoull(lost->text, NULL, 10);
        g_assert_cmpuint(n_lost, >, 0);
        g_assert_nonnull(find_event(stage, "session.degraded"));
        g_assert_cmpstr(find_last_phase(stage)->name, ==, "session.active");
    }
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    guint64 gap = delivered_at(stage, consumer->initiator_at) - consumer->n_keys;
    // The agent had handed out a few that it had not reported.
    g_assert_cmpuint(gap, <=, n_lost);
    g_assert_cmpuint(gap + 8, >=, n_lost);
}

static void run_exit(const Exit *way, const char *sae)
{
    g_autoptr(Stage) stage = stage_roaming();
    Consumer consumer = visit_gamma(stage, sae);
    way->strand(stage);
    world_run(stage->world, SETTLE_US);
    come_home(&consumer);
    consume_some(&consumer, 60);
    assert_gap(&consumer, way->is_lossless);
    g_hash_table_unref(consumer.ids);
}

static void test_exits(gconstpointer sae)
{
    for (gsize i = 0; i < G_N_ELEMENTS(exits); i++) {
        g_test_message("%s", exits[i].name);
        run_exit(&exits[i], sae);
    }
}

// --- the lost agent ------------------------------------------------------------------------------

// It has slept through everything, and still has its keys: it is told to wipe them.
static void test_it_comes_back(gconstpointer sae)
{
    g_autoptr(Stage) stage = stage_roaming();
    Consumer consumer = visit_gamma(stage, sae);
    die(stage);
    world_run(stage->world, SETTLE_US);
    come_home(&consumer);
    consume_some(&consumer, 12);
    stage_forget(stage);
    g_assert_true(node_start(world_find_node(stage->world, "gamma"), NULL));
    world_run(stage->world, 30 * G_TIME_SPAN_SECOND);
    const WireLegState *last = NULL;
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_LEG_STATE && strcmp(seen->from, "gamma") == 0 &&
                          j < seen->frame->n_messages;
             j++)
            last = (const WireLegState *)seen->frame->messages[j];
    }
    g_assert_nonnull(last);
    g_assert_cmpint(last->phase, ==, QKDNF__V1__LEG_PHASE__LEG_PHASE_END);
    g_assert_cmpuint(last->n_stored, ==, 0);
    g_assert_null(find_event(stage, "session.keys-lost"));
    consume_some(&consumer, 40);
    g_assert_null(find_event(stage, "session.degraded"));
    g_hash_table_unref(consumer.ids);
}

// --- the platform dies ---------------------------------------------------------------------------

static void run_crash(const Exit *way, const char *sae, CrashPoint crash, guint pass)
{
    g_autoptr(Stage) stage = stage_roaming();
    Consumer consumer = visit_gamma(stage, sae);
    Node *platform = world_find_node(stage->world, PLATFORM);
    way->strand(stage);
    node_kill_at(platform, crash, pass);
    platform->restart_us = 1000;
    world_run(stage->world, SETTLE_US);
    node_kill_at(platform, CRASH_NONE, 0);
    // It may have died of the command, and then nobody was stranded yet; resources are said again.
    if (way->strand == expel || way->strand == withdraw)
        way->strand(stage);
    world_run(stage->world, SETTLE_US);
    come_home(&consumer);
    consume_some(&consumer, 40);
    g_hash_table_unref(consumer.ids);
}

static void test_platform_dies(gconstpointer sae)
{
    for (gsize i = 0; i < G_N_ELEMENTS(exits); i++) {
        for (guint pass = 1; pass <= PASSES_MAX; pass++) {
            for (int crash = CRASH_BEFORE_COMMIT; crash < N_CRASHES; crash++) {
                g_test_message("%s, %d of pass %u", exits[i].name, crash, pass);
                run_crash(&exits[i], sae, (CrashPoint)crash, pass);
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/stranded/initiator", "sae-a", test_exits);
    g_test_add_data_func("/stranded/target", "sae-b", test_exits);
    g_test_add_data_func("/stranded/initiators-agent-comes-back", "sae-a", test_it_comes_back);
    g_test_add_data_func("/stranded/targets-agent-comes-back", "sae-b", test_it_comes_back);
    g_test_add_data_func("/stranded/platform-dies-at-initiator", "sae-a", test_platform_dies);
    g_test_add_data_func("/stranded/platform-dies-at-target", "sae-b", test_platform_dies);
    return g_test_run();
}

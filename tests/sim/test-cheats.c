// SPDX-License-Identifier: Apache-2.0
//
// Providers that cheat: whatever they say of themselves, they end with a worse rating than all that
// are honest, and paths go around them.

#include "tests/sim/stage.h"

#include <string.h>

#define CHEAT    "beta"
#define N_ROUNDS 24

// How the platform rates a provider, as it said last on the bus.
static guint score_of(const Stage *stage, const char *provider)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        if (seen->kind == KIND_RATING && strcmp(seen->from, PLATFORM) == 0 &&
            strcmp(seen->to, provider) == 0)
            return ((const WireRating *)seen->frame->messages[0])->score;
    }
    g_assert_not_reached();
}

static void assert_cheat_is_worst(const Stage *stage)
{
    static const char *const honest[] = {"alpha", "gamma", "delta"};
    for (gsize i = 0; i < G_N_ELEMENTS(honest); i++) {
        g_test_message("%s %u, " CHEAT " %u", honest[i], score_of(stage, honest[i]),
                       score_of(stage, CHEAT));
        g_assert_cmpuint(score_of(stage, CHEAT), <, score_of(stage, honest[i]));
    }
}

static gboolean goes_over_cheat(const WireReply *reply)
{
    for (gsize i = 0; reply->n_paths > 0 && i < reply->paths[0]->n_providers; i++) {
        if (strcmp(reply->paths[0]->providers[i], CHEAT) == 0)
            return TRUE;
    }
    return FALSE;
}

// Requests of all ends with each other, in turn; granted over the cheat or around it.
static void live(Stage *stage)
{
    static const char *const pairs[][2] = {
        {"sae-a", "sae-d"}, {"sae-d", "sae-a"}, {"sae-a2", "sae-g"}, {"sae-g", "sae-d2"}};
    for (guint i = 0; i < N_ROUNDS; i++) {
        const char *const *pair = pairs[i % G_N_ELEMENTS(pairs)];
        stage_await(stage, stage_ask(stage, pair[0], pair[1], 1, 256));
    }
    world_run(stage->world, 12 * G_TIME_SPAN_SECOND);
}

// --- on the way ----------------------------------------------------------------------------------

static gboolean change_value(Stage *stage, const Topic *topic, WireRelay *relay)
{
    if (strcmp(topic->from, CHEAT) != 0)
        return FALSE;
    relay->value.data[0] ^= 1;
    return TRUE;
}

static void test_changes_values(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->tamper = change_value;
    live(stage);
    g_assert_cmpuint(stage->n_tampered, >, 0);
    assert_cheat_is_worst(stage);
}

static gboolean loses_values(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == KIND_RELAY && strcmp(leg->from, CHEAT) == 0;
}

// It says that all is done, and keeps its value back.
static void test_says_ok_and_does_nothing(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->loses = loses_values;
    live(stage);
    assert_cheat_is_worst(stage);
}

static gboolean loses_outcomes(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == KIND_OUTCOME && strcmp(leg->from, CHEAT) == 0;
}

static void test_does_not_answer(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->loses = loses_outcomes;
    live(stage);
    assert_cheat_is_worst(stage);
    // By now, paths lead around it.
    for (guint i = 0; i < 4; i++)
        g_assert_false(
            goes_over_cheat(stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-d", 1, 256))));
}

// It registers what its network cannot do.
static void test_promises_what_it_has_not(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage_drill(stage, CHEAT, TRUE, DRIVER_SCOPE_NODE, "gateway");
    live(stage);
    assert_cheat_is_worst(stage);
}

// --- about itself --------------------------------------------------------------------------------

static void say(Stage *stage, KindId kind, const char *from, const char *to,
                const ProtobufCMessage *message)
{
    g_autoptr(GBytes) packed = message_pack(message);
    FrameHead head = {.kind = kind,
                      .from = from,
                      .to = to,
                      .incarnation = 1,
                      .sequence = 1000 + stage->n_tampered++,
                      .sent_at_us = world_now(stage->world)};
    g_autoptr(GBytes) frame = frame_pack(&head, &packed, 1);
    g_autofree char *topic = topic_format(kind, from, to);
    broker_publish(stage->world->broker, topic, frame);
}

// Only the platform's word is a rating; an agent that is told another's takes it for nothing.
static void test_rates_itself(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->loses = loses_outcomes;
    WireRating best = WIRE_RATING_INIT;
    best.provider = (char *)CHEAT;
    best.score = best.routed = 1000;
    live(stage);
    guint score = score_of(stage, CHEAT);
    say(stage, KIND_RATING, CHEAT, PLATFORM, &best.base);
    say(stage, KIND_RATING, CHEAT, "alpha", &best.base);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    live(stage);
    g_assert_cmpuint(score_of(stage, CHEAT), <=, score);
    assert_cheat_is_worst(stage);
}

// What nobody else has seen is no merit: its users may have each other's keys all day.
static void test_serves_itself(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    for (guint i = 0; i < 4; i++)
        stage_await_grant(stage, stage_ask(stage, "sae-b", "sae-b2", 1, 256));
    world_run(stage->world, 12 * G_TIME_SPAN_SECOND);
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind != KIND_RATING)
            continue;
        const WireRating *rating = (const WireRating *)seen->frame->messages[0];
        g_assert_cmpuint(rating->orders, ==, 0);
        g_assert_cmpuint(rating->records, ==, 0);
    }
}

// Its record says that it did more than it was ordered to; the true one is lost.
static gboolean loses_usage(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == KIND_USAGE && strcmp(leg->from, CHEAT) == 0 && !stage->victim;
}

static void overbill(Stage *stage)
{
    guint n_seen = stage->seen->len;
    for (guint i = 0; i < n_seen; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind != KIND_USAGE || strcmp(seen->from, CHEAT) != 0)
            continue;
        WireUsage usage = *(const WireUsage *)seen->frame->messages[0];
        usage.keys *= 10;
        usage.bits *= 10;
        say(stage, KIND_USAGE, CHEAT, PLATFORM, &usage.base);
    }
}

static void test_overbills(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->loses = loses_usage;
    live(stage);
    // From now on, what it says arrives.
    stage->victim = CHEAT;
    overbill(stage);
    world_run(stage->world, 12 * G_TIME_SPAN_SECOND);
    assert_cheat_is_worst(stage);
}

// It pays for nothing: of all that its users got it says that nothing came.
static void deny(Stage *stage)
{
    guint n_seen = stage->seen->len;
    for (guint i = 0; i < n_seen; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind != KIND_USAGE || strcmp(seen->from, CHEAT) != 0)
            continue;
        for (gsize j = 0; j < seen->frame->n_messages; j++) {
            WireUsage *usage = (WireUsage *)seen->frame->messages[j];
            for (gsize k = 0; k < usage->n_shares; k++)
                usage->shares[k]->keys = usage->shares[k]->bits = 0;
            say(stage, KIND_USAGE, CHEAT, PLATFORM, &usage->base);
        }
    }
}

static guint n_events(const Stage *stage, const char *name)
{
    guint n = 0;
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_EVENT && j < seen->frame->n_messages; j++)
            n += strcmp(((const WireEvent *)seen->frame->messages[j])->name, name) == 0;
    }
    return n;
}

// What honest sellers did for others speaks for them; each denial is told to the administrator.
static void test_disputes_everything(void)
{
    g_autoptr(Stage) stage = stage_diamond();
    stage->loses = loses_usage;
    for (guint i = 0; i < 6; i++) {
        stage_await(stage, stage_ask(stage, "sae-b", i % 2 ? "sae-a" : "sae-d", 1, 256));
        stage_await(stage, stage_ask(stage, "sae-b2", "sae-g", 1, 256));
    }
    live(stage);
    stage->victim = CHEAT;
    deny(stage);
    world_run(stage->world, 12 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(n_events(stage, "usage.disputed"), >, 0);
    assert_cheat_is_worst(stage);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cheats/changes-values", test_changes_values);
    g_test_add_func("/cheats/says-ok-and-does-nothing", test_says_ok_and_does_nothing);
    g_test_add_func("/cheats/does-not-answer", test_does_not_answer);
    g_test_add_func("/cheats/promises-what-it-has-not", test_promises_what_it_has_not);
    g_test_add_func("/cheats/rates-itself", test_rates_itself);
    g_test_add_func("/cheats/serves-itself", test_serves_itself);
    g_test_add_func("/cheats/overbills", test_overbills);
    g_test_add_func("/cheats/disputes-everything", test_disputes_everything);
    return g_test_run();
}

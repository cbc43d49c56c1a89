// SPDX-License-Identifier: Apache-2.0
//
// What anyone on the bus, or a neighbour, may say that no honest member says: agents go on to work,
// and keep nothing of it.

#include "agents/federation/core.h"
#include "tests/sim/stage.h"

#include <string.h>

// Publishes a message as `from`, as whoever has that certificate can.
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

// --- relay values --------------------------------------------------------------------------------

// No path has so many providers, not even one that is a little longer.
static void test_place_outside_the_path(void)
{
    static const guint32 places[] = {1, 2, 3, 0x7fffffff, 0xfffffffe, 0xffffffff};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(Stage) stage = stage_chain(2);
        const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
        WireRelay relay = WIRE_RELAY_INIT;
        relay.request = (char *)ask->id;
        relay.place = places[i];
        say(stage, KIND_RELAY, "sae-a", "beta", &relay.base);
        stage_await_grant(stage, ask);
        stage_assert_delivered(stage, ask);
    }
}

// Whoever sends what belongs to no order can fill its own share of what is kept, and for a while.
static void test_values_without_order(gconstpointer data)
{
    gsize n_text = GPOINTER_TO_SIZE(data);
    g_autoptr(Stage) stage = stage_chain(2);
    const Agent *beta = world_find_node(stage->world, "beta")->core;
    g_autofree char *text = g_strnfill(n_text, 'x');
    for (guint i = 0; i < 6000; i++) {
        g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-0123%08x", i);
        WireRelay relay = WIRE_RELAY_INIT;
        relay.request = id;
        relay.value = (ProtobufCBinaryData){n_text, (guint8 *)text};
        say(stage, KIND_RELAY, "sae-a", "beta", &relay.base);
        relay.request = n_text > UUID_CHARS ? text : (char *)"";
        say(stage, KIND_RELAY, "sae-a2", "beta", &relay.base);
        relay.request = id;
        relay.attempt = 1024 + i;
        say(stage, KIND_RELAY, "sae-a2", "beta", &relay.base);
        if (i % 100 == 0)
            world_run(stage->world, WORLD_HOP_US);
    }
    world_run(stage->world, WORLD_HOP_US);
    g_assert_cmpuint(order_early_bytes(beta->early), <=, 2 * 1024 * 1024);
    g_assert_cmpuint(order_early_bytes(beta->early), >, 1024 * 1024);
    stage_forget(stage);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_grant(stage, ask);
    stage_assert_delivered(stage, ask);
    world_run(stage->world, 31 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(order_early_bytes(beta->early), ==, 0);
}

// --- neighbours ----------------------------------------------------------------------------------

static const guint64 absurd[] = {G_MAXUINT64, G_MAXUINT64 - 1, G_GUINT64_CONSTANT(1) << 56,
                                 (G_GUINT64_CONSTANT(1) << 56) - 1};

static void say_absurd(Stage *stage, guint64 slots, guint64 generation)
{
    WireFilled filled = WIRE_FILLED_INIT;
    filled.link = (char *)"alpha-beta";
    filled.end = slots;
    filled.generation = generation;
    say(stage, KIND_FILLED, "beta", "alpha", &filled.base);
    WireFill fill = WIRE_FILL_INIT;
    fill.link = (char *)"alpha-beta";
    fill.first = fill.acknowledged = slots;
    fill.generation = generation;
    say(stage, KIND_FILL, "alpha", "beta", &fill.base);
    world_run(stage->world, G_TIME_SPAN_SECOND);
}

// A link whose numbers are used up never carries a key again, even without the neighbour's help.
static void test_absurd_neighbours(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(absurd); i++) {
        g_autoptr(Stage) stage = stage_chain(2);
        say_absurd(stage, absurd[i], 0);
        say_absurd(stage, absurd[i], 1);
        say_absurd(stage, 0, absurd[i]);
        world_run(stage->world, 3 * G_TIME_SPAN_SECOND);
        const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
        stage_await_grant(stage, ask);
        stage_assert_delivered(stage, ask);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile/place-outside-the-path", test_place_outside_the_path);
    g_test_add_data_func("/hostile/empty-values-without-order", GSIZE_TO_POINTER(0),
                         test_values_without_order);
    g_test_add_data_func("/hostile/values-without-order", GSIZE_TO_POINTER(2000),
                         test_values_without_order);
    g_test_add_func("/hostile/absurd-neighbours", test_absurd_neighbours);
    return g_test_run();
}

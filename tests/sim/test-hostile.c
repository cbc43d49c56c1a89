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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile/place-outside-the-path", test_place_outside_the_path);
    return g_test_run();
}

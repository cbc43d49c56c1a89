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

// What was used here is not numbered again, whoever says that it was never open: both ends go on
// beyond it, and say so.
static void test_used_numbers_given_again(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    const Agent *beta = world_find_node(stage->world, "beta")->core;
    const Ledger *ledger = border_find_ledger(beta, "alpha-beta");
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_grant(stage, ask);
    guint64 end = ledger_end(ledger);
    WireFill fill = WIRE_FILL_INIT;
    fill.link = (char *)"alpha-beta";
    fill.generation = ledger_generation(ledger) + 1;
    stage_forget(stage);
    say(stage, KIND_FILL, "alpha", "beta", &fill.base);
    world_run(stage->world, 2 * WORLD_HOP_US);
    const WireEvent *event = (const WireEvent *)stage_find(stage, KIND_EVENT)->frame->messages[0];
    g_assert_cmpstr(event->name, ==, "ledger.restarted");
    g_assert_cmpuint(ledger_generation(ledger), ==, fill.generation + 1);
    g_assert_cmpuint(ledger_end(ledger), ==, end);
    g_assert_cmpuint(ledger_n_open(ledger), ==, 0);
    world_run(stage->world, 5 * G_TIME_SPAN_SECOND);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-b", 1, 256));
}

// --- who asks, and who answers -------------------------------------------------------------------

static void say_refused(Stage *stage, guint64 version)
{
    WireMember member = WIRE_MEMBER_INIT;
    member.refused_version = version;
    say(stage, KIND_MEMBER, PLATFORM, "alpha", &member.base);
    world_run(stage->world, 10 * WORLD_HOP_US);
}

// What an agent registers can be refused for another's fault, which passes.
static void test_refused_resource_is_repeated(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    const Agent *alpha = world_find_node(stage->world, "alpha")->core;
    for (guint i = 0; i < 3; i++)
        say_refused(stage, alpha->resource->version);
    g_assert_cmpuint(stage_count(stage, KIND_EVENT), ==, 1);
    g_assert_cmpuint(stage_count(stage, KIND_RESOURCE), ==, 0);
    world_run(stage->world, 31 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stage_count(stage, KIND_RESOURCE), ==, 1);
    world_run(stage->world, 31 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stage_count(stage, KIND_RESOURCE), ==, 1);
}

static void assert_status(Stage *stage, const char *target, KeyVerdict verdict, guint n_known)
{
    const Agent *alpha = world_find_node(stage->world, "alpha")->core;
    const Fetch *fetch = world_key_status(stage->world, "alpha", "sae-a", target);
    g_assert_cmpint(stage_await_fetch(stage, fetch)->verdict, ==, verdict);
    g_assert_cmpuint(g_hash_table_size(alpha->directory), ==, n_known);
}

// A user may ask for any name.
static void test_directory_forgets(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    for (guint i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("nobody-%u", i);
        assert_status(stage, name, KEY_VERDICT_BAD_REQUEST, 0);
    }
    assert_status(stage, "sae-b", KEY_VERDICT_OK, 1);
    world_run(stage->world, 61 * G_TIME_SPAN_SECOND);
    assert_status(stage, "sae-b2", KEY_VERDICT_OK, 1);
}

static void assert_drill(Stage *stage, guint action, Status status)
{
    WireDrill drill = WIRE_DRILL_INIT;
    drill.action = action;
    drill.scope = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER;
    drill.subject = (char *)"alpha-beta";
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_DRILL;
    admin.drill = &drill;
    stage_forget(stage);
    say(stage, KIND_ADMIN, "op", "alpha", &admin.base);
    world_run(stage->world, 10 * WORLD_HOP_US);
    const Seen *seen = stage_find(stage, KIND_ADMIN_REPLY);
    g_assert_nonnull(seen);
    g_assert_cmpint(((const WireAdminReply *)seen->frame->messages[0])->status, ==, status);
}

static void test_unknown_drills(void)
{
    char *operators[] = {(char *)"op", NULL};
    Network *network = network_chain(2);
    network_find_site(network, "alpha")->config.operators = operators;
    g_autoptr(Stage) stage = stage_new(network);
    for (guint action = 0; action < 6; action++)
        assert_drill(stage, action, action >= 1 && action <= 3 ? STATUS_OK : STATUS_BAD_REQUEST);
}

// --- orders --------------------------------------------------------------------------------------

#define FORGED "01234567-89ab-4cde-8f01-23456789abcd"

static const WireOutcome *find_outcome(const Stage *stage)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_OUTCOME && j < seen->frame->n_messages; j++) {
            const WireOutcome *outcome = (const WireOutcome *)seen->frame->messages[j];
            if (strcmp(outcome->request, FORGED) == 0)
                return outcome;
        }
    }
    return NULL;
}

// What the target's agent says to an order of the platform itself.
static void assert_order(Stage *stage, const WireOrder *order, Status status, const char *text)
{
    stage_forget(stage);
    WireOrder forged = *order;
    forged.request = (char *)FORGED;
    say(stage, KIND_ORDER, PLATFORM, "beta", &forged.base);
    world_run(stage->world, 20 * WORLD_HOP_US);
    const WireOutcome *outcome = find_outcome(stage);
    g_assert_nonnull(outcome);
    g_assert_cmpstr(outcome->text, ==, text);
    g_assert_cmpint(outcome->status, ==, status);
}

static const WireOrder *find_order(const Stage *stage, const char *to)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind == KIND_ORDER && strcmp(seen->to, to) == 0)
            return (const WireOrder *)seen->frame->messages[0];
    }
    g_assert_not_reached();
}

// Not even the platform can have an agent use key of others, or use key twice.
static void test_orders_of_what_is_not_there(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_grant(stage, ask);
    stage_assert_delivered(stage, ask);
    WireOrder *order = message_copy(&find_order(stage, "beta")->base);
    const char *const not_held =
        "slots of a link that is not held here, or not as many as the keys "
        "need";
    char **link = &order->branches[0]->ingress->link;
    char *own = *link;
    *link = (char *)"gamma-delta";
    assert_order(stage, order, STATUS_BAD_REQUEST, not_held);
    *link = own;
    order->branches[0]->ingress->n_slots++;
    assert_order(stage, order, STATUS_BAD_REQUEST, not_held);
    order->branches[0]->ingress->n_slots--;
    char *target = order->targets[0];
    order->targets[0] = (char *)"sae-c";
    assert_order(stage, order, STATUS_BAD_REQUEST, "a target is not a user here");
    order->targets[0] = target;
    assert_order(stage, order, STATUS_SLOT_USED, "a border-link slot was used before");
    wire_free(order);
}

// --- certificates --------------------------------------------------------------------------------

// As in certifier.c.
#define CERTIFICATE "3 sae-a"

static Status ask_with(const char *registered)
{
    static const WorldHooks hooks = {.is_authenticated = TRUE};
    Network *network = network_chain(2);
    g_autofree char *sha256 =
        registered ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, registered, -1) : NULL;
    AgentApplication *user = network_find_site(network, "alpha")->config.applications->pdata[0];
    g_assert_cmpstr(user->sae, ==, "sae-a");
    user->certificate_sha256 = sha256;
    g_autoptr(World) world = world_new(network, 1, &hooks, NULL);
    world_start(world);
    world_run(world, 3 * G_TIME_SPAN_SECOND);
    char *targets[] = {(char *)"sae-b"};
    WireRequest request = WIRE_REQUEST_INIT;
    request.initiator = (char *)"sae-a";
    request.n_targets = G_N_ELEMENTS(targets);
    request.targets = targets;
    request.number = 1;
    request.size_bits = 256;
    request.timeout_ms = 5000;
    const Ask *ask = application_ask(world_find_application(world, "sae-a"), &request);
    world_run(world, 5 * G_TIME_SPAN_SECOND);
    g_assert_nonnull(ask_reply(ask));
    return ask_reply(ask)->status;
}

// Its home provider vouches for the certificate, too, where it says so.
static void test_another_certificate(void)
{
    g_assert_cmpint(ask_with(NULL), ==, STATUS_OK);
    g_assert_cmpint(ask_with(CERTIFICATE), ==, STATUS_OK);
    g_assert_cmpint(ask_with("another"), ==, STATUS_NOT_ALLOWED);
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
    g_test_add_func("/hostile/used-numbers-given-again", test_used_numbers_given_again);
    g_test_add_func("/hostile/refused-resource-is-repeated", test_refused_resource_is_repeated);
    g_test_add_func("/hostile/directory-forgets", test_directory_forgets);
    g_test_add_func("/hostile/unknown-drills", test_unknown_drills);
    g_test_add_func("/hostile/orders-of-what-is-not-there", test_orders_of_what_is_not_there);
    g_test_add_func("/hostile/another-certificate", test_another_certificate);
    return g_test_run();
}

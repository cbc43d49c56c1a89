// SPDX-License-Identifier: Apache-2.0
//
// A session from its opening to its end among real cores: keys are fetched at both ends, in their
// order, while everything that they come over fails in turn. The witness sees all of it.

#include "tests/sim/money.h"
#include "tests/sim/stage.h"
#include "tests/sim/witness.h"

#include <string.h>

#define SESSION "5e551011-0000-4000-8000-000000000001"
#define MS      ((gint64)G_TIME_SPAN_MILLISECOND)
#define SECOND  ((gint64)G_TIME_SPAN_SECOND)

#define BUFFER      16
#define SIZE_BITS   256
#define RATE_BPS    2560
#define PATIENCE_US (20 * SECOND)

typedef struct {
    World *world;
    Witness *witness;
    Application *from;
    GQueue to_fetch; // IDs of keys that only the initiator has
    guint n_mine;    // keys that the initiator was given
} Scene;

// --- the world -----------------------------------------------------------------------------------

static void on_publish(gpointer owner, const char *topic, GBytes *payload)
{
    if (g_bytes_get_size(payload) > 0)
        witness_on_publish(((Scene *)owner)->witness, topic, payload);
}

static void on_given(gpointer owner, const char *agent, const char *border,
                     const DriverBlock *block)
{
    witness_on_block(((Scene *)owner)->witness, agent, block);
}

static Driver *wrap_driver(gpointer owner, Node *node, Driver *driver)
{
    static const FaultyOps ops = {.given = on_given};
    return driver_faulty_new(driver, node->id, &ops, owner);
}

static void on_fetched(gpointer owner, const Fetch *fetch)
{
    witness_on_fetched(((Scene *)owner)->witness, fetch);
}

static Scene *scene_new(void)
{
    static const WorldHooks hooks = {.broker = {.tap = on_publish}, .wrap_driver = wrap_driver};
    Scene *scene = g_new0(Scene, 1);
    scene->witness = witness_new();
    Network *network = network_diamond();
    money_set_prices(&network->federation.accounts);
    scene->world = world_new(network, 1, &hooks, scene);
    scene->world->on_fetched = on_fetched;
    scene->from = world_find_application(scene->world, "sae-a");
    world_start(scene->world);
    world_run(scene->world, 3 * SECOND);
    return scene;
}

static void scene_free(Scene *scene)
{
    world_free(scene->world);
    witness_free(scene->witness);
    g_queue_clear_full(&scene->to_fetch, g_free);
    g_free(scene);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)

static void assert_all_is_well(const Scene *scene)
{
    witness_check_sessions(scene->witness, scene->world->fetches);
    g_assert_cmpstr(witness_failure(scene->witness), ==, NULL);
}

static void cut(Scene *scene, const char *border, gboolean is_cut)
{
    Node *alpha = world_find_node(scene->world, "alpha");
    Driver *driver = world_driver(alpha);
    g_autofree char *text = NULL;
    g_assert_cmpint(driver->ops->drill(driver, is_cut, DRIVER_SCOPE_BORDER, border, &text), ==,
                    STATUS_OK);
    node_wake(alpha);
}

static void start(Scene *scene, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(node_start(world_find_node(scene->world, id), &error));
    g_assert_no_error(error);
}

// All connections end, and whoever is left on one comes back; what was retained is lost.
static void restart_broker(Scene *scene)
{
    broker_forget(scene->world->broker);
    for (guint i = 0; i < scene->world->nodes->len; i++) {
        node_disconnect(scene->world->nodes->pdata[i]);
        node_connect(scene->world->nodes->pdata[i]);
    }
    for (guint i = 0; i < scene->world->applications->len; i++)
        application_connect(scene->world->applications->pdata[i]);
}

// --- the session ---------------------------------------------------------------------------------

// Says it again and again, as an application does, until it is answered.
static const WireSessionState *command(Scene *scene, WireSession *wire)
{
    const WireSessionState *state = NULL;
    for (guint i = 0; !state && i < 30; i++) {
        application_say(scene->from, KIND_SESSION, &wire->base);
        world_run(scene->world, SECOND);
        state = application_session_state(scene->from, wire->id);
    }
    g_assert_nonnull(state);
    g_assert_cmpint(state->status, ==, STATUS_OK);
    return state;
}

static void open_session(Scene *scene)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = RATE_BPS;
    qos.size_bits = SIZE_BITS;
    qos.buffer = BUFFER;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)SESSION;
    open.initiator = (char *)"sae-a";
    open.n_targets = 1;
    open.targets = (char *[]){(char *)"sae-d"};
    open.qos = &qos;
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"open";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    wire.open = &open;
    command(scene, &wire);
}

static void close_session(Scene *scene)
{
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)SESSION;
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"close";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    wire.close = &close;
    const WireSessionState *state = command(scene, &wire);
    g_assert_cmpint(state->sessions[0]->phase, ==, QKDNF__V1__SESSION_PHASE__SESSION_PHASE_CLOSED);
}

// Answered, or lost with the agent that was asked.
static gboolean is_over(gpointer data)
{
    const Fetch *fetch = data;
    return fetch->is_answered || fetch->life != fetch->node->life;
}

// Asks again where the agent has died with the question.
static const Fetch *get(Scene *scene, gint64 within_us)
{
    gint64 until_us = world_now(scene->world) + within_us;
    KeyQuery query = {.caller = {.sae = "sae-a"},
                      .targets = (const char *const[]){"sae-d", NULL},
                      .number = 1,
                      .size_bits = SIZE_BITS,
                      .n_paths = 1,
                      .session = SESSION};
    for (;;) {
        const Fetch *fetch = world_get_keys(scene->world, "alpha", &query);
        g_assert_true(world_run_until(scene->world, is_over, (gpointer)fetch,
                                      until_us - world_now(scene->world)));
        if (fetch->is_answered)
            return fetch;
        world_run(scene->world, 100 * MS);
    }
}

// The initiator is given so many, each within that time.
static void fetch_mine(Scene *scene, guint number, gint64 within_us)
{
    for (guint i = 0; i < number; i++) {
        const Fetch *fetch = get(scene, within_us);
        g_assert_cmpint(fetch->verdict, ==, KEY_VERDICT_OK);
        const DeliveredKey *key = fetch->keys->pdata[0];
        g_queue_push_tail(&scene->to_fetch, g_strdup(key->id));
        scene->n_mine++;
    }
}

static KeyVerdict get_by_id(Scene *scene, const char *id)
{
    const char *ids[] = {id, NULL};
    const Fetch *fetch = world_get_keys_by_id(scene->world, "delta", "sae-d", "sae-a", ids);
    g_assert_true(world_run_until(scene->world, is_over, (gpointer)fetch, PATIENCE_US));
    return fetch->verdict;
}

// And the target what the initiator has.
static void fetch_theirs(Scene *scene)
{
    while (!g_queue_is_empty(&scene->to_fetch)) {
        g_autofree char *id = g_queue_pop_head(&scene->to_fetch);
        g_assert_cmpint(get_by_id(scene, id), ==, KEY_VERDICT_OK);
    }
}

static void fetch_both(Scene *scene, guint number, gint64 within_us)
{
    fetch_mine(scene, number, within_us);
    fetch_theirs(scene);
}

static Scene *scene_with_session(void)
{
    Scene *scene = scene_new();
    open_session(scene);
    fetch_both(scene, 3, PATIENCE_US);
    world_run(scene->world, SECOND);
    return scene;
}

// --- what fails ----------------------------------------------------------------------------------

// Nobody waits for that: more keys than are in the buffer come over the other way.
static void test_a_link_is_cut(void)
{
    static const char *const borders[] = {"alpha-beta", "alpha-gamma"};
    g_autoptr(Scene) scene = scene_with_session();
    for (guint i = 0; i < 4; i++) {
        cut(scene, borders[i % 2], TRUE);
        fetch_both(scene, 2 * BUFFER, SECOND);
        cut(scene, borders[i % 2], FALSE);
        fetch_both(scene, 2, SECOND);
    }
    assert_all_is_well(scene);
}

// There is no way at all: the buffer is what there is, and then it goes on where it was.
static void test_all_links_are_cut(void)
{
    g_autoptr(Scene) scene = scene_with_session();
    cut(scene, "alpha-beta", TRUE);
    cut(scene, "alpha-gamma", TRUE);
    world_run(scene->world, SECOND);
    fetch_both(scene, BUFFER - 4, 10 * MS);
    cut(scene, "alpha-gamma", FALSE);
    fetch_both(scene, 2 * BUFFER, PATIENCE_US);
    assert_all_is_well(scene);
}

// What is in the buffer needs no platform.
static void test_the_platform_dies(void)
{
    g_autoptr(Scene) scene = scene_with_session();
    for (guint i = 0; i < 3; i++) {
        node_kill(world_find_node(scene->world, PLATFORM));
        fetch_both(scene, BUFFER - 4, 10 * MS);
        start(scene, PLATFORM);
        fetch_both(scene, 2 * BUFFER, PATIENCE_US);
        world_run(scene->world, SECOND);
    }
    assert_all_is_well(scene);
}

// In the middle of making more keys, before and after it has committed.
static void test_it_dies_within_a_pass(gconstpointer id)
{
    g_autoptr(Scene) scene = scene_with_session();
    Node *node = world_find_node(scene->world, id);
    for (guint pass = 1; pass <= 6; pass++) {
        for (int crash = CRASH_BEFORE_COMMIT; crash < N_CRASHES; crash++) {
            node->restart_us = 300 * MS;
            node_kill_at(node, (CrashPoint)crash, pass);
            fetch_both(scene, 8, PATIENCE_US);
            world_run(scene->world, SECOND);
        }
    }
    assert_all_is_well(scene);
}

static void test_an_end_dies(void)
{
    g_autoptr(Scene) scene = scene_with_session();
    node_kill(world_find_node(scene->world, "delta"));
    fetch_mine(scene, BUFFER - 4, 10 * MS);
    start(scene, "delta");
    fetch_theirs(scene);
    node_kill(world_find_node(scene->world, "alpha"));
    world_run(scene->world, SECOND);
    start(scene, "alpha");
    fetch_both(scene, 2 * BUFFER, PATIENCE_US);
    assert_all_is_well(scene);
}

static void test_the_broker_restarts(void)
{
    g_autoptr(Scene) scene = scene_with_session();
    for (guint i = 0; i < 5; i++) {
        restart_broker(scene);
        fetch_both(scene, BUFFER, PATIENCE_US);
    }
    assert_all_is_well(scene);
}

// All of it, one upon the other.
static void test_everything_fails(void)
{
    g_autoptr(Scene) scene = scene_with_session();
    for (guint i = 0; i < 6; i++) {
        cut(scene, i % 2 ? "alpha-beta" : "alpha-gamma", TRUE);
        node_kill(world_find_node(scene->world, i % 3 ? "beta" : "gamma"));
        node_kill(world_find_node(scene->world, PLATFORM));
        fetch_both(scene, 2, PATIENCE_US);
        start(scene, PLATFORM);
        restart_broker(scene);
        start(scene, i % 3 ? "beta" : "gamma");
        node_kill(world_find_node(scene->world, "delta"));
        start(scene, "delta");
        cut(scene, i % 2 ? "alpha-beta" : "alpha-gamma", FALSE);
        fetch_both(scene, BUFFER, PATIENCE_US);
        world_run(scene->world, 2 * SECOND);
    }
    g_assert_cmpuint(scene->n_mine, ==, 3 + 6 * (2 + BUFFER));
    assert_all_is_well(scene);
}

// --- its end -------------------------------------------------------------------------------------

// The target may still fetch what the initiator got, and nobody anything else.
static void test_close(gconstpointer killed)
{
    g_autoptr(Scene) scene = scene_with_session();
    fetch_mine(scene, 5, SECOND);
    close_session(scene);
    g_assert_cmpint(get(scene, SECOND)->verdict, !=, KEY_VERDICT_OK);
    if (killed) {
        node_kill(world_find_node(scene->world, killed));
        start(scene, killed);
        world_run(scene->world, 5 * SECOND);
    }
    g_autofree char *last = g_strdup(g_queue_peek_tail(&scene->to_fetch));
    fetch_theirs(scene);
    world_run(scene->world, SECOND);
    g_assert_cmpint(get_by_id(scene, last), ==, KEY_VERDICT_BAD_REQUEST);
    // And it is forgotten everywhere.
    world_run(scene->world, 10 * G_TIME_SPAN_MINUTE);
    WireSessionList list = WIRE_SESSION_LIST_INIT;
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"list";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_LIST;
    wire.list = &list;
    g_assert_cmpuint(command(scene, &wire)->n_sessions, ==, 0);
    assert_all_is_well(scene);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/a-link-is-cut", test_a_link_is_cut);
    g_test_add_func("/session/all-links-are-cut", test_all_links_are_cut);
    g_test_add_func("/session/the-platform-dies", test_the_platform_dies);
    g_test_add_data_func("/session/the-platform-dies-within-a-pass", PLATFORM,
                         test_it_dies_within_a_pass);
    g_test_add_data_func("/session/the-initiators-agent-dies-within-a-pass", "alpha",
                         test_it_dies_within_a_pass);
    g_test_add_data_func("/session/a-transit-dies-within-a-pass", "beta",
                         test_it_dies_within_a_pass);
    g_test_add_func("/session/an-end-dies", test_an_end_dies);
    g_test_add_func("/session/the-broker-restarts", test_the_broker_restarts);
    g_test_add_func("/session/everything-fails", test_everything_fails);
    g_test_add_data_func("/session/close", NULL, test_close);
    g_test_add_data_func("/session/close-and-the-platform-dies", PLATFORM, test_close);
    g_test_add_data_func("/session/close-and-the-target-dies", "delta", test_close);
    g_test_add_data_func("/session/close-and-the-initiator-dies", "alpha", test_close);
    return g_test_run();
}

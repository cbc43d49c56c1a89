// SPDX-License-Identifier: Apache-2.0
//
// What a transit provider learns. Of keys over one path: all of them; that is the trusted node, and
// it shows that the attacker can do what there is to do. Of keys over two: nothing, whoever it is;
// all of them together: everything.

#include "tests/sim/attacker.h"
#include "tests/sim/faulty.h"
#include "tests/sim/world.h"
#include "topics/base/id.h"

#include <string.h>

#define N_SEEDS 30

#define RATE_BPS      1000000
#define INITIAL_SLOTS 1024
#define SETTLE_US     (3 * G_TIME_SPAN_SECOND)
#define PATIENCE_US   (20 * G_TIME_SPAN_SECOND)

#define CHAINS_MAX 3
#define LENGTH_MAX 5

typedef struct {
    World *world;
    Attacker *attacker;
    Dice dice;
    GPtrArray *transits;      // IDs
    GPtrArray *keys_over_one; // DeliveredKey
    GPtrArray *keys_over_two;
    guint n_sessions;
} Siege;

// --- the federation ------------------------------------------------------------------------------

// The nth provider of a chain; the two ends belong to all chains.
static char *provider_name(guint chain, guint place, guint length)
{
    if (place == 0)
        return g_strdup("home");
    return place > length ? g_strdup("yonder") : g_strdup_printf("t%u%u", chain, place);
}

static void add_chain(Siege *siege, Network *network, guint chain, guint length)
{
    for (guint place = 1; place <= length; place++) {
        char *id = provider_name(chain, place, length);
        network_add_site(network, id);
        g_ptr_array_add(siege->transits, id);
    }
    for (guint place = 0; place <= length; place++) {
        g_autofree char *a = provider_name(chain, place, length);
        g_autofree char *b = provider_name(chain, place + 1, length);
        network_add_border(network, a, b, RATE_BPS, INITIAL_SLOTS);
    }
}

static void add_border(Network *network, const char *a, const char *b)
{
    if (strcmp(a, b) != 0 && !site_find_border(network_find_site(network, a), b))
        network_add_border(network, a, b, RATE_BPS, INITIAL_SLOTS);
}

// A short cut for every chain, through one provider.
static void add_hub(Siege *siege, Network *network)
{
    network_add_site(network, "hub");
    for (guint i = 0; i < siege->transits->len; i++) {
        const char *id = siege->transits->pdata[i];
        gboolean is_outer = site_find_border(network_find_site(network, id), "home") ||
                            site_find_border(network_find_site(network, id), "yonder");
        if (is_outer)
            add_border(network, "hub", id);
    }
    g_ptr_array_add(siege->transits, g_strdup("hub"));
}

// Two or three chains side by side, with some links across.
static Network *network_braid(Siege *siege)
{
    Network *network = network_new();
    network_add_site(network, "home");
    network_add_site(network, "yonder");
    network_add_application(network, "home", "sae-a");
    network_add_application(network, "yonder", "sae-z");
    guint n_chains = (guint)dice_between(&siege->dice, 2, CHAINS_MAX);
    for (guint chain = 0; chain < n_chains; chain++)
        add_chain(siege, network, chain, (guint)dice_between(&siege->dice, 1, LENGTH_MAX));
    for (guint i = 1; i < siege->transits->len; i++) {
        if (dice_chance(&siege->dice, 40))
            add_border(network, siege->transits->pdata[i - 1], siege->transits->pdata[i]);
    }
    if (dice_chance(&siege->dice, 50))
        add_hub(siege, network);
    return network;
}

static void on_publish(gpointer owner, const char *topic, GBytes *payload)
{
    attacker_on_publish(((Siege *)owner)->attacker, topic, payload);
}

static void on_block(gpointer owner, const char *agent, const char *border,
                     const DriverBlock *block)
{
    attacker_on_block(((Siege *)owner)->attacker, agent, block);
}

static Driver *wrap_driver(gpointer owner, Node *node, Driver *driver)
{
    static const FaultyOps ops = {.given = on_block};
    return driver_faulty_new(driver, node->id, &ops, owner);
}

static Siege *siege_new(guint64 seed)
{
    static const WorldHooks hooks = {.broker = {.tap = on_publish}, .wrap_driver = wrap_driver};
    Siege *siege = g_new0(Siege, 1);
    siege->dice = dice_make(dice_fork(seed, "siege"));
    siege->attacker = attacker_new();
    siege->transits = g_ptr_array_new_with_free_func(g_free);
    siege->keys_over_one = g_ptr_array_new();
    siege->keys_over_two = g_ptr_array_new();
    siege->world = world_new(network_braid(siege), seed, &hooks, siege);
    world_start(siege->world);
    world_run(siege->world, SETTLE_US);
    return siege;
}

static void siege_free(Siege *siege)
{
    g_ptr_array_unref(siege->keys_over_one);
    g_ptr_array_unref(siege->keys_over_two);
    world_free(siege->world);
    g_ptr_array_unref(siege->transits);
    attacker_free(siege->attacker);
    g_free(siege);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Siege, siege_free)

// --- keys ----------------------------------------------------------------------------------------

static gboolean is_answered(gpointer fetch)
{
    return ((const Fetch *)fetch)->is_answered;
}

static gboolean is_replied(gpointer ask)
{
    return ask_reply(ask) != NULL;
}

static void deliver(Siege *siege, const KeyQuery *query, guint paths)
{
    const Fetch *fetch = world_get_keys(siege->world, "home", query);
    g_assert_true(world_run_until(siege->world, is_answered, (gpointer)fetch, PATIENCE_US));
    g_assert_cmpint(fetch->verdict, ==, KEY_VERDICT_OK);
    GPtrArray *keys = paths == 1 ? siege->keys_over_one : siege->keys_over_two;
    for (guint i = 0; i < fetch->keys->len; i++)
        g_ptr_array_add(keys, fetch->keys->pdata[i]);
}

static const char *const targets[] = {"sae-z", NULL};

static void request_keys(Siege *siege, guint paths)
{
    WireRequest request = WIRE_REQUEST_INIT;
    request.initiator = (char *)"sae-a";
    request.targets = (char **)targets;
    request.n_targets = 1;
    request.number = (guint)dice_between(&siege->dice, 1, 4);
    request.size_bits = 64 * (guint)dice_between(&siege->dice, 1, 8);
    request.paths = paths;
    request.timeout_ms = 10000;
    Ask *ask = application_ask(world_find_application(siege->world, "sae-a"), &request);
    g_assert_true(world_run_until(siege->world, is_replied, ask, PATIENCE_US));
    g_assert_cmpint(ask_reply(ask)->status, ==, STATUS_OK);
    g_assert_cmpuint(ask_reply(ask)->n_paths, ==, paths);
    deliver(siege,
            &(KeyQuery){.caller = {.sae = "sae-a"},
                        .targets = targets,
                        .number = request.number,
                        .size_bits = request.size_bits,
                        .n_paths = 1,
                        .request = ask->id},
            paths);
}

static void open_session(Siege *siege, const char *id, guint paths)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = 1000;
    qos.size_bits = 256;
    qos.buffer = 8;
    qos.paths = paths;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)id;
    open.initiator = (char *)"sae-a";
    open.n_targets = 1;
    open.targets = (char **)targets;
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)id;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    application_say(world_find_application(siege->world, "sae-a"), KIND_SESSION, &session.base);
}

static void stream_keys(Siege *siege, guint paths)
{
    char id[UUID_CHARS + 1];
    Random random = dice_random(&siege->dice);
    uuid_new(&random, id);
    open_session(siege, id, paths);
    world_run(siege->world, SETTLE_US);
    for (guint i = 0; i < 8; i++)
        deliver(siege,
                &(KeyQuery){.caller = {.sae = "sae-a"},
                            .targets = targets,
                            .number = 1,
                            .size_bits = 256,
                            .n_paths = 1,
                            .session = id},
                paths);
}

static void make_keys(Siege *siege)
{
    for (guint paths = 1; paths <= 2; paths++) {
        for (guint i = 0; i < 3; i++)
            request_keys(siege, paths);
        stream_keys(siege, paths);
    }
}

// --- what is learnt of them ----------------------------------------------------------------------

static guint count_made_by(const Siege *siege, const char *provider, const GPtrArray *keys)
{
    guint n = 0;
    for (guint i = 0; i < keys->len; i++)
        n += attacker_has_order(siege->attacker, provider,
                                ((const DeliveredKey *)keys->pdata[i])->id);
    return n;
}

static guint n_learnt(const Siege *siege, const char *const *providers, const GPtrArray *keys)
{
    return attacker_count_learnt(siege->attacker, providers, keys);
}

// What the transit providers did for the keys of each sort, all added up.
typedef struct {
    guint n_over_one;
    guint n_over_two;
} Served;

static void attack_as(const Siege *siege, const char *transit, Served *served)
{
    const char *alone[] = {transit, NULL};
    guint n_made = count_made_by(siege, transit, siege->keys_over_one);
    g_assert_cmpuint(n_learnt(siege, alone, siege->keys_over_one), ==, n_made);
    g_assert_cmpuint(n_learnt(siege, alone, siege->keys_over_two), ==, 0);
    served->n_over_one += n_made;
    served->n_over_two += count_made_by(siege, transit, siege->keys_over_two);
}

static void test_transit_learns(gconstpointer data)
{
    g_autoptr(Siege) siege = siege_new(GPOINTER_TO_UINT(data));
    make_keys(siege);
    const char *nobody[] = {NULL};
    g_assert_cmpuint(n_learnt(siege, nobody, siege->keys_over_one), ==, 0);
    Served served = {0};
    for (guint i = 0; i < siege->transits->len; i++)
        attack_as(siege, siege->transits->pdata[i], &served);
    // All keys crossed as many paths as they should, and could be attacked.
    g_assert_cmpuint(served.n_over_one, >=, siege->keys_over_one->len);
    g_assert_cmpuint(served.n_over_two, >=, 2 * siege->keys_over_two->len);
    g_ptr_array_add(siege->transits, NULL);
    g_assert_cmpuint(
        n_learnt(siege, (const char *const *)siege->transits->pdata, siege->keys_over_two), ==,
        siege->keys_over_two->len);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint seed = 1; seed <= N_SEEDS; seed++) {
        g_autofree char *name = g_strdup_printf("/multipath/transit-learns/%u", seed);
        g_test_add_data_func(name, GUINT_TO_POINTER(seed), test_transit_learns);
    }
    return g_test_run();
}

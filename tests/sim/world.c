// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/world.h"

#include "agents/federation/keystore.h"
#include "agents/qkdn/sim.h"
#include "platform/federation.h"

#include <string.h>

// --- processes -----------------------------------------------------------------------------------

// What a node's operations need of the world it is in.
typedef struct {
    World *world;
    const Site *site; // NULL: the platform
    Dice dice;
    Random random;
    Driver *driver;
} Setup;

static void setup_free(gpointer data)
{
    g_free(data);
}

static gpointer platform_start(Node *node, GError **error)
{
    Setup *setup = node->setup;
    return federation_new(&setup->world->network->federation, node->store, &setup->random,
                          node_now(node), error);
}

static void platform_stop(Node *node)
{
    federation_free(node->core);
}

static const NodeOps platform_ops = {platform_start, platform_stop, &federation_ops};

static void on_answer(gpointer data, guint64 call, const KeyAnswer *answer);

static gpointer agent_start(Node *node, GError **error)
{
    Setup *setup = node->setup;
    World *world = setup->world;
    setup->driver = driver_sim_new(&setup->site->qkdn, &setup->random, node_now(node));
    if (world->hooks.wrap_driver)
        setup->driver = world->hooks.wrap_driver(world->owner, node, setup->driver);
    Agent *agent = agent_new(&setup->site->config, node->store, setup->driver, &setup->random,
                             node_now(node), error);
    if (agent)
        agent_set_key_answer(agent, on_answer, node);
    else
        g_clear_pointer(&setup->driver, driver_free);
    return agent;
}

static void agent_stop(Node *node)
{
    Setup *setup = node->setup;
    agent_free(node->core);
    g_clear_pointer(&setup->driver, driver_free);
}

static const NodeOps agent_node_ops = {agent_start, agent_stop, &agent_ops};

Driver *world_driver(const Node *agent)
{
    return ((const Setup *)agent->setup)->driver;
}

// --- bus -----------------------------------------------------------------------------------------

static void on_tap(gpointer data, const char *topic, GBytes *payload)
{
    World *world = data;
    if (world->hooks.broker.tap)
        world->hooks.broker.tap(world->owner, topic, payload);
}

static GBytes *on_tamper(gpointer data, const char *topic, GBytes *payload)
{
    World *world = data;
    return world->hooks.broker.tamper ? world->hooks.broker.tamper(world->owner, topic, payload)
                                      : NULL;
}

static void on_fate(gpointer data, const BrokerLeg *leg, GArray *delays)
{
    World *world = data;
    gint64 hop_us = WORLD_HOP_US;
    if (world->hooks.broker.fate)
        world->hooks.broker.fate(world->owner, leg, delays);
    else
        g_array_append_val(delays, hop_us);
}

static const BrokerOps broker_ops = {on_tap, on_tamper, on_fate};

// --- what applications do at their KME -----------------------------------------------------------

static void fetch_free(gpointer data)
{
    Fetch *fetch = data;
    g_free(fetch->caller);
    g_free(fetch->message);
    g_free(fetch->detail);
    g_free(fetch->target_kme);
    g_ptr_array_unref(fetch->keys);
    g_free(fetch);
}

// An answer that waits for its pass to be durable.
typedef struct {
    World *world;
    Fetch *fetch;
    Fetch *answer;
} Pending;

static void pending_free(gpointer data)
{
    Pending *pending = data;
    fetch_free(pending->answer);
    g_free(pending);
}

static void answer_now(gpointer data)
{
    const Pending *pending = data;
    Fetch *fetch = pending->fetch, *answer = pending->answer;
    g_assert_false(fetch->is_answered);
    fetch->is_answered = TRUE;
    fetch->verdict = answer->verdict;
    fetch->message = g_steal_pointer(&answer->message);
    fetch->detail = g_steal_pointer(&answer->detail);
    fetch->target_kme = g_steal_pointer(&answer->target_kme);
    fetch->n_stored = answer->n_stored;
    g_ptr_array_extend_and_steal(fetch->keys, g_ptr_array_ref(answer->keys));
    if (pending->world->on_fetched)
        pending->world->on_fetched(pending->world->owner, fetch);
}

static GPtrArray *copy_keys(const GPtrArray *keys)
{
    GPtrArray *copies = g_ptr_array_new_with_free_func(delivered_key_free);
    for (guint i = 0; keys && i < keys->len; i++) {
        const DeliveredKey *key = keys->pdata[i];
        DeliveredKey *copy = g_memdup2(key, sizeof *key);
        copy->key = secret_new_copy(key->key->data, key->key->n_bytes);
        g_ptr_array_add(copies, copy);
    }
    return copies;
}

static void on_answer(gpointer data, guint64 call, const KeyAnswer *answer)
{
    Node *node = data;
    World *world = ((Setup *)node->setup)->world;
    Fetch *copy = g_new0(Fetch, 1);
    copy->verdict = answer->verdict;
    copy->message = g_strdup(answer->message);
    copy->detail = g_strdup(answer->detail);
    copy->keys = copy_keys(answer->keys);
    if (answer->status) {
        copy->n_stored = answer->status->n_stored;
        copy->target_kme = g_strdup(answer->status->target_kme);
    }
    Pending *pending = g_new(Pending, 1);
    *pending = (Pending){world, world->fetches->pdata[call], copy};
    node_hold(node, answer_now, pending, pending_free);
}

static Fetch *fetch_new(World *world, const Node *node, const char *caller)
{
    Fetch *fetch = g_new0(Fetch, 1);
    fetch->number = world->fetches->len;
    fetch->node = node;
    fetch->life = node_is_running(node) ? node->life : 0;
    fetch->caller = g_strdup(caller);
    fetch->called_at_us = world_now(world);
    fetch->keys = g_ptr_array_new_with_free_func(delivered_key_free);
    g_ptr_array_add(world->fetches, fetch);
    return fetch;
}

const Fetch *world_get_keys(World *world, const char *agent, const KeyQuery *query)
{
    Node *node = world_find_node(world, agent);
    Fetch *fetch = fetch_new(world, node, query->caller.sae);
    fetch->n_wanted = query->number;
    if (node->core) {
        agent_get_keys(node->core, fetch->number, query, node_now(node));
        node_wake(node);
    }
    return fetch;
}

const Fetch *world_get_keys_by_id(World *world, const char *agent, const char *caller,
                                  const char *initiator, const char *const *key_ids)
{
    Node *node = world_find_node(world, agent);
    Fetch *fetch = fetch_new(world, node, caller);
    if (node->core) {
        agent_get_keys_by_id(node->core, fetch->number, &(KeyCaller){.sae = caller}, initiator,
                             key_ids, node_now(node));
        node_wake(node);
    }
    return fetch;
}

const Fetch *world_key_status(World *world, const char *agent, const char *caller,
                              const char *target)
{
    Node *node = world_find_node(world, agent);
    Fetch *fetch = fetch_new(world, node, caller);
    if (node->core) {
        agent_key_status(node->core, fetch->number, &(KeyCaller){.sae = caller}, target,
                         node_now(node));
        node_wake(node);
    }
    return fetch;
}

// --- the world -----------------------------------------------------------------------------------

static void add_node(World *world, const char *id, Role role, const Site *site)
{
    Setup *setup = g_new0(Setup, 1);
    setup->world = world;
    setup->site = site;
    setup->dice = dice_make(dice_fork(world->seed, id));
    setup->random = dice_random(&setup->dice);
    Node *node = node_new(world->agenda, world->broker, id, role,
                          site ? &agent_node_ops : &platform_ops, setup);
    node->random = setup->random;
    node->is_authenticated = world->hooks.is_authenticated;
    node->received = world->hooks.received;
    node->owner = world->owner;
    g_ptr_array_add(world->nodes, node);
}

static void add_site(World *world, const Site *site)
{
    add_node(world, site->config.id, ROLE_AGENT, site);
    for (guint i = 0; i < site->config.applications->len; i++) {
        const AgentApplication *configured = site->config.applications->pdata[i];
        Application *application =
            application_new(world->agenda, world->broker, configured->sae, ROLE_APPLICATION,
                            world->seed, world->hooks.is_authenticated);
        application->at = site->config.id;
        application->received = world->hooks.received;
        application->owner = world->owner;
        g_ptr_array_add(world->applications, application);
    }
}

static void node_and_setup_free(gpointer data)
{
    Node *node = data;
    gpointer setup = node->setup;
    node_free(node);
    setup_free(setup);
}

World *world_new(Network *network, guint64 seed, const WorldHooks *hooks, gpointer owner)
{
    World *world = g_new0(World, 1);
    world->network = network;
    world->seed = seed;
    world->agenda = agenda_new(WORLD_START_US);
    world->broker = broker_new(world->agenda, &broker_ops, world);
    world->nodes = g_ptr_array_new_with_free_func(node_and_setup_free);
    world->applications = g_ptr_array_new_with_free_func((GDestroyNotify)application_free);
    world->fetches = g_ptr_array_new_with_free_func(fetch_free);
    world->hooks = hooks ? *hooks : (WorldHooks){0};
    world->owner = owner;
    add_node(world, PLATFORM, ROLE_PLATFORM, NULL);
    for (guint i = 0; i < network->sites->len; i++)
        add_site(world, network->sites->pdata[i]);
    return world;
}

void world_free(World *world)
{
    if (!world)
        return;
    agenda_free(world->agenda);
    g_ptr_array_unref(world->nodes);
    g_ptr_array_unref(world->applications);
    g_ptr_array_unref(world->fetches);
    broker_free(world->broker);
    network_free(world->network);
    g_free(world);
}

void world_start(World *world)
{
    for (guint i = 0; i < world->nodes->len; i++) {
        g_autoptr(GError) error = NULL;
        node_start(world->nodes->pdata[i], &error);
        g_assert_no_error(error);
    }
    for (guint i = 0; i < world->applications->len; i++)
        application_connect(world->applications->pdata[i]);
}

gint64 world_now(const World *world)
{
    return agenda_now(world->agenda);
}

void world_run(World *world, gint64 for_us)
{
    gint64 until_us = world_now(world) + for_us;
    while (agenda_step(world->agenda, until_us))
        continue;
}

gboolean world_run_until(World *world, WorldFn is_done, gpointer data, gint64 for_us)
{
    gint64 until_us = world_now(world) + for_us;
    while (!is_done(data)) {
        if (!agenda_step(world->agenda, until_us))
            return FALSE;
    }
    return TRUE;
}

Node *world_find_node(const World *world, const char *id)
{
    for (guint i = 0; i < world->nodes->len; i++) {
        Node *node = world->nodes->pdata[i];
        if (strcmp(node->id, id) == 0)
            return node;
    }
    g_assert_not_reached();
}

Application *world_find_application(const World *world, const char *sae)
{
    for (guint i = 0; i < world->applications->len; i++) {
        Application *application = world->applications->pdata[i];
        if (strcmp(application->sae, sae) == 0)
            return application;
    }
    g_assert_not_reached();
}

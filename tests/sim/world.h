#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A whole federation in one process: the production cores of the platform and of every agent, a
// virtual bus between them, virtual applications, and a clock that moves from one thing that
// happens to the next.

#include "agents/federation/agent.h"
#include "tests/sim/application.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"

// A moment at which nothing else began.
#define WORLD_START_US (G_GINT64_CONSTANT(1800000000) * G_USEC_PER_SEC)

// How long a publish takes from one member to another where nothing is wrong.
#define WORLD_HOP_US 200

typedef struct World World;

typedef struct {
    // Each may be NULL.
    BrokerOps broker;
    // The driver of an agent that starts, instead of the one given; owned.
    Driver *(*wrap_driver)(gpointer owner, Node *node, Driver *driver);
    // A process or an application has looked at a publish.
    BrokerReceivedFn received;
    // Whether frames are authenticated between their ends; if not, whoever publishes is believed.
    gboolean is_authenticated;
} WorldHooks;

// One call of an application at its KME.
typedef struct {
    guint64 number;
    const Node *node;
    guint64 life; // of the node when it was asked; 0: it was not running
    char *caller;
    guint n_wanted; // keys, where they are not named
    gint64 called_at_us;
    gboolean is_answered;
    KeyVerdict verdict;
    char *message;
    char *detail;
    GPtrArray *keys; // DeliveredKey
    guint64 n_stored;
    char *target_kme;
} Fetch;

struct World {
    Network *network;
    guint64 seed;
    Agenda *agenda;
    Broker *broker;
    GPtrArray *nodes;        // Node; the platform first, then the agents as in the network
    GPtrArray *applications; // Application
    GPtrArray *fetches;      // Fetch, by number
    WorldHooks hooks;
    gpointer owner; // of the hooks
    // Sees what leaves an agent for an application.
    void (*on_fetched)(gpointer owner, const Fetch *fetch);
};

// Takes over the network. `hooks` may be NULL.
World *world_new(Network *network, guint64 seed, const WorldHooks *hooks, gpointer owner);
void world_free(World *world);

// Starts every process and connects every application.
void world_start(World *world);

gint64 world_now(const World *world);
void world_run(World *world, gint64 for_us);

typedef gboolean (*WorldFn)(gpointer data);
// FALSE when it has not become true in that time.
gboolean world_run_until(World *world, WorldFn is_done, gpointer data, gint64 for_us);

Node *world_find_node(const World *world, const char *id);
Application *world_find_application(const World *world, const char *sae);

// What an application does at its KME; answered when that is so, and the pass is durable.
const Fetch *world_get_keys(World *world, const char *agent, const KeyQuery *query);
const Fetch *world_get_keys_by_id(World *world, const char *agent, const char *caller,
                                  const char *initiator, const char *const *key_ids);
const Fetch *world_key_status(World *world, const char *agent, const char *caller,
                              const char *target);

// The driver of an agent that is running.
Driver *world_driver(const Node *agent);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

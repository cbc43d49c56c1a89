#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A process of the fabric in the virtual world: a production core between a virtual bus and a store
// of which only what was committed outlives it. Each pass is that of the daemons: what has arrived,
// tick, commit, answers, outbox. A pass can be cut short anywhere, and the process started again.

#include "tests/sim/broker.h"
#include "tests/sim/dice.h"
#include "topics/base/store.h"
#include "topics/core.h"

typedef struct Node Node;

// A core as its process sees it, and how it comes and goes.
typedef struct {
    // Makes core and, for an agent, driver, over the node's store. NULL when the store is refused.
    gpointer (*start)(Node *node, GError **error);
    void (*stop)(Node *node);
    const CoreOps *core;
} NodeOps;

// Where the next pass ends before its end.
typedef enum {
    CRASH_NONE,
    CRASH_BEFORE_COMMIT,
    CRASH_AFTER_COMMIT,  // nothing is published
    CRASH_WHILE_SENDING, // some of the outbox is published
    N_CRASHES,
} CrashPoint;

// How the process breaks its promises; only to show that somebody notices.
typedef enum {
    BREACH_NONE,
    BREACH_LOST_COMMIT,   // a crash loses the last commit, too
    BREACH_PUBLISH_FIRST, // the outbox leaves before the commit
} Breach;

struct Node {
    char *id;
    Role role;
    const NodeOps *ops;
    gpointer setup; // of whoever runs the world
    Agenda *agenda;
    Broker *broker;

    StoreDisk *disk;
    Store *store;
    gpointer core; // NULL: not running
    Random random; // for what authenticates it
    gboolean is_authenticated;
    Authentication *authentication;
    guint64 life; // what was put down for an earlier one is dropped
    guint64 n_connections;
    gint64 skew_us;    // of its clock
    gint64 lag_us;     // how long it takes to get to what has arrived
    gint64 pass_at_us; // the earliest that is put down; G_MAXINT64: none
    GQueue inbox;      // Arrival
    GPtrArray *held;   // Held: waits for the commit
    CrashPoint crash;  // of pass `crash_pass`
    guint64 crash_pass;
    Breach breach;
    gint64 restart_us;         // after a crash; 0: stays down
    guint64 n_passes;          // in all lives
    BrokerReceivedFn received; // or NULL
    gpointer owner;            // of that
};

Node *node_new(Agenda *agenda, Broker *broker, const char *id, Role role, const NodeOps *ops,
               gpointer setup);
void node_free(Node *node);

gint64 node_now(const Node *node);

// Starts the process over what is on its disk, and connects it. FALSE when it refuses.
gboolean node_start(Node *node, GError **error);
// Kills it between two passes. What it wanted to say is lost; the broker publishes its will.
void node_kill(Node *node);
// Lets its n-th pass from now on (1: the next) be its last, up to that point.
void node_kill_at(Node *node, CrashPoint crash, guint n_passes);
gboolean node_is_running(const Node *node);

// Takes it off the bus without its knowing until later, and back on.
void node_disconnect(Node *node);
void node_connect(Node *node);

// Something was done to the core from outside: a pass follows.
void node_wake(Node *node);

// Calls `fn` once this pass is durable; not at all if the process dies before.
typedef void (*HeldFn)(gpointer data);
void node_hold(Node *node, HeldFn fn, gpointer data, GDestroyNotify free_data);

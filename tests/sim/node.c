// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/node.h"

#include "tests/sim/certifier.h"
#include "tests/sim/lagging.h"
#include "topics/presence.h"

// A connection to the broker takes so long.
#define CONNECT_US (2 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    char *topic;
    GBytes *payload;
} Arrival;

typedef struct {
    HeldFn fn;
    gpointer data;
    GDestroyNotify free_data;
} Held;

static void arrival_free(gpointer data)
{
    Arrival *arrival = data;
    g_free(arrival->topic);
    g_bytes_unref(arrival->payload);
    g_free(arrival);
}

static void held_free(gpointer data)
{
    Held *held = data;
    if (held->free_data)
        held->free_data(held->data);
    g_free(held);
}

Node *node_new(Agenda *agenda, Broker *broker, const char *id, Role role, const NodeOps *ops,
               gpointer setup)
{
    Node *node = g_new0(Node, 1);
    node->id = g_strdup(id);
    node->role = role;
    node->ops = ops;
    node->setup = setup;
    node->agenda = agenda;
    node->broker = broker;
    node->disk = store_disk_new();
    node->life = 1;
    node->pass_at_us = G_MAXINT64;
    node->held = g_ptr_array_new_with_free_func(held_free);
    return node;
}

static void node_clear(Node *node)
{
    node->ops->stop(node);
    node->core = NULL;
    g_clear_pointer(&node->authentication, authentication_free);
    g_clear_pointer(&node->store, store_free);
    g_queue_clear_full(&node->inbox, arrival_free);
    g_ptr_array_set_size(node->held, 0);
    node->pass_at_us = G_MAXINT64;
    node->life++;
}

void node_free(Node *node)
{
    if (!node)
        return;
    if (node->core)
        node_clear(node);
    g_ptr_array_unref(node->held);
    store_disk_free(node->disk);
    g_free(node->id);
    g_free(node);
}

gint64 node_now(const Node *node)
{
    return agenda_now(node->agenda) + node->skew_us;
}

gboolean node_is_running(const Node *node)
{
    return node->core != NULL;
}

// --- passes --------------------------------------------------------------------------------------

static void pass(gpointer owner, gpointer data);

static gpointer life_new(const Node *node)
{
    return g_memdup2(&node->life, sizeof node->life);
}

static gboolean is_of_this_life(const Node *node, gconstpointer life)
{
    return node->core && *(const guint64 *)life == node->life;
}

static void pass_at(Node *node, gint64 at_us)
{
    at_us = MAX(at_us, agenda_now(node->agenda));
    if (!node->core || at_us >= node->pass_at_us)
        return;
    node->pass_at_us = at_us;
    agenda_add(node->agenda, at_us, pass, node, life_new(node), g_free);
}

void node_wake(Node *node)
{
    pass_at(node, agenda_now(node->agenda));
}

void node_hold(Node *node, HeldFn fn, gpointer data, GDestroyNotify free_data)
{
    Held *held = g_new(Held, 1);
    *held = (Held){fn, data, free_data};
    g_ptr_array_add(node->held, held);
}

static void release_held(Node *node)
{
    for (guint i = 0; i < node->held->len; i++) {
        const Held *held = node->held->pdata[i];
        held->fn(held->data);
    }
    g_ptr_array_set_size(node->held, 0);
}

typedef struct {
    Node *node;
    guint n_left; // frames until the process dies
} Sending;

static void send_frame(gpointer data, const Publish *publish)
{
    Sending *sending = data;
    Broker *broker = sending->node->broker;
    if (sending->n_left == 0)
        return;
    sending->n_left--;
    if (broker_is_connected(broker, sending->node->id))
        broker_publish(broker, publish->topic, publish->payload);
}

static void flush(Node *node, CrashPoint crash)
{
    Sending sending = {node, crash == CRASH_WHILE_SENDING ? 1 : G_MAXUINT};
    outbox_flush(node->ops->core->outbox(node->core), node_now(node), send_frame, &sending);
}

static void commit(Node *node)
{
    g_autoptr(GError) error = NULL;
    store_commit(node->store, &error);
    g_assert_no_error(error);
}

static void receive_all(Node *node)
{
    Arrival *arrival;
    while ((arrival = g_queue_pop_head(&node->inbox))) {
        gsize n_bytes = 0;
        const guint8 *bytes = g_bytes_get_data(arrival->payload, &n_bytes);
        Refusal refusal =
            node->ops->core->receive(node->core, arrival->topic, bytes, n_bytes, node_now(node));
        if (node->received)
            node->received(node->owner,
                           &(BrokerReceipt){node->id, node->role, node->life, arrival->topic,
                                            arrival->payload, refusal});
        arrival_free(arrival);
    }
}

// TRUE when the pass came to its end.
static gboolean pass_ends(Node *node, CrashPoint crash)
{
    if (node->breach == BREACH_PUBLISH_FIRST)
        flush(node, CRASH_NONE);
    if (crash == CRASH_BEFORE_COMMIT)
        return FALSE;
    commit(node);
    if (crash == CRASH_AFTER_COMMIT)
        return FALSE;
    release_held(node);
    flush(node, crash);
    return crash == CRASH_NONE;
}

static void pass_through(Node *node)
{
    CrashPoint crash = ++node->n_passes == node->crash_pass ? node->crash : CRASH_NONE;
    receive_all(node);
    gint64 next_us = node->ops->core->tick(node->core, node_now(node));
    if (!pass_ends(node, crash))
        node_kill(node);
    else if (next_us < G_MAXINT64)
        pass_at(node, next_us - node->skew_us);
}

static void pass(gpointer owner, gpointer data)
{
    Node *node = owner;
    if (!is_of_this_life(node, data) || node->pass_at_us > agenda_now(node->agenda))
        return;
    node->pass_at_us = G_MAXINT64;
    pass_through(node);
}

static void arrive(gpointer member, const char *topic, GBytes *payload)
{
    Node *node = member;
    if (!node->core)
        return;
    Arrival *arrival = g_new(Arrival, 1);
    *arrival = (Arrival){g_strdup(topic), g_bytes_ref(payload)};
    g_queue_push_tail(&node->inbox, arrival);
    pass_at(node, agenda_now(node->agenda) + node->lag_us);
}

// --- life ----------------------------------------------------------------------------------------

static GBytes *pack_presence(const Node *node, gboolean alive)
{
    guint64 incarnation = outbox_incarnation(node->ops->core->outbox(node->core));
    Identity plain = {node->id, node->role, incarnation, NULL};
    if (!node->authentication)
        return presence_pack(&plain, node->n_connections, alive, NULL, node_now(node));
    g_autoptr(Credentials) credentials = certifier_new(node->id, node->role);
    return presence_pack(authentication_identity(node->authentication), node->n_connections, alive,
                         credentials, node_now(node));
}

void node_connect(Node *node)
{
    if (!node->core || broker_is_connected(node->broker, node->id))
        return;
    node->n_connections++;
    g_autoptr(GBytes) death = pack_presence(node, FALSE);
    g_autoptr(GBytes) birth = pack_presence(node, TRUE);
    g_autofree char *topic = topic_format(KIND_PRESENCE, node->id, ID_ALL);
    broker_connect(node->broker, node->id, node->role, death, arrive, node);
    broker_publish(node->broker, topic, birth);
    node->ops->core->connected(node->core, node_now(node));
    node_wake(node);
}

void node_disconnect(Node *node)
{
    broker_disconnect(node->broker, node->id, FALSE);
}

static void connect_later(gpointer owner, gpointer data)
{
    if (is_of_this_life(owner, data))
        node_connect(owner);
}

static void authenticate(Node *node)
{
    guint64 incarnation = outbox_incarnation(node->ops->core->outbox(node->core));
    node->authentication = authentication_new(node->id, node->role, incarnation, &node->random);
    authentication_set_credentials(node->authentication, certifier_new(node->id, node->role),
                                   node_now(node));
    node->ops->core->authenticate(node->core, node->authentication);
}

gboolean node_start(Node *node, GError **error)
{
    g_assert_null(node->core);
    node->store = node->breach == BREACH_LOST_COMMIT ? store_new_lagging(node->disk)
                                                     : store_new_memory(node->disk);
    node->core = node->ops->start(node, error);
    if (!node->core) {
        g_clear_pointer(&node->store, store_free);
        return FALSE;
    }
    if (node->is_authenticated)
        authenticate(node);
    node->n_connections = 0;
    node_wake(node);
    agenda_add(node->agenda, agenda_now(node->agenda) + CONNECT_US, connect_later, node,
               life_new(node), g_free);
    return TRUE;
}

static void start_again(gpointer owner, gpointer data)
{
    Node *node = owner;
    g_autoptr(GError) error = NULL;
    if (!node->core)
        node_start(node, &error);
    g_assert_no_error(error);
}

void node_kill_at(Node *node, CrashPoint crash, guint n_passes)
{
    node->crash = crash;
    node->crash_pass = node->n_passes + n_passes;
}

void node_kill(Node *node)
{
    if (!node->core)
        return;
    node_clear(node);
    broker_disconnect(node->broker, node->id, FALSE);
    if (node->restart_us > 0)
        agenda_add(node->agenda, agenda_now(node->agenda) + node->restart_us, start_again, node,
                   NULL, NULL);
}

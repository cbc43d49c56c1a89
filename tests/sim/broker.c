// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/broker.h"
#include "topics/base/id.h"

#include <string.h>

typedef struct {
    char *id;
    Role role;
    guint64 session; // what is under way to an earlier one is lost
    GBytes *will;
    BrokerArriveFn arrive;
    gpointer member;
} Connected;

struct Broker {
    Agenda *agenda;
    const BrokerOps *ops;
    gpointer world;
    GTree *connected; // ID → Connected
    GTree *retained;  // topic → payload
    guint64 n_sessions;
    guint64 epoch; // grows when everything is forgotten
};

typedef struct {
    char *id;
    guint64 session;
    guint64 epoch;
    char *topic;
    GBytes *payload;
} Delivery;

static void connected_free(gpointer data)
{
    Connected *connected = data;
    g_free(connected->id);
    g_bytes_unref(connected->will);
    g_free(connected);
}

static void delivery_free(gpointer data)
{
    Delivery *delivery = data;
    g_free(delivery->id);
    g_free(delivery->topic);
    g_bytes_unref(delivery->payload);
    g_free(delivery);
}

Broker *broker_new(Agenda *agenda, const BrokerOps *ops, gpointer world)
{
    Broker *broker = g_new0(Broker, 1);
    broker->agenda = agenda;
    broker->ops = ops;
    broker->world = world;
    broker->connected = g_tree_new_full(id_compare, NULL, NULL, connected_free);
    broker->retained = g_tree_new_full(id_compare, NULL, g_free, (GDestroyNotify)g_bytes_unref);
    return broker;
}

void broker_free(Broker *broker)
{
    if (!broker)
        return;
    g_tree_unref(broker->connected);
    g_tree_unref(broker->retained);
    g_free(broker);
}

static void deliver(gpointer owner, gpointer data)
{
    Broker *broker = owner;
    const Delivery *delivery = data;
    const Connected *connected = g_tree_lookup(broker->connected, delivery->id);
    if (connected && connected->session == delivery->session && delivery->epoch == broker->epoch)
        connected->arrive(connected->member, delivery->topic, delivery->payload);
}

static void send_after(Broker *broker, const Connected *connected, const char *topic,
                       GBytes *payload, gint64 delay_us)
{
    Delivery *delivery = g_new(Delivery, 1);
    *delivery = (Delivery){g_strdup(connected->id), connected->session, broker->epoch,
                           g_strdup(topic), g_bytes_ref(payload)};
    agenda_add(broker->agenda, agenda_now(broker->agenda) + delay_us, deliver, broker, delivery,
               delivery_free);
}

void broker_slip(Broker *broker, const char *id, const char *topic, GBytes *payload,
                 gint64 delay_us)
{
    const Connected *connected = g_tree_lookup(broker->connected, id);
    if (connected)
        send_after(broker, connected, topic, payload, delay_us);
}

static void send_to(Broker *broker, const Connected *connected, const BrokerLeg *leg)
{
    g_autoptr(GArray) delays = g_array_new(FALSE, FALSE, sizeof(gint64));
    broker->ops->fate(broker->world, leg, delays);
    for (guint i = 0; i < delays->len; i++)
        send_after(broker, connected, leg->topic, leg->payload, g_array_index(delays, gint64, i));
}

static gboolean reads(const Connected *connected, const Topic *topic)
{
    const Kind *kind = kind_get(topic->kind);
    if (kind->to_all)
        return (kind->to & ROLE_BIT(connected->role)) != 0;
    return strcmp(topic->to, connected->id) == 0;
}

typedef struct {
    Broker *broker;
    const Connected *connected;
    Topic topic;
    const char *text;
    GBytes *payload;
} Sending;

static gboolean send_if_read(gpointer key, gpointer value, gpointer data)
{
    const Sending *sending = data;
    const Connected *connected = value;
    const Topic *topic = &sending->topic;
    BrokerLeg leg = {topic->from,   connected->id,    topic->kind,
                     sending->text, sending->payload, FALSE};
    if (reads(connected, topic))
        send_to(sending->broker, connected, &leg);
    return FALSE;
}

void broker_publish(Broker *broker, const char *topic, GBytes *original)
{
    Sending sending = {.broker = broker, .text = topic};
    g_assert_true(topic_parse(topic, &sending.topic));
    broker->ops->tap(broker->world, topic, original);
    g_autoptr(GBytes) payload =
        broker->ops->tamper ? broker->ops->tamper(broker->world, topic, original) : NULL;
    if (!payload)
        payload = g_bytes_ref(original);
    if (g_bytes_get_size(payload) == 0)
        g_tree_remove(broker->retained, topic);
    else if (kind_get(sending.topic.kind)->retained)
        g_tree_replace(broker->retained, g_strdup(topic), g_bytes_ref(payload));
    sending.payload = payload;
    g_tree_foreach(broker->connected, send_if_read, &sending);
}

static gboolean send_retained(gpointer key, gpointer value, gpointer data)
{
    Sending *sending = data;
    const Topic *topic = &sending->topic;
    g_assert_true(topic_parse(key, &sending->topic));
    BrokerLeg leg = {topic->from, sending->connected->id, topic->kind, key, value, TRUE};
    if (reads(sending->connected, topic))
        send_to(sending->broker, sending->connected, &leg);
    return FALSE;
}

void broker_connect(Broker *broker, const char *id, Role role, GBytes *will, BrokerArriveFn arrive,
                    gpointer member)
{
    Connected *connected = g_new(Connected, 1);
    *connected =
        (Connected){g_strdup(id), role, ++broker->n_sessions, g_bytes_ref(will), arrive, member};
    g_tree_replace(broker->connected, connected->id, connected);
    Sending sending = {.broker = broker, .connected = connected};
    g_tree_foreach(broker->retained, send_retained, &sending);
}

void broker_disconnect(Broker *broker, const char *id, gboolean quietly)
{
    const Connected *connected = g_tree_lookup(broker->connected, id);
    if (!connected)
        return;
    g_autofree char *topic = topic_format(KIND_PRESENCE, id, ID_ALL);
    g_autoptr(GBytes) will = g_bytes_ref(connected->will);
    g_tree_remove(broker->connected, id);
    if (!quietly)
        broker_publish(broker, topic, will);
}

gboolean broker_is_connected(const Broker *broker, const char *id)
{
    return g_tree_lookup(broker->connected, id) != NULL;
}

void broker_forget(Broker *broker)
{
    g_tree_remove_all(broker->retained);
    broker->epoch++;
}

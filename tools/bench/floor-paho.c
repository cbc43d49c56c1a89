// SPDX-License-Identifier: Apache-2.0
//
// Paho MQTTClient as it is shipped, publishing from its callback, with TCP_NODELAY.

#include "tools/bench/floor.h"

#include "topics/mqtt/peer.h"

#include <MQTTClient.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#define COMMAND_TIMEOUT_MS 5000
#define IN_FLIGHT_MAX      1000

struct FloorClient {
    MQTTClient paho;
    FloorArrivedFn arrived;
    gpointer data;
    sem_t handled;
};

static int on_message(void *context, char *topic, int n_topic_bytes, MQTTClient_message *message)
{
    FloorClient *client = context;
    client->arrived(client->data, message->payload, (gsize)message->payloadlen);
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
    sem_post(&client->handled);
    return 1;
}

static int reason_of(MQTTResponse response)
{
    int reason = response.reasonCode;
    MQTTResponse_free(response);
    return reason;
}

static gboolean fail(const char *what, int reason, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "Paho: %s (%s)", what,
                MQTTClient_strerror(reason));
    return FALSE;
}

static int connect_paho(FloorClient *client, const Connection *connection)
{
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    tls.trustStore = connection->ca;
    tls.keyStore = connection->certificate;
    tls.privateKey = connection->key;
    tls.enableServerCertAuth = 1;
    tls.verify = 1;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
    options.cleanstart = 1;
    options.keepAliveInterval = 60;
    options.reliable = 0;
    options.maxInflightMessages = IN_FLIGHT_MAX;
    options.ssl = &tls;
    return reason_of(MQTTClient_connect5(client->paho, &options, NULL, NULL));
}

static int create_paho(FloorClient *client, const Peer *peer, const char *id)
{
    g_autofree char *uri = g_strdup_printf("ssl://%s:%s", peer->host, peer->port);
    MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
    options.MQTTVersion = MQTTVERSION_5;
    int failure = MQTTClient_createWithOptions(&client->paho, uri, id, MQTTCLIENT_PERSISTENCE_NONE,
                                               NULL, &options);
    if (failure == MQTTCLIENT_SUCCESS)
        MQTTClient_setCallbacks(client->paho, client, NULL, on_message, NULL);
    return failure;
}

static void paho_close(FloorClient *client)
{
    if (!client)
        return;
    MQTTClient_disconnect5(client->paho, 0, MQTTREASONCODE_SUCCESS, NULL);
    MQTTClient_destroy(&client->paho);
    sem_destroy(&client->handled);
    g_free(client);
}

static FloorClient *paho_open(const Connection *connection, const char *id, FloorArrivedFn arrived,
                              gpointer data, GError **error)
{
    Peer peer;
    if (!peer_parse(connection->url, &peer, error))
        return NULL;
    FloorClient *client = g_new0(FloorClient, 1);
    client->arrived = arrived;
    client->data = data;
    sem_init(&client->handled, 0, 0);
    int reason = create_paho(client, &peer, id);
    if (reason == MQTTCLIENT_SUCCESS)
        reason = connect_paho(client, connection);
    g_array_unref(peer_tune_sockets(&peer, COMMAND_TIMEOUT_MS / 1000));
    peer_clear(&peer);
    if (reason == MQTTREASONCODE_SUCCESS)
        return client;
    fail("cannot connect", reason, error);
    paho_close(client);
    return NULL;
}

static gboolean paho_subscribe(FloorClient *client, const char *filter, GError **error)
{
    int reason = reason_of(MQTTClient_subscribe5(client->paho, filter, 1, NULL, NULL));
    if (reason == MQTTREASONCODE_GRANTED_QOS_0 || reason == MQTTREASONCODE_GRANTED_QOS_1)
        return TRUE;
    return fail("cannot subscribe", reason, error);
}

static void paho_publish(FloorClient *client, const char *topic, const guint8 *payload,
                         gsize n_bytes, int qos)
{
    MQTTResponse_free(
        MQTTClient_publish5(client->paho, topic, (int)n_bytes, payload, qos, 0, NULL, NULL));
}

static gboolean paho_wait(FloorClient *client, guint timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000 + 1;
    return sem_timedwait(&client->handled, &until) == 0;
}

const char *floor_paho_version(void)
{
    for (const MQTTClient_nameValue *info = MQTTClient_getVersionInfo(); info->name; info++) {
        if (strcmp(info->name, "Version") == 0)
            return info->value;
    }
    return "unknown";
}

const FloorOps floor_paho = {
    .name = "Paho MQTTClient",
    .open = paho_open,
    .subscribe = paho_subscribe,
    .publish = paho_publish,
    .wait = paho_wait,
    .close = paho_close,
};

// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/client.h"

#include "topics/mqtt/advice.h"
#include "topics/mqtt/credentials-file.h"

#include <MQTTClient.h>
#include <pthread.h>
#include <string.h>

#define CONTENT_TYPE "application/x-protobuf"

#define CONNECT_TIMEOUT_S  5
#define PROBE_TIMEOUT_S    2
#define COMMAND_TIMEOUT_MS 5000
#define KEEP_ALIVE_S       10

// From the end of our part of a callback to that of Paho's.
#define CALLBACK_REST_US 20000

// Headers and properties of a publish, with the TLS records that carry it.
#define OVERHEAD_BYTES 2048

// Paho cannot be told the lowest TLS version, only which ciphers to offer below TLS 1.3: one that
// OpenSSL never offers without a pre-shared key leaves it nothing below.
#define CIPHERS_BELOW_TLS_1_3 "PSK-AES256-GCM-SHA384"

struct Client {
    Peer peer;
    char *ca;
    char *certificate;
    char *key;
    int keep_alive_s;
    char *id;
    guint8 share[SHARE_BYTES];
    Identity identity; // of the two above
    guint64 n_connections;
    Credentials *credentials; // as they were in their files when it connected; NULL: not signed
    char **filters;
    GArray *sockets;
    const ClientListener *listener;
    gpointer listener_data;
    MQTTClient paho;
    pthread_mutex_t mutex; // POSIX, because the thread sanitizer does not see through GLib's
    char *tls_error;       // of this attempt; by the mutex
    guint n_inside;        // threads of Paho that are in a callback; by the mutex
};

static void client_enter(Client *client)
{
    pthread_mutex_lock(&client->mutex);
    client->n_inside++;
    pthread_mutex_unlock(&client->mutex);
}

static void client_leave(Client *client)
{
    pthread_mutex_lock(&client->mutex);
    client->n_inside--;
    pthread_mutex_unlock(&client->mutex);
}

static gboolean client_is_entered(Client *client)
{
    pthread_mutex_lock(&client->mutex);
    gboolean is_entered = client->n_inside > 0;
    pthread_mutex_unlock(&client->mutex);
    return is_entered;
}

static void on_connection_lost(void *context, char *cause)
{
    Client *client = context;
    client_enter(client);
    client->listener->lost(client->listener_data, "the connection broke");
    client_leave(client);
}

static void on_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    Client *client = context;
    client_enter(client);
    const char *name = MQTTReasonCode_toString(reason);
    g_autofree char *cause = g_strconcat("the broker disconnected: ", name, NULL);
    client->listener->lost(client->listener_data, cause);
    client_leave(client);
}

static int on_message(void *context, char *topic, int n_topic_bytes, MQTTClient_message *message)
{
    Client *client = context;
    client_enter(client);
    // Paho gives the length only where it differs from strlen(): no topic of ours has zero bytes.
    if (n_topic_bytes == 0)
        client->listener->arrived(client->listener_data, topic, message->payload,
                                  (gsize)message->payloadlen);
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
    client_leave(client);
    return 1;
}

static void on_published(void *context, int token, int packet, MQTTProperties *properties,
                         enum MQTTReasonCodes reason)
{
    Client *client = context;
    client->listener->acknowledged(client->listener_data);
}

// OpenSSL's lines are `thread:error:code:library:function:reason:file:line:data`.
static char *tls_reason(const char *text, gsize n_bytes)
{
    g_autofree char *line = g_strchomp(g_strndup(text, n_bytes));
    g_auto(GStrv) fields = g_strsplit(line, ":", -1);
    gboolean is_known = g_strv_length(fields) > 5 && strcmp(fields[1], "error") == 0;
    return g_strdup(is_known ? fields[5] : line);
}

static int on_tls_error(const char *text, size_t n_bytes, void *context)
{
    Client *client = context;
    pthread_mutex_lock(&client->mutex);
    // The first is the cause, the others follow from it.
    if (!client->tls_error)
        client->tls_error = tls_reason(text, n_bytes);
    pthread_mutex_unlock(&client->mutex);
    return 1;
}

static char *client_take_tls_error(Client *client)
{
    pthread_mutex_lock(&client->mutex);
    char *tls_error = g_steal_pointer(&client->tls_error);
    pthread_mutex_unlock(&client->mutex);
    return tls_error;
}

static void create_paho(Client *client, Role role)
{
    // Two programs of one application, operator or monitor do not throw each other off the bus; a
    // platform or agent is there once, and who comes later takes over.
    gboolean is_single = role == ROLE_PLATFORM || role == ROLE_AGENT;
    g_autofree char *name =
        is_single ? g_strdup(client->id) : g_strdup_printf("%s/%08x", client->id, g_random_int());
    g_autofree char *uri =
        g_strdup_printf(strchr(client->peer.host, ':') ? "ssl://[%s]:%s" : "ssl://%s:%s",
                        client->peer.host, client->peer.port);
    MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
    options.MQTTVersion = MQTTVERSION_5;
    int failure = MQTTClient_createWithOptions(&client->paho, uri, name,
                                               MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (failure != MQTTCLIENT_SUCCESS)
        g_error("cannot create an MQTT client: %s", MQTTClient_strerror(failure));
    MQTTClient_setCommandTimeout(client->paho, COMMAND_TIMEOUT_MS);
    MQTTClient_setCallbacks(client->paho, client, on_connection_lost, on_message, NULL);
    MQTTClient_setDisconnected(client->paho, client, on_disconnect);
    MQTTClient_setPublished(client->paho, client, on_published);
}

static void copy_identity(Client *client, const Identity *identity)
{
    client->id = g_strdup(identity->id);
    client->identity = *identity;
    client->identity.id = client->id;
    if (!identity->share)
        return;
    memcpy(client->share, identity->share, SHARE_BYTES);
    client->identity.share = client->share;
}

Client *client_new(const Connection *connection, const Identity *identity,
                   const ClientListener *listener, gpointer data, GError **error)
{
    Peer peer;
    if (!peer_parse(connection->url, &peer, error))
        return NULL;
    guint64 keep_alive_s = connection->keep_alive_s;
    Client *client = g_new0(Client, 1);
    client->peer = peer;
    client->ca = g_strdup(connection->ca);
    client->certificate = g_strdup(connection->certificate);
    client->key = g_strdup(connection->key);
    client->keep_alive_s = keep_alive_s > 0 ? (int)MIN(keep_alive_s, G_MAXUINT16) : KEEP_ALIVE_S;
    copy_identity(client, identity);
    client->filters = topic_filters(identity->id, identity->role);
    client->sockets = g_array_new(FALSE, FALSE, sizeof(int));
    client->listener = listener;
    client->listener_data = data;
    pthread_mutex_init(&client->mutex, NULL);
    create_paho(client, identity->role);
    return client;
}

// While another client of the process goes on, so does Paho's thread, which looks at a client once
// more after its callback has returned, and does not say when it is done with that.
static void client_await_callbacks(Client *client)
{
    while (client_is_entered(client))
        g_usleep(CALLBACK_REST_US);
    g_usleep(CALLBACK_REST_US);
}

void client_free(Client *client)
{
    if (!client)
        return;
    client_disconnect(client);
    client_await_callbacks(client);
    MQTTClient_destroy(&client->paho);
    pthread_mutex_destroy(&client->mutex);
    g_array_unref(client->sockets);
    g_strfreev(client->filters);
    peer_clear(&client->peer);
    g_free(client->ca);
    g_free(client->certificate);
    g_free(client->key);
    credentials_free(client->credentials);
    g_free(client->id);
    g_free(client->tls_error);
    g_free(client);
}

static gboolean announces_itself(const Client *client)
{
    return (kind_get(KIND_PRESENCE)->from & ROLE_BIT(client->identity.role)) != 0;
}

static GBytes *pack_presence(const Client *client, gboolean alive)
{
    return presence_pack(&client->identity, client->n_connections, alive, client->credentials,
                         g_get_real_time());
}

static void add_content_type(MQTTProperties *properties)
{
    MQTTProperty type = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};
    type.value.data = (MQTTLenString){(int)strlen(CONTENT_TYPE), (char *)CONTENT_TYPE};
    MQTTProperties_add(properties, &type);
}

static void add_expiry(MQTTProperties *properties, guint32 expiry_ms)
{
    if (expiry_ms == 0)
        return;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL};
    expiry.value.integer4 = (expiry_ms + 999) / 1000;
    MQTTProperties_add(properties, &expiry);
}

// Paho's result of a command, freed.
static int response_reason(MQTTResponse response)
{
    int reason = response.reasonCode;
    MQTTResponse_free(response);
    return reason;
}

static int connect_with_will(Client *client, MQTTClient_connectOptions *options)
{
    if (!announces_itself(client))
        return response_reason(MQTTClient_connect5(client->paho, options, NULL, NULL));
    g_autoptr(GBytes) death = pack_presence(client, FALSE);
    g_autofree char *topic = topic_format(KIND_PRESENCE, client->id, ID_ALL);
    gsize n_bytes = 0;
    MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
    will.topicName = topic;
    will.payload.data = g_bytes_get_data(death, &n_bytes);
    will.payload.len = (int)n_bytes;
    will.retained = kind_get(KIND_PRESENCE)->retained;
    will.qos = kind_get(KIND_PRESENCE)->qos;
    options->will = &will;
    MQTTProperties properties = MQTTProperties_initializer;
    add_content_type(&properties);
    int reason = response_reason(MQTTClient_connect5(client->paho, options, NULL, &properties));
    MQTTProperties_free(&properties);
    return reason;
}

static int connect_with_tls(Client *client)
{
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    tls.trustStore = client->ca;
    tls.disableDefaultTrustStore = TRUE;
    tls.keyStore = client->certificate;
    tls.privateKey = client->key;
    tls.enabledCipherSuites = CIPHERS_BELOW_TLS_1_3;
    tls.enableServerCertAuth = TRUE;
    tls.verify = TRUE;
    tls.ssl_error_cb = on_tls_error;
    tls.ssl_error_context = client;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
    options.ssl = &tls;
    options.keepAliveInterval = client->keep_alive_s;
    options.cleanstart = TRUE;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.maxInflightMessages = CLIENT_UNACKNOWLEDGED_MAX;
    return connect_with_will(client, &options);
}

static char *subscribe(Client *client)
{
    for (char **filter = client->filters; *filter; filter++) {
        int reason = response_reason(MQTTClient_subscribe5(client->paho, *filter, 1, NULL, NULL));
        if (reason < 0 || reason > MQTTREASONCODE_GRANTED_QOS_2)
            return g_strdup_printf("cannot subscribe to %s: %s", *filter,
                                   reason < 0 ? "no answer" : MQTTReasonCode_toString(reason));
    }
    return NULL;
}

static char *announce(Client *client)
{
    if (!announces_itself(client))
        return NULL;
    g_autoptr(GBytes) birth = pack_presence(client, TRUE);
    g_autofree char *topic = topic_format(KIND_PRESENCE, client->id, ID_ALL);
    if (client_publish(client, &(Publish){KIND_PRESENCE, topic, birth}))
        return NULL;
    return g_strdup("cannot announce the birth");
}

// Paho says only that it failed. A broker of TLS 1.3 that refuses our certificate hangs up after
// our part of the handshake is done, without a word that Paho would pass on.
static char *explain_failure(const Client *client, gint64 took_us)
{
    char *unreachable = peer_probe(&client->peer, PROBE_TIMEOUT_S);
    if (unreachable)
        return unreachable;
    if (took_us >= CONNECT_TIMEOUT_S * G_USEC_PER_SEC)
        return g_strdup("it takes connections, but does not answer in time");
    return advice_on_refusal(client->certificate, g_get_real_time() / G_USEC_PER_SEC);
}

static char *connect_failure(Client *client, int reason, gint64 took_us)
{
    g_autofree char *tls_error = client_take_tls_error(client);
    g_autofree char *text = reason > 0  ? g_strdup(MQTTReasonCode_toString(reason))
                            : tls_error ? advice_on_tls(tls_error, client->ca, client->peer.host)
                                        : explain_failure(client, took_us);
    return g_strdup_printf("cannot connect to %s port %s: %s", client->peer.host, client->peer.port,
                           text);
}

// They may have been renewed. NULL, or why they cannot be used.
static char *load_credentials(Client *client)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&client->credentials, credentials_free);
    if (!client->identity.share || !announces_itself(client))
        return NULL;
    Connection files = {.ca = client->ca, .certificate = client->certificate, .key = client->key};
    client->credentials = credentials_load(&files, client->id, &error);
    return client->credentials ? NULL : g_strdup(error->message);
}

char *client_connect(Client *client)
{
    client_disconnect(client);
    char *unusable = load_credentials(client);
    if (unusable)
        return unusable;
    client->n_connections++;
    g_free(client_take_tls_error(client));
    gint64 since_us = g_get_monotonic_time();
    int reason = connect_with_tls(client);
    if (reason != MQTTREASONCODE_SUCCESS)
        return connect_failure(client, reason, g_get_monotonic_time() - since_us);
    g_array_unref(client->sockets);
    client->sockets = peer_tune_sockets(&client->peer, (guint)client->keep_alive_s);
    char *failure = subscribe(client);
    return failure ? failure : announce(client);
}

gboolean client_publish(Client *client, const Publish *publish)
{
    const Kind *kind = kind_get(publish->kind);
    gsize n_bytes = 0;
    const void *payload = g_bytes_get_data(publish->payload, &n_bytes);
    MQTTProperties properties = MQTTProperties_initializer;
    add_expiry(&properties, kind->expiry_ms);
    add_content_type(&properties);
    int reason =
        response_reason(MQTTClient_publish5(client->paho, publish->topic, (int)n_bytes, payload,
                                            kind->qos, kind->retained, &properties, NULL));
    MQTTProperties_free(&properties);
    return reason == MQTTREASONCODE_SUCCESS;
}

void client_disconnect(Client *client)
{
    enum MQTTReasonCodes reason = announces_itself(client)
                                      ? MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE
                                      : MQTTREASONCODE_NORMAL_DISCONNECTION;
    if (MQTTClient_isConnected(client->paho))
        MQTTClient_disconnect5(client->paho, 0, reason, NULL);
}

PeerRoom client_room(const Client *client, gsize n_bytes)
{
    return peer_room(client->sockets, n_bytes + OVERHEAD_BYTES);
}

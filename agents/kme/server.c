// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/server.h"

#include "agents/kme/etsi014.h"
#include "agents/kme/framing.h"
#include "agents/kme/listener.h"
#include "agents/kme/tls.h"
#include "topics/base/log.h"
#include "topics/mqtt/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <string.h>

struct KmeServer {
    const KmeSettings *settings;
    const KeyLimits *limits;
    const KeyService *service;
    gpointer agent;
    struct event_base *base;
    Listener *listener;
    GHashTable *clients;   // struct evhttp_connection → Client, owned
    GHashTable *open;      // guint64 call → Client
    GHashTable *n_open_of; // SAE ID → guint
    GArray *answered;      // guint64 calls whose answers wait for the flush
    guint64 last_call;
};

// A connection that has sent a request.
typedef struct {
    KmeServer *server;
    struct evhttp_connection *connection;
    SSL *ssl;
    char *sae; // NULL: the certificate does not name one
    gboolean is_revoked;
    time_t until; // its certificate is valid: a connection may outlive it
    guint8 certificate[CERTIFICATE_SHA256_BYTES];
    // The call under way; HTTP/1.1 has no more than one per connection:
    guint64 call; // 0: none
    Etsi014Method method;
    struct evhttp_request *request;
    Etsi014Answer *answer; // waits for the flush
    struct event *gone;    // libevent does not watch a connection that waits for its answer
} Client;

static void add_open_of(KmeServer *server, const char *sae, int change)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(server->n_open_of, sae));
    n = (guint)((int)n + change);
    if (n == 0)
        g_hash_table_remove(server->n_open_of, sae);
    else
        g_hash_table_insert(server->n_open_of, g_strdup(sae), GUINT_TO_POINTER(n));
}

static void close_call(Client *client)
{
    if (client->call == 0)
        return;
    g_hash_table_remove(client->server->open, &client->call);
    add_open_of(client->server, client->sae, -1);
    g_clear_pointer(&client->answer, etsi014_answer_free);
    client->request = NULL;
    client->call = 0;
}

static void client_free(gpointer data)
{
    Client *client = data;
    // An answer that waits for the flush was given: the agent has nothing left to cancel.
    gboolean is_waiting = client->call != 0 && !client->answer;
    guint64 call = client->call;
    close_call(client);
    if (is_waiting)
        client->server->service->cancel(client->server->agent, call);
    event_free(client->gone);
    g_free(client->sae);
    g_free(client);
}

static void on_connection_closed(struct evhttp_connection *connection, void *data)
{
    KmeServer *server = data;
    const Client *client = g_hash_table_lookup(server->clients, connection);
    // libevent closes without a last word in TLS, for which OpenSSL would forget the session.
    if (client)
        SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    g_hash_table_remove(server->clients, connection);
}

static void on_client_gone(evutil_socket_t fd, short what, void *data)
{
    Client *client = data;
    // Between calls libevent sees it itself.
    if (client->call != 0)
        evhttp_connection_free(client->connection);
}

static Client *client_new(KmeServer *server, struct evhttp_connection *connection)
{
    Client *client = g_new0(Client, 1);
    client->server = server;
    client->connection = connection;
    struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
    client->ssl = bufferevent_openssl_get_ssl(stream);
    client->gone =
        event_new(server->base, bufferevent_getfd(stream), EV_CLOSED, on_client_gone, client);
    client->sae = tls_peer_id(client->ssl, client->certificate);
    client->until = tls_peer_until(client->ssl);
    // The trust may have been reloaded since the handshake began.
    client->is_revoked = !listener_trusts(server->listener, client->ssl);
    g_hash_table_insert(server->clients, connection, client);
    evhttp_connection_set_closecb(connection, on_connection_closed, server);
    return client;
}

static void wipe_body(const void *data, size_t n_bytes, void *body)
{
    secret_free(body);
}

// Takes the body over: the buffer refers to it without copying, and frees it when it was written.
static void send_answer(struct evhttp_request *request, Etsi014Answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    if (answer->allow)
        evhttp_add_header(headers, "Allow", answer->allow);
    struct evbuffer *bytes = evbuffer_new();
    if (answer->body) {
        evhttp_add_header(headers, "Content-Type", "application/json");
        Secret *body = g_steal_pointer(&answer->body);
        evbuffer_add_reference(bytes, body->data, body->n_bytes, wipe_body, body);
    }
    http_reply(request, (int)answer->code, NULL, bytes);
    evbuffer_free(bytes);
}

static const char *method_name(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
    case EVHTTP_REQ_PUT:
    case EVHTTP_REQ_DELETE:
    case EVHTTP_REQ_OPTIONS:
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
    case EVHTTP_REQ_PATCH:
        break;
    }
    return "another";
}

static void close_after(struct evhttp_request *request)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
}

static Etsi014Call *parse(const KmeServer *server, struct evhttp_request *request,
                          Etsi014Answer **ret_answer)
{
    const char *expected;
    const char *fault = framing_find_fault(request, &expected);
    if (fault) {
        close_after(request);
        *ret_answer = etsi014_refuse(400, ETSI014_BAD_FORMAT, fault, expected);
        return NULL;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    Etsi014Request plain = {
        .method = method_name(request),
        .path = evhttp_uri_get_path(uri),
        .query = evhttp_uri_get_query(uri),
        .body = evbuffer_pullup(input, -1),
        .n_bytes = evbuffer_get_length(input),
    };
    if (!plain.path)
        plain.path = "";
    return etsi014_parse(&plain, server->limits, ret_answer);
}

static gboolean is_overloaded(const KmeServer *server, const char *sae)
{
    guint n_of_sae = GPOINTER_TO_UINT(g_hash_table_lookup(server->n_open_of, sae));
    return g_hash_table_size(server->open) >= server->settings->max_calls ||
           n_of_sae >= server->settings->max_calls_per_application;
}

static void open_call(Client *client, Etsi014Method method, struct evhttp_request *request)
{
    KmeServer *server = client->server;
    client->call = ++server->last_call;
    client->method = method;
    client->request = request;
    g_hash_table_insert(server->open, &client->call, client);
    add_open_of(server, client->sae, 1);
    // It stays from one call to the next: to watch anew is a system call, and another one to stop.
    if (!event_pending(client->gone, EV_CLOSED, NULL))
        event_add(client->gone, NULL);
}

static void pass_on(const KmeServer *server, const Client *client, const Etsi014Call *call)
{
    KeyCaller caller = {client->sae, client->certificate};
    switch (call->method) {
    case ETSI014_GET_STATUS:
        server->service->status(server->agent, client->call, &caller, call->peer);
        return;
    case ETSI014_GET_KEY: {
        KeyQuery query = {
            .caller = caller,
            .targets = (const char *const *)call->targets,
            .number = call->number,
            .size_bits = call->size_bits,
            .n_paths = call->n_paths,
            .exclude = (const char *const *)call->exclude,
            .request = call->request,
            .session = call->session,
        };
        server->service->get(server->agent, client->call, &query);
        return;
    }
    case ETSI014_GET_KEY_WITH_IDS:
        server->service->get_by_id(server->agent, client->call, &caller, call->peer,
                                   (const char *const *)call->key_ids);
        return;
    }
}

static gboolean may_call(const Client *client)
{
    return client->sae && !client->is_revoked && time(NULL) < client->until;
}

static Etsi014Answer *turn_away(const KmeServer *server, struct evhttp_request *request)
{
    close_after(request);
    return etsi014_answer(ETSI014_GET_STATUS, &(KeyAnswer){.verdict = KEY_VERDICT_UNAUTHORIZED},
                          server->limits);
}

static Etsi014Answer *turn_back(struct evhttp_request *request)
{
    close_after(request);
    return etsi014_refuse(503, ETSI014_SERVER_FAILED, "reason", "too many connections");
}

static void serve(Client *client, struct evhttp_request *request)
{
    KmeServer *server = client->server;
    g_autoptr(Etsi014Answer) refused = NULL;
    g_autoptr(Etsi014Call) call = NULL;
    if (listener_refuses(client->ssl))
        refused = turn_back(request);
    else if (may_call(client))
        call = parse(server, request, &refused);
    else
        refused = turn_away(server, request);
    if (call && is_overloaded(server, client->sae))
        refused = etsi014_refuse(503, ETSI014_SERVER_FAILED, "reason", "too many calls under way");
    if (refused) {
        send_answer(request, refused);
        return;
    }
    open_call(client, call->method, request);
    pass_on(server, client, call);
}

static void on_request(struct evhttp_request *request, void *data)
{
    KmeServer *server = data;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    Client *client = g_hash_table_lookup(server->clients, connection);
    serve(client ? client : client_new(server, connection), request);
}

// By what asked for them, a conversation ends here. Of a key, its ID.
static void log_keys(const Client *client, const GPtrArray *keys)
{
    for (guint i = 0; keys && log_has_debug() && i < keys->len; i++) {
        const DeliveredKey *key = keys->pdata[i];
        log_line(G_LOG_LEVEL_DEBUG, "handed out", "kme", client->server->settings->id,
                 "application", client->sae, "request", key->request, "keys", key->id, NULL);
    }
}

void kme_server_answer(gpointer data, guint64 call, const KeyAnswer *answer)
{
    KmeServer *server = data;
    Client *client = g_hash_table_lookup(server->open, &call);
    if (!client || client->answer)
        return;
    client->answer = etsi014_answer(client->method, answer, server->limits);
    log_keys(client, answer->keys);
    g_array_append_val(server->answered, call);
}

void kme_server_flush(gpointer data)
{
    KmeServer *server = data;
    for (guint i = 0; i < server->answered->len; i++) {
        guint64 call = g_array_index(server->answered, guint64, i);
        Client *client = g_hash_table_lookup(server->open, &call);
        if (!client)
            continue;
        struct evhttp_request *request = client->request;
        g_autoptr(Etsi014Answer) answer = g_steal_pointer(&client->answer);
        close_call(client);
        send_answer(request, answer);
    }
    g_array_set_size(server->answered, 0);
}

guint kme_server_n_open(const KmeServer *server)
{
    return g_hash_table_size(server->open);
}

guint kme_server_n_connections(const KmeServer *server)
{
    return listener_n_connections(server->listener);
}

KmeServer *kme_server_new(struct event_base *base, const KmeSettings *settings,
                          const KeyLimits *limits, const KeyService *service, gpointer agent,
                          GError **error)
{
    g_autoptr(KmeServer) server = g_new0(KmeServer, 1);
    server->settings = settings;
    server->limits = limits;
    server->service = service;
    server->agent = agent;
    server->base = base;
    server->clients = g_hash_table_new_full(NULL, NULL, NULL, client_free);
    server->open = g_hash_table_new(g_int64_hash, g_int64_equal);
    server->n_open_of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    server->answered = g_array_new(FALSE, FALSE, sizeof(guint64));
    server->listener = listener_new(base, settings, on_request, server, error);
    if (!server->listener)
        return NULL;
    return g_steal_pointer(&server);
}

void kme_server_free(KmeServer *server)
{
    if (!server)
        return;
    listener_free(server->listener);
    g_hash_table_unref(server->clients);
    g_hash_table_unref(server->open);
    g_hash_table_unref(server->n_open_of);
    g_array_unref(server->answered);
    g_free(server);
}

guint16 kme_server_port(const KmeServer *server)
{
    return listener_port(server->listener);
}

// Connections outlive the settings under which they were made, but not the trust.
static void check_clients(KmeServer *server)
{
    GHashTableIter iter;
    gpointer client;
    g_hash_table_iter_init(&iter, server->clients);
    while (g_hash_table_iter_next(&iter, NULL, &client)) {
        Client *each = client;
        each->is_revoked = !listener_trusts(server->listener, each->ssl);
    }
}

gboolean kme_server_reload(KmeServer *server, GError **error)
{
    if (!listener_reload(server->listener, error))
        return FALSE;
    check_clients(server);
    return TRUE;
}

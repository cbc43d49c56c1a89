// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/session.h"

#include "topics/mqtt/line.h"
#include "topics/mqtt/pem.h"

#include <openssl/crypto.h>

// Arrivals that one round of the loop takes, so that it also gets to its other work.
#define ROUND_MAX 512

// Publishes that wait; whichever bound is met first.
#define WAITING_MAX       16384
#define WAITING_MAX_BYTES (64 * 1024 * 1024)

// Nothing tells when the kernel's buffers have room again.
static const struct timeval retry_delay = {0, 2000};

struct Session {
    Line *line;
    struct event *wake;
    struct event *retry;
    const SessionListener *listener;
    gpointer listener_data;
    gboolean is_connected;
    GQueue waiting; // Publish, oldest first
    gsize n_waiting_bytes;
    guint64 n_dropped_out;
};

static Publish *publish_copy(const Publish *publish)
{
    Publish *copy = g_new(Publish, 1);
    *copy = (Publish){publish->kind, g_strdup(publish->topic), g_bytes_ref(publish->payload)};
    return copy;
}

static void session_drop_first(Session *session)
{
    Publish *publish = g_queue_pop_head(&session->waiting);
    session->n_waiting_bytes -= g_bytes_get_size(publish->payload);
    g_free((char *)publish->topic);
    g_bytes_unref(publish->payload);
    g_free(publish);
}

static void session_drop_waiting(Session *session)
{
    session->n_dropped_out += session->waiting.length;
    while (!g_queue_is_empty(&session->waiting))
        session_drop_first(session);
}

static void session_pump(Session *session)
{
    Publish *publish;
    while ((publish = g_queue_peek_head(&session->waiting)) && line_send(session->line, publish))
        session_drop_first(session);
    if (publish)
        event_add(session->retry, &retry_delay);
}

// TRUE when there was any.
static gboolean session_follow_news(Session *session)
{
    g_autofree char *cause = NULL;
    LineNews news = line_take_news(session->line, &cause);
    if (news == LINE_NEWS_NONE)
        return FALSE;
    session->is_connected = news == LINE_NEWS_UP;
    if (session->is_connected) {
        session->listener->connected(session->listener_data);
    } else {
        session_drop_waiting(session);
        session->listener->disconnected(session->listener_data, cause);
    }
    return TRUE;
}

static void session_drain(Session *session)
{
    Inbox *inbox = line_inbox(session->line);
    for (guint i = 0; i < ROUND_MAX; i++) {
        g_autofree Arrival *arrival = inbox_take(inbox);
        if (!arrival)
            return;
        session->listener->arrived(session->listener_data, arrival->topic, arrival->payload,
                                   arrival->n_bytes);
    }
    inbox_wake(inbox);
}

// What came before the loss is taken before the news of it, and what came before the news that the
// connection is there, such as retained messages, after it.
static void on_wake(evutil_socket_t fd, short what, void *data)
{
    Session *session = data;
    Inbox *inbox = line_inbox(session->line);
    inbox_clear(inbox);
    if (session->is_connected)
        session_drain(session);
    if (session->is_connected && !inbox_is_empty(inbox))
        return;
    while (session_follow_news(session))
        continue;
    if (!session->is_connected)
        return;
    if (!inbox_is_empty(inbox))
        inbox_wake(inbox);
    session_pump(session);
}

static void on_retry(evutil_socket_t fd, short what, void *data)
{
    Session *session = data;
    if (session->is_connected)
        session_pump(session);
}

static gboolean connection_check(const Connection *connection, const char *id, GError **error)
{
    g_autoptr(X509) ca = pem_load_certificate(connection->ca, error);
    return ca && pem_check_identity(connection->certificate, connection->key, id, error);
}

Session *session_new(struct event_base *base, const Connection *connection,
                     const Identity *identity, const SessionListener *listener, gpointer data,
                     GError **error)
{
    if (!connection_check(connection, identity->id, error))
        return NULL;
    g_autoptr(Line) line = line_new(connection, identity, error);
    if (!line)
        return NULL;
    Session *session = g_new0(Session, 1);
    session->line = g_steal_pointer(&line);
    session->listener = listener;
    session->listener_data = data;
    g_queue_init(&session->waiting);
    session->wake = event_new(base, inbox_fd(line_inbox(session->line)), EV_READ | EV_PERSIST,
                              on_wake, session);
    session->retry = evtimer_new(base, on_retry, session);
    event_add(session->wake, NULL);
    return session;
}

void session_free(Session *session)
{
    if (!session)
        return;
    event_free(session->wake);
    event_free(session->retry);
    session_drop_waiting(session);
    line_close(session->line);
    g_free(session);
}

gboolean session_is_connected(const Session *session)
{
    return session->is_connected;
}

static gboolean session_enqueue(Session *session, const Publish *publish)
{
    gsize n_bytes = g_bytes_get_size(publish->payload);
    if (session->waiting.length >= WAITING_MAX ||
        session->n_waiting_bytes + n_bytes > WAITING_MAX_BYTES)
        return FALSE;
    session->n_waiting_bytes += n_bytes;
    g_queue_push_tail(&session->waiting, publish_copy(publish));
    event_add(session->retry, &retry_delay);
    return TRUE;
}

void session_publish(Session *session, const Publish *publish)
{
    gboolean is_first = g_queue_is_empty(&session->waiting);
    if (session->is_connected &&
        ((is_first && line_send(session->line, publish)) || session_enqueue(session, publish)))
        return;
    session->n_dropped_out++;
}

guint64 session_n_dropped_out(const Session *session)
{
    return session->n_dropped_out;
}

guint64 session_n_dropped_in(const Session *session)
{
    return inbox_n_dropped(line_inbox(session->line));
}

void session_prepare_process(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_unsetenv(names[i]);
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

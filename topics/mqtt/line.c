// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/line.h"

#include "topics/mqtt/client.h"

#include <pthread.h>
#include <signal.h>

// An acknowledgement means neither handled nor durable, so the window only has to be wide enough to
// keep the line busy.
#define WINDOW (CLIENT_UNACKNOWLEDGED_MAX / 2)

#define CLOSE_TIMEOUT_US G_TIME_SPAN_SECOND

#define BACK_OFF_MIN_US (100 * G_TIME_SPAN_MILLISECOND)
#define BACK_OFF_MAX_US (5 * G_TIME_SPAN_SECOND)

typedef enum {
    LINE_STATE_DIALLING, // the client is the line's own thread's
    LINE_STATE_READY,    // connected, the loop thread does not know yet
    LINE_STATE_UP,       // the client is the loop thread's
    LINE_STATE_LOST,     // not connected any more, the loop thread does not know yet
    LINE_STATE_CLOSING,
} LineState;

struct Line {
    pthread_t thread;
    gint n_owners; // the session and the line's own thread
    Inbox *inbox;
    Client *client;
    gint64 back_off_us; // the own thread's
    // POSIX, because the thread sanitizer does not see through GLib's; for all that follows.
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    LineState state;
    gboolean is_gone;       // the own thread has ended, and the client with it
    gboolean is_alive;      // no loss was reported since dialling
    char *cause;            // of the last loss or failure, until the loop thread takes it
    guint n_unacknowledged; // publishes of QoS 1
    gboolean is_window_awaited;
    Publish large; // for the own thread; no topic: none
};

static void publish_clear(Publish *publish)
{
    g_free((char *)publish->topic);
    g_clear_pointer(&publish->payload, g_bytes_unref);
    *publish = (Publish){0};
}

static void line_unref(Line *line)
{
    if (!g_atomic_int_dec_and_test(&line->n_owners))
        return;
    pthread_cond_destroy(&line->changed);
    pthread_mutex_destroy(&line->mutex);
    inbox_free(line->inbox);
    publish_clear(&line->large);
    g_free(line->cause);
    g_free(line);
}

static void on_arrived(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    Line *line = data;
    inbox_put(line->inbox, topic, payload, n_bytes);
}

static void on_acknowledged(gpointer data)
{
    Line *line = data;
    pthread_mutex_lock(&line->mutex);
    if (line->n_unacknowledged > 0)
        line->n_unacknowledged--;
    gboolean is_awaited = line->is_window_awaited;
    line->is_window_awaited = FALSE;
    pthread_mutex_unlock(&line->mutex);
    if (is_awaited)
        inbox_wake(line->inbox);
}

// Any thread. The first report about a connection counts.
static void on_lost(gpointer data, const char *cause)
{
    Line *line = data;
    pthread_mutex_lock(&line->mutex);
    if (line->is_alive) {
        g_free(line->cause);
        line->cause = g_strdup(cause);
        if (line->state == LINE_STATE_READY || line->state == LINE_STATE_UP)
            line->state = LINE_STATE_LOST;
    }
    line->is_alive = FALSE;
    pthread_mutex_unlock(&line->mutex);
    inbox_wake(line->inbox);
}

static void line_publish(Line *line, const Publish *publish)
{
    pthread_mutex_lock(&line->mutex);
    line->n_unacknowledged += kind_get(publish->kind)->qos > 0;
    pthread_mutex_unlock(&line->mutex);
    if (!client_publish(line->client, publish))
        on_lost(line, "the connection takes no publishes");
}

// Gives the client to the loop thread, or tells it why not.
static void line_dial(Line *line)
{
    pthread_mutex_lock(&line->mutex);
    line->is_alive = TRUE;
    line->n_unacknowledged = 0;
    // It was for the connection before, as everything that waited.
    publish_clear(&line->large);
    pthread_mutex_unlock(&line->mutex);
    char *failure = client_connect(line->client);
    pthread_mutex_lock(&line->mutex);
    if (failure) {
        line->is_alive = FALSE;
        g_free(line->cause);
        line->cause = failure;
    }
    if (line->is_alive && line->state == LINE_STATE_DIALLING)
        line->state = LINE_STATE_READY;
    pthread_mutex_unlock(&line->mutex);
    inbox_wake(line->inbox);
}

// Called and left with the mutex locked.
static void line_publish_large(Line *line)
{
    Publish large = line->large;
    pthread_mutex_unlock(&line->mutex);
    line_publish(line, &large);
    pthread_mutex_lock(&line->mutex);
    publish_clear(&line->large);
    inbox_wake(line->inbox);
}

// Until the client is this thread's again. A connection that did not last counts as a failure, or
// two members that were given the same ID would throw each other out without a pause.
static void line_serve(Line *line)
{
    gint64 since_us = g_get_monotonic_time();
    pthread_mutex_lock(&line->mutex);
    while (line->state != LINE_STATE_DIALLING && line->state != LINE_STATE_CLOSING) {
        if (line->large.topic)
            line_publish_large(line);
        else
            pthread_cond_wait(&line->changed, &line->mutex);
    }
    pthread_mutex_unlock(&line->mutex);
    gboolean has_lasted = g_get_monotonic_time() - since_us > BACK_OFF_MAX_US;
    gint64 next_us = has_lasted ? 0 : line->back_off_us * 2;
    line->back_off_us = CLAMP(next_us, BACK_OFF_MIN_US, BACK_OFF_MAX_US);
}

static struct timespec after_us(gint64 delay_us)
{
    gint64 then_us = g_get_monotonic_time() + delay_us;
    return (struct timespec){then_us / G_USEC_PER_SEC, then_us % G_USEC_PER_SEC * 1000};
}

// FALSE when the line is to be closed. Jitter keeps the members of a restarted broker apart.
static gboolean line_back_off(Line *line)
{
    struct timespec until = after_us((gint64)(line->back_off_us * g_random_double_range(0.5, 1)));
    pthread_mutex_lock(&line->mutex);
    while (line->state != LINE_STATE_CLOSING &&
           pthread_cond_timedwait(&line->changed, &line->mutex, &until) == 0)
        continue;
    gboolean goes_on = line->state != LINE_STATE_CLOSING;
    pthread_mutex_unlock(&line->mutex);
    return goes_on;
}

static void *line_main(void *data)
{
    Line *line = data;
    while (line_back_off(line)) {
        line_dial(line);
        line_serve(line);
    }
    client_free(line->client);
    pthread_mutex_lock(&line->mutex);
    line->is_gone = TRUE;
    pthread_cond_broadcast(&line->changed);
    pthread_mutex_unlock(&line->mutex);
    line_unref(line);
    return NULL;
}

// Signals are for the loop thread; Paho's threads inherit the mask.
static void line_start(Line *line)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&line->thread, NULL, line_main, line) != 0)
        g_error("no thread left for the bus");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

Line *line_new(const Connection *connection, const Identity *identity, GError **error)
{
    static const ClientListener listener = {on_arrived, on_acknowledged, on_lost};
    Line *line = g_new0(Line, 1);
    line->client = client_new(connection, identity, &listener, line, error);
    if (!line->client) {
        g_free(line);
        return NULL;
    }
    line->n_owners = 2;
    line->inbox = inbox_new();
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&line->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&line->mutex, NULL);
    line_start(line);
    return line;
}

void line_close(Line *line)
{
    if (!line)
        return;
    struct timespec until = after_us(CLOSE_TIMEOUT_US);
    pthread_mutex_lock(&line->mutex);
    line->state = LINE_STATE_CLOSING;
    pthread_cond_broadcast(&line->changed);
    while (!line->is_gone && pthread_cond_timedwait(&line->changed, &line->mutex, &until) == 0)
        continue;
    gboolean is_gone = line->is_gone;
    pthread_mutex_unlock(&line->mutex);
    // The process may end next: what the libraries keep for the thread must be gone by then.
    if (is_gone)
        pthread_join(line->thread, NULL);
    else
        pthread_detach(line->thread);
    line_unref(line);
}

Inbox *line_inbox(Line *line)
{
    return line->inbox;
}

LineNews line_take_news(Line *line, char **ret_cause)
{
    LineNews news = LINE_NEWS_NONE;
    pthread_mutex_lock(&line->mutex);
    if (line->cause) {
        news = LINE_NEWS_DOWN;
        *ret_cause = g_steal_pointer(&line->cause);
        if (line->state == LINE_STATE_LOST)
            line->state = LINE_STATE_DIALLING;
        pthread_cond_broadcast(&line->changed);
    } else if (line->state == LINE_STATE_READY) {
        news = LINE_NEWS_UP;
        line->state = LINE_STATE_UP;
    }
    pthread_mutex_unlock(&line->mutex);
    return news;
}

// Has the own thread publish a copy of what would block.
static gboolean line_send_large(Line *line, const Publish *publish)
{
    gsize n_bytes = 0;
    gconstpointer payload = g_bytes_get_data(publish->payload, &n_bytes);
    pthread_mutex_lock(&line->mutex);
    line->large = (Publish){publish->kind, g_strdup(publish->topic), g_bytes_new(payload, n_bytes)};
    pthread_cond_broadcast(&line->changed);
    pthread_mutex_unlock(&line->mutex);
    return TRUE;
}

gboolean line_send(Line *line, const Publish *publish)
{
    pthread_mutex_lock(&line->mutex);
    gboolean is_busy = line->large.topic != NULL;
    gboolean is_acknowledged = kind_get(publish->kind)->qos > 0;
    gboolean is_window_full = is_acknowledged && line->n_unacknowledged >= WINDOW;
    line->is_window_awaited = is_window_full;
    pthread_mutex_unlock(&line->mutex);
    if (is_busy || is_window_full)
        return FALSE;
    PeerRoom room = client_room(line->client, g_bytes_get_size(publish->payload));
    if (room == PEER_ROOM_NEVER)
        return line_send_large(line, publish);
    if (room == PEER_ROOM_NOW)
        line_publish(line, publish);
    return room == PEER_ROOM_NOW;
}

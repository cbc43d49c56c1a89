// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/inbox.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Arrivals that wait for the loop; whichever bound is met first.
#define WAITING_MAX       65536
#define WAITING_MAX_BYTES (64 * 1024 * 1024)

// POSIX mutexes, not GLib's, because the thread sanitizer sees through them.
struct Inbox {
    int fd;
    pthread_mutex_t mutex;
    gboolean is_woken; // spares a system call per arrival while the loop is busy
    Arrival *first;
    Arrival **last;
    gsize n_waiting;
    gsize n_waiting_bytes;
    guint64 n_dropped;
};

Inbox *inbox_new(void)
{
    Inbox *inbox = g_new0(Inbox, 1);
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox->fd < 0)
        g_error("no descriptor left for the bus");
    pthread_mutex_init(&inbox->mutex, NULL);
    inbox->last = &inbox->first;
    return inbox;
}

void inbox_free(Inbox *inbox)
{
    if (!inbox)
        return;
    for (Arrival *arrival = inbox->first, *next; arrival; arrival = next) {
        next = arrival->next;
        g_free(arrival);
    }
    pthread_mutex_destroy(&inbox->mutex);
    close(inbox->fd);
    g_free(inbox);
}

int inbox_fd(const Inbox *inbox)
{
    return inbox->fd;
}

void inbox_wake(Inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    gboolean was_woken = inbox->is_woken;
    inbox->is_woken = TRUE;
    pthread_mutex_unlock(&inbox->mutex);
    if (!was_woken)
        eventfd_write(inbox->fd, 1);
}

void inbox_clear(Inbox *inbox)
{
    eventfd_t ignored;
    pthread_mutex_lock(&inbox->mutex);
    inbox->is_woken = FALSE;
    eventfd_read(inbox->fd, &ignored);
    pthread_mutex_unlock(&inbox->mutex);
}

static Arrival *arrival_new(const char *topic, const guint8 *payload, gsize n_bytes)
{
    gsize n_topic_bytes = strlen(topic) + 1;
    Arrival *arrival = g_malloc(sizeof *arrival + n_topic_bytes + n_bytes);
    guint8 *copy = (guint8 *)arrival->topic + n_topic_bytes;
    memcpy(arrival->topic, topic, n_topic_bytes);
    if (n_bytes > 0)
        memcpy(copy, payload, n_bytes);
    arrival->next = NULL;
    arrival->n_bytes = n_bytes;
    arrival->payload = copy;
    return arrival;
}

void inbox_put(Inbox *inbox, const char *topic, const guint8 *payload, gsize n_bytes)
{
    g_autofree Arrival *arrival = arrival_new(topic, payload, n_bytes);
    pthread_mutex_lock(&inbox->mutex);
    if (inbox->n_waiting >= WAITING_MAX || inbox->n_waiting_bytes + n_bytes > WAITING_MAX_BYTES) {
        inbox->n_dropped++;
    } else {
        inbox->n_waiting++;
        inbox->n_waiting_bytes += n_bytes;
        *inbox->last = arrival;
        inbox->last = &arrival->next;
        arrival = NULL;
    }
    pthread_mutex_unlock(&inbox->mutex);
    inbox_wake(inbox);
}

Arrival *inbox_take(Inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    Arrival *arrival = inbox->first;
    if (arrival) {
        inbox->first = arrival->next;
        if (!inbox->first)
            inbox->last = &inbox->first;
        inbox->n_waiting--;
        inbox->n_waiting_bytes -= arrival->n_bytes;
    }
    pthread_mutex_unlock(&inbox->mutex);
    return arrival;
}

gboolean inbox_is_empty(Inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    gboolean is_empty = inbox->n_waiting == 0;
    pthread_mutex_unlock(&inbox->mutex);
    return is_empty;
}

guint64 inbox_n_dropped(Inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    guint64 n_dropped = inbox->n_dropped;
    pthread_mutex_unlock(&inbox->mutex);
    return n_dropped;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/monitor.h"

#include "tools/qkdnf/gaps.h"

#include <signal.h>

static const struct timeval tick_interval = {0, 50000};

// What is missing is told this often, and only when it is still missing then.
#define GAPS_US G_TIME_SPAN_SECOND

typedef struct {
    struct event_base *base;
    const MonitorOps *ops;
    gpointer data;
    gint64 connected_at_us; // 0: never
    char *failure;
    Session *session;
    Gaps *gaps;
    gint64 looked_at_us; // at the gaps
    guint64 n_missing;   // as it was then
    guint64 n_told;
} Monitor;

static void monitor_tell(const Monitor *monitor, const char *cause)
{
    if (monitor->ops->lost)
        monitor->ops->lost(monitor->data, cause);
    else if (cause)
        g_printerr("the bus is lost: %s; trying again\n", cause);
    else
        g_printerr("the bus is there again\n");
}

static void monitor_connected(gpointer data)
{
    Monitor *monitor = data;
    if (monitor->connected_at_us == 0)
        monitor->connected_at_us = g_get_monotonic_time();
    else
        monitor_tell(monitor, NULL);
}

static void monitor_disconnected(gpointer data, const char *cause)
{
    Monitor *monitor = data;
    if (monitor->connected_at_us > 0) {
        monitor_tell(monitor, cause);
        return;
    }
    g_free(monitor->failure);
    monitor->failure = g_strdup(cause);
    event_base_loopbreak(monitor->base);
}

static void monitor_arrived(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    Monitor *monitor = data;
    gaps_take(monitor->gaps, topic, payload, n_bytes);
    if (!event_base_got_break(monitor->base) &&
        !monitor->ops->arrived(monitor->data, topic, payload, n_bytes))
        event_base_loopbreak(monitor->base);
}

static void tell_missing(Monitor *monitor, guint64 n_frames)
{
    if (n_frames <= monitor->n_told)
        return;
    monitor->n_told = n_frames;
    if (monitor->ops->missed)
        monitor->ops->missed(monitor->data, n_frames);
    else
        g_printerr("sampled: %" G_GUINT64_FORMAT
                   " frames did not arrive so far: more was said than "
                   "is read here, or they were dropped on the way\n",
                   n_frames);
}

static void look_at_gaps(Monitor *monitor, gint64 now_us)
{
    if (!monitor->session || now_us - monitor->looked_at_us < GAPS_US)
        return;
    // What was dropped here is not in the gaps before more has come.
    guint64 n_missing = MAX(gaps_n_missing(monitor->gaps), session_n_dropped_in(monitor->session));
    tell_missing(monitor, MIN(n_missing, monitor->n_missing));
    monitor->n_missing = n_missing;
    monitor->looked_at_us = now_us;
}

static void on_tick(evutil_socket_t fd, short what, void *data)
{
    Monitor *monitor = data;
    look_at_gaps(monitor, g_get_monotonic_time());
    if (monitor->connected_at_us == 0 || !monitor->ops->tick)
        return;
    gint64 connected_us = g_get_monotonic_time() - monitor->connected_at_us;
    if (!monitor->ops->tick(monitor->data, connected_us / G_TIME_SPAN_MILLISECOND))
        event_base_loopbreak(monitor->base);
}

static void on_signal(evutil_socket_t number, short what, void *data)
{
    event_base_loopbreak(data);
}

static void watch(Monitor *monitor, Session *session)
{
    struct event *tick = event_new(monitor->base, -1, EV_PERSIST, on_tick, monitor);
    struct event *interrupt = evsignal_new(monitor->base, SIGINT, on_signal, monitor->base);
    struct event *terminate = evsignal_new(monitor->base, SIGTERM, on_signal, monitor->base);
    event_add(tick, &tick_interval);
    event_add(interrupt, NULL);
    event_add(terminate, NULL);
    event_base_dispatch(monitor->base);
    event_free(tick);
    event_free(interrupt);
    event_free(terminate);
}

gboolean monitor_run(Access *access, const MonitorOps *ops, gpointer data, GError **error)
{
    static const SessionListener listener = {monitor_connected, monitor_disconnected,
                                             monitor_arrived};
    if (!access_resolve(access, ACCESS_MONITORS, error))
        return FALSE;
    signal(SIGPIPE, SIG_IGN);
    Monitor monitor = {.base = event_base_new(), .ops = ops, .data = data, .gaps = gaps_new()};
    Session *session =
        session_new(monitor.base, &access->connection,
                    &(Identity){access->id, ROLE_MONITOR, 1, NULL}, &listener, &monitor, error);
    monitor.session = session;
    if (session)
        watch(&monitor, session);
    if (monitor.failure)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s cannot be reached: %s",
                    access->connection.url, monitor.failure);
    gboolean done = session && !monitor.failure;
    session_free(session);
    gaps_free(monitor.gaps);
    event_base_free(monitor.base);
    g_free(monitor.failure);
    return done;
}

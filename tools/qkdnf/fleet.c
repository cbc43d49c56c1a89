// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/fleet.h"

#include <signal.h>

#define FIRST_DELAY_MS 100
#define MAX_DELAY_MS   10000
// A program that was ready for this long starts with the first delay again. What cannot work ends
// sooner, most of it before it is ready.
#define STEADY_US (2 * G_USEC_PER_SEC)

typedef enum {
    FLEET_STARTING,
    FLEET_RUNNING,
    FLEET_STOPPING,
} FleetState;

typedef struct {
    Fleet *fleet;
    Child *child;
    guint phase;
    guint delay_ms;
    gint64 ready_us; // monotonic; 0: not since it was started
    struct event *restart;
} Ship;

struct Fleet {
    struct event_base *base;
    const FleetListener *listener;
    gpointer data;
    GPtrArray *ships;
    FleetState state;
    guint phase; // that is being started or ended
    char *failure;
    struct event *ended; // SIGCHLD
};

static void begin_phase(Fleet *fleet);
static void end_phase(Fleet *fleet);

static void tell(Fleet *fleet, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void tell(Fleet *fleet, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    fleet->listener->told(fleet->data, text);
}

static void ship_free(gpointer data)
{
    Ship *ship = data;
    event_free(ship->restart);
    child_free(ship->child);
    g_free(ship);
}

static void on_sigchld(evutil_socket_t fd, short what, void *data)
{
    Fleet *fleet = data;
    for (guint i = 0; i < fleet->ships->len; i++)
        child_reap(((Ship *)fleet->ships->pdata[i])->child);
}

Fleet *fleet_new(struct event_base *base, const FleetListener *listener, gpointer data)
{
    Fleet *fleet = g_new0(Fleet, 1);
    fleet->base = base;
    fleet->listener = listener;
    fleet->data = data;
    fleet->ships = g_ptr_array_new_with_free_func(ship_free);
    fleet->ended = evsignal_new(base, SIGCHLD, on_sigchld, fleet);
    evsignal_add(fleet->ended, NULL);
    return fleet;
}

void fleet_free(Fleet *fleet)
{
    if (!fleet)
        return;
    event_free(fleet->ended);
    g_ptr_array_unref(fleet->ships);
    g_free(fleet->failure);
    g_free(fleet);
}

static void start_ship(Ship *ship)
{
    g_autoptr(GError) error = NULL;
    ship->ready_us = 0;
    if (child_start(ship->child, &error))
        return;
    tell(ship->fleet, "%s", error->message);
    if (ship->fleet->state == FLEET_RUNNING) {
        struct timeval tv = {.tv_sec = MAX_DELAY_MS / 1000};
        evtimer_add(ship->restart, &tv);
    } else if (!ship->fleet->failure) {
        ship->fleet->failure = g_strdup(error->message);
    }
}

static void on_restart(evutil_socket_t fd, short what, void *data)
{
    Ship *ship = data;
    if (ship->fleet->state == FLEET_RUNNING)
        start_ship(ship);
}

// Whether all programs of the phase are there, or all are gone.
static gboolean phase_is(const Fleet *fleet, gboolean ready)
{
    for (guint i = 0; i < fleet->ships->len; i++) {
        const Ship *ship = fleet->ships->pdata[i];
        if (ship->phase != fleet->phase)
            continue;
        if (ready ? !child_is_ready(ship->child) : child_pid(ship->child) != 0)
            return FALSE;
    }
    return TRUE;
}

static guint last_phase(const Fleet *fleet)
{
    guint last = 0;
    for (guint i = 0; i < fleet->ships->len; i++)
        last = MAX(last, ((const Ship *)fleet->ships->pdata[i])->phase);
    return last;
}

static void on_ready(gpointer data, Child *child)
{
    Ship *ship = data;
    Fleet *fleet = ship->fleet;
    ship->ready_us = g_get_monotonic_time();
    tell(fleet, "%s is ready (pid %d)", child_id(child), (int)child_pid(child));
    if (fleet->state == FLEET_RUNNING)
        fleet->listener->changed(fleet->data);
    if (fleet->state != FLEET_STARTING || !phase_is(fleet, TRUE))
        return;
    if (fleet->phase < last_phase(fleet)) {
        fleet->phase++;
        begin_phase(fleet);
    } else {
        fleet->state = FLEET_RUNNING;
        fleet->listener->ready(fleet->data);
    }
}

static void begin_again(Ship *ship, const char *how)
{
    gboolean was_steady = ship->ready_us && g_get_monotonic_time() - ship->ready_us >= STEADY_US;
    if (was_steady || ship->delay_ms == 0)
        ship->delay_ms = FIRST_DELAY_MS;
    tell(ship->fleet, "%s %s; starting it again in %.1f s, see %s", child_id(ship->child), how,
         ship->delay_ms / 1000.0, child_log(ship->child));
    struct timeval tv = {ship->delay_ms / 1000, (ship->delay_ms % 1000) * 1000};
    evtimer_add(ship->restart, &tv);
    ship->delay_ms = MIN(ship->delay_ms * 2, MAX_DELAY_MS);
}

static void fail(Ship *ship, const char *how)
{
    g_autofree char *tail = child_log_tail(ship->child);
    ship->fleet->failure = g_strdup_printf("%s %s; the end of %s:\n%s", child_id(ship->child), how,
                                           child_log(ship->child), *tail ? tail : "    (empty)");
    fleet_stop(ship->fleet);
}

static void on_ended(gpointer data, Child *child, const char *how)
{
    Ship *ship = data;
    switch (ship->fleet->state) {
    case FLEET_STARTING:
        fail(ship, how);
        break;
    case FLEET_RUNNING:
        begin_again(ship, how);
        break;
    case FLEET_STOPPING:
        tell(ship->fleet, "%s %s", child_id(child), how);
        if (phase_is(ship->fleet, FALSE))
            end_phase(ship->fleet);
        break;
    }
}

static const ChildListener child_listener = {.ready = on_ready, .ended = on_ended};

void fleet_add(Fleet *fleet, guint phase, const ChildSpec *spec)
{
    Ship *ship = g_new0(Ship, 1);
    ship->fleet = fleet;
    ship->phase = phase;
    ship->child = child_new(fleet->base, spec, &child_listener, ship);
    ship->restart = evtimer_new(fleet->base, on_restart, ship);
    g_ptr_array_add(fleet->ships, ship);
}

static void begin_phase(Fleet *fleet)
{
    for (guint i = 0; i < fleet->ships->len && !fleet->failure; i++) {
        Ship *ship = fleet->ships->pdata[i];
        if (ship->phase == fleet->phase)
            start_ship(ship);
    }
    if (fleet->failure)
        fleet_stop(fleet);
}

void fleet_start(Fleet *fleet)
{
    fleet->state = FLEET_STARTING;
    begin_phase(fleet);
}

// Ends what runs of this phase, or goes on to the one before it.
static void end_phase(Fleet *fleet)
{
    while (phase_is(fleet, FALSE)) {
        if (fleet->phase == 0) {
            fleet->listener->stopped(fleet->data, fleet->failure);
            return;
        }
        fleet->phase--;
    }
    for (guint i = 0; i < fleet->ships->len; i++) {
        const Ship *ship = fleet->ships->pdata[i];
        if (ship->phase == fleet->phase)
            child_stop(ship->child);
    }
}

void fleet_stop(Fleet *fleet)
{
    if (fleet->state == FLEET_STOPPING)
        return;
    fleet->state = FLEET_STOPPING;
    end_phase(fleet);
}

pid_t fleet_pid(const Fleet *fleet, const char *id)
{
    for (guint i = 0; i < fleet->ships->len; i++) {
        const Ship *ship = fleet->ships->pdata[i];
        if (g_str_equal(child_id(ship->child), id))
            return child_pid(ship->child);
    }
    return 0;
}

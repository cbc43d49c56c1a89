// SPDX-License-Identifier: Apache-2.0

#include "topics/base/timers.h"

#include <string.h>

typedef struct {
    guint what;
    char *id;
    gint64 at_us;
    guint64 serial; // of arming
} Timer;

struct Timers {
    GHashTable *by_name; // Timer as its own key
    GTree *by_time;      // the same
    guint64 serial;
};

static guint timer_hash(gconstpointer key)
{
    const Timer *timer = key;
    return g_str_hash(timer->id) + timer->what;
}

static gboolean timer_equal(gconstpointer a, gconstpointer b)
{
    const Timer *x = a, *y = b;
    return x->what == y->what && strcmp(x->id, y->id) == 0;
}

static int timer_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    const Timer *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void timer_free(gpointer data)
{
    Timer *timer = data;
    g_free(timer->id);
    g_free(timer);
}

Timers *timers_new(void)
{
    Timers *timers = g_new0(Timers, 1);
    timers->by_name = g_hash_table_new_full(timer_hash, timer_equal, timer_free, NULL);
    timers->by_time = g_tree_new_full(timer_compare, NULL, NULL, NULL);
    return timers;
}

void timers_free(Timers *timers)
{
    if (!timers)
        return;
    g_tree_unref(timers->by_time);
    g_hash_table_unref(timers->by_name);
    g_free(timers);
}

static void timer_remove(Timers *timers, Timer *timer)
{
    g_tree_remove(timers->by_time, timer);
    g_hash_table_remove(timers->by_name, timer);
}

void timers_disarm(Timers *timers, guint what, const char *id)
{
    Timer probe = {.what = what, .id = (char *)id};
    Timer *timer = g_hash_table_lookup(timers->by_name, &probe);
    if (timer)
        timer_remove(timers, timer);
}

void timers_arm(Timers *timers, guint what, const char *id, gint64 at_us)
{
    timers_disarm(timers, what, id);
    Timer *timer = g_new(Timer, 1);
    *timer = (Timer){what, g_strdup(id), at_us, timers->serial++};
    g_hash_table_add(timers->by_name, timer);
    g_tree_insert(timers->by_time, timer, timer);
}

void timers_arm_loosely(Timers *timers, guint what, const char *id, gint64 at_us)
{
    gint64 over_us = at_us % TIMERS_SLACK_US;
    if (over_us > 0 && at_us < TIMERS_NEVER - TIMERS_SLACK_US)
        at_us += TIMERS_SLACK_US - over_us;
    timers_arm(timers, what, id, at_us);
}

void timers_arm_repeat(Timers *timers, guint what, const char *id, gint64 now_us, gint64 *pause_us,
                       gint64 max_us)
{
    timers_arm(timers, what, id, now_us + *pause_us);
    *pause_us = MIN(2 * *pause_us, max_us);
}

static Timer *timers_first(const Timers *timers)
{
    GTreeNode *node = g_tree_node_first(timers->by_time);
    return node ? g_tree_node_value(node) : NULL;
}

gboolean timers_pop(Timers *timers, gint64 now_us, guint *ret_what, char **ret_id)
{
    Timer *timer = timers_first(timers);
    if (!timer || timer->at_us > now_us)
        return FALSE;
    *ret_what = timer->what;
    *ret_id = g_strdup(timer->id);
    timer_remove(timers, timer);
    return TRUE;
}

gint64 timers_next(const Timers *timers)
{
    const Timer *timer = timers_first(timers);
    return timer ? timer->at_us : TIMERS_NEVER;
}

// SPDX-License-Identifier: Apache-2.0
//
// What a daemon gives its core: time, and random bytes; and the loop that it runs on.

#include "topics/mqtt/daemon.h"

#include <event2/event.h>
#include <openssl/rand.h>

gint64 daemon_now_us(void)
{
    // Follows the wall clock, but where it is set back goes on at the pace of the monotonic one.
    static gint64 offset_us = G_MININT64;
    gint64 monotonic_us = g_get_monotonic_time();
    gint64 wall_offset_us = g_get_real_time() - monotonic_us;
    gint64 known_us = __atomic_load_n(&offset_us, __ATOMIC_RELAXED);
    while (known_us < wall_offset_us &&
           !__atomic_compare_exchange_n(&offset_us, &known_us, wall_offset_us, FALSE,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    return monotonic_us + MAX(known_us, wall_offset_us);
}

static void fill_random(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    if (n_bytes > G_MAXINT || RAND_bytes(ret_bytes, (int)n_bytes) != 1)
        g_error("no random bytes");
}

const Random *daemon_random(void)
{
    static const Random random = {.fill = fill_random};
    return &random;
}

struct event_base *daemon_base_new(void)
{
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        g_error("no event loop");
    return base;
}

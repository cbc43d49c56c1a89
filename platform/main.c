// SPDX-License-Identifier: Apache-2.0
//
// qkdnf-platform: the federation core as a daemon.

#include "platform/federation.h"
#include "platform/settings.h"
#include "topics/base/store-sqlite.h"
#include "topics/mqtt/daemon.h"
#include "topics/mqtt/options.h"

#include <stdio.h>

static Refusal receive(gpointer core, const char *topic, const guint8 *payload, gsize n_bytes,
                       gint64 now_us)
{
    return federation_receive(core, topic, payload, n_bytes, now_us);
}

static gint64 tick(gpointer core, gint64 now_us)
{
    return federation_tick(core, now_us);
}

static void connected(gpointer core, gint64 now_us)
{
    federation_connected(core, now_us);
}

static Outbox *outbox(gpointer core)
{
    return federation_outbox(core);
}

static gboolean run(const PlatformSettings *settings, GError **error)
{
    static const DaemonCore ops = {receive, tick, connected, outbox, NULL};
    const char *id = settings->federation.id;
    g_autofree char *owner = g_strconcat("platform ", id, NULL);
    g_autoptr(Store) store = store_open_sqlite(settings->daemon.store, owner, error);
    if (!store)
        return FALSE;
    g_autoptr(Federation) federation =
        federation_new(&settings->federation, store, daemon_random(), daemon_now_us(), error);
    if (!federation)
        return FALSE;
    struct event_base *base = event_base_new();
    DaemonSetup setup = {
        .id = id,
        .role = ROLE_PLATFORM,
        .connection = &settings->daemon.broker,
        .core_ops = &ops,
        .core = federation,
        .store = store,
        .base = base,
    };
    gboolean ok = daemon_run(&setup, error);
    event_base_free(base);
    return ok;
}

int main(int argc, char **argv)
{
    g_set_prgname("qkdnf-platform");
    DaemonOptions options = daemon_options_parse(argc, argv, "The platform of a QKDN federation");
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_load(&platform_settings_table, options.config);
    if (settings_root(settings))
        platform_settings_check(settings_root(settings), settings);
    if (!settings_finish(settings, &error))
        return daemon_fail(2, error);
    if (options.check_only)
        return printf("%s: valid\n", options.config) < 0;
    daemon_init("qkdnf-platform");
    return run(settings_root(settings), &error) ? 0 : daemon_fail(1, error);
}

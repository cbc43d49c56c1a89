// SPDX-License-Identifier: Apache-2.0
//
// qkdnf-platform: the federation core as a daemon.

#include "platform/federation.h"
#include "platform/settings.h"
#include "topics/mqtt/daemon.h"
#include "topics/mqtt/options.h"

#include <stdio.h>

static gboolean run(const PlatformSettings *settings, GError **error)
{
    const char *id = settings->federation.id;
    g_autofree char *owner = g_strconcat("platform ", id, NULL);
    g_autoptr(Store) store = daemon_open_store(&settings->daemon, owner, error);
    if (!store)
        return FALSE;
    g_autoptr(Federation) federation =
        federation_new(&settings->federation, store, daemon_random(), daemon_now_us(), error);
    if (!federation) {
        g_prefix_error(error, "cannot load %s: ", settings->daemon.store);
        return FALSE;
    }
    struct event_base *base = daemon_base_new();
    DaemonSetup setup = {
        .id = id,
        .role = ROLE_PLATFORM,
        .connection = &settings->daemon.broker,
        .pre_shared = settings->daemon.pre_shared,
        .core_ops = &federation_ops,
        .core = federation,
        .store = store,
        .metrics = &settings->daemon.metrics,
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
    daemon_init("qkdnf-platform");
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_load(&platform_settings_table, options.config);
    if (settings_root(settings))
        platform_settings_check(settings_root(settings), settings);
    if (!settings_finish(settings, &error))
        return daemon_fail(2, error);
    if (options.check_only)
        return printf("%s: valid\n", options.config) < 0;
    return run(settings_root(settings), &error) ? 0 : daemon_fail(1, error);
}

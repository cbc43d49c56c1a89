// SPDX-License-Identifier: Apache-2.0
//
// qkdnf-agent: one provider's part in the federation, as a daemon.

#include "agents/host.h"
#include "topics/mqtt/daemon.h"
#include "topics/mqtt/options.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    g_set_prgname("qkdnf-agent");
    DaemonOptions options =
        daemon_options_parse(argc, argv, "The agent of one provider in a QKDN federation");
    daemon_init("qkdnf-agent");
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_load(&agent_settings_table, options.config);
    if (settings_root(settings))
        agent_settings_check(settings_root(settings), settings);
    if (!settings_finish(settings, &error))
        return daemon_fail(2, error);
    if (options.check_only)
        return printf("%s: valid\n", options.config) < 0;
    return host_run(settings_root(settings), options.config, &error) ? 0 : daemon_fail(1, error);
}

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An agent core in its shell: store, driver, KME server and bus session around it.

#include "agents/settings.h"

// Runs until it is told to stop (TRUE), or until something fails for good. `path` is the file that
// the settings were read from: on SIGHUP the provider's policy is read again from there.
gboolean host_run(AgentSettings *settings, const char *path, GError **error);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An agent core in its shell: store, driver, KME server and bus session around it.

#include "agents/settings.h"

// Runs until it is told to stop (TRUE), or until something fails for good.
gboolean host_run(AgentSettings *settings, GError **error);

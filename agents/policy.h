#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a provider may change of its agent's configuration while it runs.

#include "agents/settings.h"

// Reads the file again and takes over the provider's policy: what is federated, its users and their
// limits, its operators, what it says of itself. A file that is bad, or gives the agent another
// identity, changes nothing. All else in it counts from the next start on.
gboolean policy_reload(AgentSettings *settings, const char *path, GError **error);

// What the certificate on the bus is known by; NULL when it cannot be read: then it is not said,
// and the session says why. Free with g_bytes_unref().
GBytes *policy_fingerprint(const AgentSettings *settings);

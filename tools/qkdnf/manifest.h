#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// DIR/federation.json: who takes part in a running federation, where, and with which certificate.
// It is there exactly while everything is ready.

#include "tools/qkdnf/description.h"
#include "tools/qkdnf/fleet.h"

// Writes or replaces it at once as a whole; process IDs are those of the fleet.
gboolean manifest_write(const char *dir, const Description *description, const Fleet *fleet,
                        GError **error);
void manifest_remove(const char *dir);

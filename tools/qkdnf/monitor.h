#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Watching the bus: what tap, topology and the like do until they have seen enough.

#include "tools/qkdnf/access.h"

// Each returns FALSE when it has seen enough.
typedef struct {
    gboolean (*arrived)(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes);
    // Some twenty times a second once the bus is there; may be NULL.
    gboolean (*tick)(gpointer data, gint64 connected_ms);
    // The bus is lost, and why, or (NULL) there again. May be NULL: standard error is told.
    void (*lost)(gpointer data, const char *cause);
    // So many frames, of all that were said since it listens, did not arrive: what is seen is a
    // sample. Told when there are more, at most once a second. May be NULL: standard error is told.
    void (*missed)(gpointer data, guint64 n_frames);
} MonitorOps;

// Connects as a monitor, resolving `access`, and watches until enough is seen or SIGINT or SIGTERM
// comes. FALSE when the bus could not be reached in the first place; when it is lost later, that is
// said on standard error, and watching goes on when it is back.
gboolean monitor_run(Access *access, const MonitorOps *ops, gpointer data, GError **error);

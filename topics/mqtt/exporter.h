#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a daemon says of itself over plain HTTP, to whoever runs the machine: `/metrics` as
// Prometheus text, `/healthz` (its loop turns), `/readyz` (it is on the bus). Nothing secret, and
// nothing can be changed there; on loopback unless the operator says otherwise. Loop thread only.

#include <event2/event.h>
#include <glib.h>

typedef struct {
    char *address;
    guint64 port; // 0: there is no exporter
} ExporterSettings;

typedef struct {
    char *(*metrics)(gpointer data); // free with g_free()
    gboolean (*is_ready)(gpointer data);
} ExporterOps;

typedef struct Exporter Exporter;

// Serves in the loop of `base` from now on.
Exporter *exporter_new(struct event_base *base, const ExporterSettings *settings,
                       const ExporterOps *ops, gpointer data, GError **error);
void exporter_free(Exporter *exporter);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The broker's configuration and access rules, written from the table of kinds for mosquitto: a
// listener with TLS 1.3 and client certificates, a member's ID being its certificate's common name.
// A member writes only what the table has, under its own ID, and reads what is addressed to it or
// to all; a monitor reads everything and writes nothing. The rules alone make a correct fabric,
// since every receiver checks what it gets; the plugin adds what rules cannot say.

#include <glib.h>

// The names of what is written into the directory.
#define BROKER_CONFIG_FILE "mosquitto.conf"
#define BROKER_ACCESS_FILE "access.rules"

typedef struct {
    const char *address; // to listen on
    guint16 port;
    const char *ca;              // PEM file: who may have certified the members
    const char *crl;             // PEM file: who of them is not one any more; or NULL
    const char *certificate;     // PEM file
    const char *key;             // PEM file
    const char *const *monitors; // member IDs, NULL-terminated; or NULL
    const char *plugin;          // the file of topics/mqtt/plugin; or NULL, to have the rules alone
} BrokerConfig;

// Writes both files, replacing older ones; `dir` must be there, and is where the broker keeps what
// is retained. The broker runs as the user who calls this.
gboolean broker_write_config(const BrokerConfig *config, const char *dir, GError **error);

// The access rules alone; free with g_free().
char *broker_format_access(const char *const *monitors);

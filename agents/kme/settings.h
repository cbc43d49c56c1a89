#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Where and as whom a provider serves its users' key delivery API.

#include "topics/base/settings.h"

typedef struct {
    char *listen;      // IP:PORT or [IP]:PORT; port 0: any free one
    char *ca;          // PEM file: who may have certified applications
    char *certificate; // PEM file: this KME's certificate chain; names its host as subjectAltName
    char *key;         // PEM file: PKCS#8
    guint64 max_connections;
    guint64 max_connections_per_application; // of these; 0: a third of them
    guint64 max_calls;                       // under way at once; more are answered 503
    guint64 max_calls_per_application;       // of these, of one application
    char *crl;      // PEM file: revoked certificates, of every authority in a chain; or NULL
    const char *id; // whose the certificate must be; not a setting of its own: the agent's kme_id
} KmeSettings;

extern const Setting kme_settings[];
extern const SettingTable kme_settings_table;

// How many connections one application may have.
guint kme_settings_share(const KmeSettings *kme);

// What the table cannot say: an address that is none, a share larger than the whole.
void kme_settings_check(const KmeSettings *kme, Settings *settings);

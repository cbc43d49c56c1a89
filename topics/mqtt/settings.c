// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/settings.h"

#include "topics/mqtt/peer.h"

#define OF(type, field) .offset = offsetof(type, field)
#define PATH            .min = 1, .max = 4095

static const Setting connection_settings[] = {
    {"url", SETTING_TEXT, OF(Connection, url), .required = TRUE, .expects = "mqtts://HOST:PORT"},
    {"ca", SETTING_TEXT, OF(Connection, ca), PATH, .required = TRUE,
     .expects = "a PEM file's path"},
    {"certificate", SETTING_TEXT, OF(Connection, certificate), PATH, .required = TRUE,
     .expects = "a PEM file's path"},
    {"key", SETTING_TEXT, OF(Connection, key), PATH, .required = TRUE,
     .expects = "a PEM file's path"},
    {"crl", SETTING_TEXT, OF(Connection, crl), PATH, .expects = "a PEM file's path"},
    {"keep_alive_s", SETTING_UINT, OF(Connection, keep_alive_s), .min = 1, .max = 3600,
     .fallback = "10"},
    {NULL},
};
static const SettingTable connection_table = {connection_settings, sizeof(Connection)};

static const Setting exporter_settings[] = {
    {"address", SETTING_TEXT, OF(ExporterSettings, address), .min = 1, .max = 255,
     .fallback = "127.0.0.1", .expects = "an IP address"},
    {"port", SETTING_UINT, OF(ExporterSettings, port), .max = 65535, .fallback = "0"},
    {NULL},
};
static const SettingTable exporter_table = {exporter_settings, sizeof(ExporterSettings)};

static const Setting daemon_settings[] = {
    {"broker", SETTING_SECTION, OF(DaemonSettings, broker), .required = TRUE,
     .table = &connection_table},
    {"pre_shared", SETTING_TEXT, OF(DaemonSettings, pre_shared), PATH, .expects = "a directory"},
    {"store", SETTING_TEXT, OF(DaemonSettings, store), PATH, .required = TRUE, .expects = "a path"},
    {"store_synchronous", SETTING_CHOICE, OF(DaemonSettings, store_synchronous),
     .choices = store_sync_names},
    {"metrics", SETTING_SECTION, OF(DaemonSettings, metrics), .table = &exporter_table},
    {NULL},
};
const SettingTable daemon_settings_table = {daemon_settings, sizeof(DaemonSettings)};

void daemon_settings_check(const DaemonSettings *daemon, Settings *settings)
{
    if (!daemon->broker.url)
        return;
    Peer peer = {0};
    if (!peer_parse(daemon->broker.url, &peer, NULL))
        settings_fail(settings, &daemon->broker.url, "expected mqtts://HOST:PORT");
    peer_clear(&peer);
}

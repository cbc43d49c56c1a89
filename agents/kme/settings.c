// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/settings.h"

#include "agents/kme/listener.h"

#define FIELD(name) .offset = G_STRUCT_OFFSET(KmeSettings, name)

// The default of open files of a process is 1024 in Debian; connections keep well below.
const Setting kme_settings[] = {
    {"listen", SETTING_TEXT, FIELD(listen), .required = TRUE, .expects = "IP:PORT"},
    {"ca", SETTING_TEXT, FIELD(ca), .required = TRUE, .expects = "a PEM file"},
    {"crl", SETTING_TEXT, FIELD(crl), .expects = "a PEM file"},
    {"certificate", SETTING_TEXT, FIELD(certificate), .required = TRUE, .expects = "a PEM file"},
    {"key", SETTING_TEXT, FIELD(key), .required = TRUE, .expects = "a PEM file"},
    {"max_connections", SETTING_UINT, FIELD(max_connections), .min = 1, .max = 100000,
     .fallback = "768", .expects = "how many clients may be connected"},
    {"max_connections_per_application", SETTING_UINT, FIELD(max_connections_per_application),
     .max = 100000, .fallback = "0", .expects = "how many of them from one application"},
    {"max_calls", SETTING_UINT, FIELD(max_calls), .min = 1, .max = 100000, .fallback = "512",
     .expects = "how many calls may wait for their keys"},
    {"max_calls_per_application", SETTING_UINT, FIELD(max_calls_per_application), .min = 1,
     .max = 100000, .fallback = "256", .expects = "how many of them from one application"},
    {NULL},
};

const SettingTable kme_settings_table = {kme_settings, sizeof(KmeSettings)};

guint kme_settings_share(const KmeSettings *kme)
{
    guint64 given = kme->max_connections_per_application;
    return (guint)(given > 0 ? given : MAX(kme->max_connections / 3, 1));
}

void kme_settings_check(const KmeSettings *kme, Settings *settings)
{
    struct sockaddr_storage address;
    int n_bytes;
    if (kme->listen && !listener_parse_address(kme->listen, &address, &n_bytes))
        settings_fail(settings, &kme->listen, "expected IP:PORT, such as 127.0.0.1:8443");
    if (kme->max_connections_per_application > kme->max_connections)
        settings_fail(settings, &kme->max_connections_per_application,
                      "expected no more than max_connections (%" G_GUINT64_FORMAT ")",
                      kme->max_connections);
    if (kme->max_calls_per_application > kme->max_calls)
        settings_fail(settings, &kme->max_calls_per_application,
                      "expected no more than max_calls (%" G_GUINT64_FORMAT ")", kme->max_calls);
}

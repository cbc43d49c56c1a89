#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A whole federation in one YAML file: the platform, the providers with their QKDNs and users, the
// border links between them, operators and monitors. What stands in it of the platform, of agents
// and of drivers is read by their own tables.

#include "agents/federation/config.h"
#include "agents/qkdn/qkdn-settings.h"
#include "platform/config.h"
#include "topics/base/store.h"

typedef struct {
    AgentConfig agent;    // `kme_id` and `kme_url` are never NULL; port 0: any free one
    QkdnSettings qkdn;    // with its ends of border links, but for their secrets
    guint16 metrics_port; // of its agent; from deployment_make()
} DescriptionProvider;

// One end of a border link; points into `providers`.
typedef struct {
    DescriptionProvider *provider;
    SimNode *node;
} DescriptionEnd;

typedef struct {
    char *id;
    char *a; // PROVIDER/NODE
    char *b;
    char *like;    // where the rate comes from; decides nothing
    SimBorder sim; // what is the same at both ends
    DescriptionEnd ends[2];
} DescriptionBorder;

typedef struct {
    char *broker_url;      // mqtts://127.0.0.1:PORT; port 0: any free one
    char *crl;             // PEM file: revoked certificates, for all programs; or NULL
    char **monitors;       // member IDs
    int store_synchronous; // StoreSync, of the platform and all agents
    FederationConfig platform;
    guint16 metrics_port; // of the platform; from deployment_make(), as are these
    guint16 dashboard_port;
    char *dashboard_token;
    GPtrArray *providers; // DescriptionProvider
    GPtrArray *borders;   // DescriptionBorder
} Description;

extern const SettingTable description_table;

// Reports what the table cannot say, such as a border link to a node that does not exist, resolves
// what refers to something else, and fills in what follows from the rest: the members, operators,
// monitors, IDs of KMEs and border links that are not given. Once, before settings_finish().
void description_check(Description *description, Settings *settings);

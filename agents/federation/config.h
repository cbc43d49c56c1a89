#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a provider decides about its part in the federation.

#include "topics/base/secret.h"
#include "topics/base/settings.h"

// A user of this provider.
typedef struct {
    char *sae; // unique in the federation; the common name of its certificate
    char *node;
    char *service;
    gboolean visible;
    char *certificate_sha256;     // in hexadecimal; NULL: any that the federation's CA certified
    guint64 max_keys_per_request; // 0: no limit of its own
    guint64 max_requests_per_s;   // the same
} AgentApplication;

// Limits of the key delivery API, published in its Status (ETSI GS QKD 014 clause 6.1).
typedef struct {
    guint64 key_size_bits; // the default
    guint64 min_key_size_bits;
    guint64 max_key_size_bits;
    guint64 max_keys_per_request;
    guint64 max_keys_stored; // per pair of initiator and targets
    guint64 max_additional_targets;
} KeyLimits;

// Which faults of others the provider wants to be told about.
typedef enum { AGENT_NOTICES_OWN, AGENT_NOTICES_ALL, AGENT_NOTICES_NONE } AgentNotices;

// Users away from home, this provider's own and others'. Empty lists mean nobody.
typedef struct {
    char **may_serve_ours; // provider IDs, or `all`
    int mode;              // index in roaming_modes
    char **serves;         // provider IDs, or `all`
    char **nodes;          // that visitors are attached to; empty: the first access node
} RoamingPolicy;

// How the keys of users away from home travel, as it is written in YAML.
extern const char *const roaming_modes[];

// What of the QKDN is federated: empty lists mean all.
typedef struct {
    char **nodes;
    char **borders;
    guint64 share_percent; // of rates
    int notices;           // AgentNotices
    RoamingPolicy roaming;
} AgentPolicy;

// How border ledgers are kept filled, in slots of 32 bytes per link.
typedef struct {
    guint64 high_slots;  // fill up to here
    guint64 low_percent; // of that: fill again from here
} LedgerPolicy;

// What the provider agrees to with others.
typedef struct {
    guint64 terms; // the version of the federation's standing terms that it has accepted; 0: none
} AgreementPolicy;

typedef struct {
    char *id;
    char *region;
    char *platform;            // the platform's member ID
    char *contact;             // whom the federation's administrators can ask
    char **purposes;           // what it lets others use its network for; none: all
    guint64 federation_policy; // the version of the federation's policy that it has agreed to
    char *kme_id;
    char *kme_url;
    guint64 request_timeout_ms; // how long an application's Get key waits for the federation
    guint64 key_lifetime_s;     // undelivered keys are wiped after this
    char **operators;           // member IDs
    GPtrArray *applications;    // AgentApplication
    KeyLimits limits;
    AgentPolicy policy;
    AgreementPolicy agreements;
    LedgerPolicy ledger;
    GBytes *certificate_sha256; // of the one on the bus; set by the daemon; NULL: not said
    Secret *master_key; // 32 bytes: seals keys and slots at rest; read by the daemon, not from YAML
} AgentConfig;

// The table by which the YAML of an agent is read, but for the daemon's own parts.
extern const Setting agent_settings[];

// What the table cannot say: duplicate applications, limits that contradict each other, ...
void agent_config_check(const AgentConfig *config, Settings *settings);

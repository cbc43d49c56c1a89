#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What the federation's administrator decides.

#include "topics/base/settings.h"

// A provider that may take part.
typedef struct {
    char *id;
} FederationMember;

typedef struct {
    char *id;           // the platform's member ID
    GPtrArray *members; // FederationMember: approved beforehand
    char **operators;   // member IDs
    guint64 max_keys_per_request;
    guint64 max_key_size_bits;
    guint64 max_targets;
    guint64 max_timeout_ms;
    guint64 max_running; // requests under way of one sender
    guint64 max_kept;    // requests of one sender, with those whose answer is kept for repeats
    guint64 attempt_ms;  // how long the outcomes of one attempt are waited for
    guint64 stale_ms;    // an agent that was silent for this long is taken for gone
} FederationConfig;

// The table by which the YAML of a platform is read, but for the daemon's own parts.
extern const Setting federation_settings[];

void federation_config_check(const FederationConfig *config, Settings *settings);

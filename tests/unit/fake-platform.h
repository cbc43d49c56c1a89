#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A platform that answers every question of an application at once, in a thread of its own.

#include "tests/unit/live-broker.h"

// The key ID that it grants.
#define FAKE_GRANTED_ID "0123abcd-0000-4000-8000-00000000000a"

typedef struct FakePlatform FakePlatform;

// Atomic, each.
typedef struct {
    gint n_ignored;   // so many requests are not answered
    gint n_requests;  // that came
    gint n_publishes; // in which they and all else came
    gint is_refusing; // with what could be had
    gint n_handovers; // that were asked for, repeated ones included
    char *kme_url;    // where who moves goes to; set before it asks
} FakePlatformKnobs;

FakePlatform *fake_platform_new(LiveBroker *broker);
void fake_platform_free(FakePlatform *platform);
FakePlatformKnobs *fake_platform_knobs(FakePlatform *platform);

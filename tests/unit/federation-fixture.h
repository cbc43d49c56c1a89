#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation core whose members have registered a graph (graph.h), for the tests of its parts.

#include "platform/request.h"
#include "tests/unit/graph.h"

#define FEDERATION_NOW  (G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC)
#define FEDERATION_UUID "01234567-89ab-4cde-8f01-23456789abcd"

typedef struct {
    FederationConfig config;
    Chance chance;
    Random random;
    StoreDisk *disk;
    Store *store;
    Federation *federation;
} FederationFixture;

FederationFixture *federation_fixture_new(const GraphLink *links, gsize n_links);
void federation_fixture_free(FederationFixture *fixture);

// The platform commits, dies and starts again; it may refuse to.
void federation_fixture_restart(FederationFixture *fixture, GError **error);
// It dies before it commits.
void federation_fixture_crash(FederationFixture *fixture, GError **error);

// A request of "sae-a" to the targets, separated by commas, for keys of 256 bits; owned by the
// federation.
Request *federation_fixture_request(FederationFixture *fixture, const char *targets, guint number,
                                    guint n_paths);

// The provider registers again, without any application.
void federation_fixture_drop_application(FederationFixture *fixture, const char *provider,
                                         const GraphLink *links, gsize n_links);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FederationFixture, federation_fixture_free)

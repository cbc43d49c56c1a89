#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The client library as it is installed, against a fake platform behind a real broker and a real
// key delivery server with a fake agent; both turn in threads of their own.

#include "agents/application/qkdnf.h"
#include "tests/unit/fake-platform.h"
#include "tests/unit/kme-fixture.h"

typedef struct {
    LiveBroker *broker;
    FakePlatform *platform;
    KmeFixture kme;
    GThread *kme_thread;
    gint is_stopping;
    char *kme_url;
} QkdnfFixture;

// For g_test_add().
void qkdnf_fixture_set_up(QkdnfFixture *f, gconstpointer data);
void qkdnf_fixture_tear_down(QkdnfFixture *f, gconstpointer data);

// A connected application: bank-a or bank-b.
struct qkdnf *qkdnf_fixture_join(QkdnfFixture *f, const char *sae);
// Turns it as a program with a loop of its own would, until the counter is there.
void qkdnf_fixture_turn(struct qkdnf *q, const guint *counter, guint goal);

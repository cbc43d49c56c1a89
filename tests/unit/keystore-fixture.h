#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A key store on a disk in memory, to be closed and opened again.

#include "agents/federation/keystore.h"
#include "tests/unit/chance.h"

typedef struct {
    StoreDisk *disk;
    Secret *master_key;
    Chance chance;
    Random random;
    Store *store;
    KeyStore *keys;
    GPtrArray *got;      // DeliveredKey
    const guint8 *marks; // of copies
} KeystoreFixture;

// For g_test_add().
void keystore_fixture_set_up(KeystoreFixture *fixture, gconstpointer data);
void keystore_fixture_tear_down(KeystoreFixture *fixture, gconstpointer data);

// With what was committed; reopening commits first.
void keystore_fixture_crash(KeystoreFixture *fixture);
void keystore_fixture_reopen(KeystoreFixture *fixture);

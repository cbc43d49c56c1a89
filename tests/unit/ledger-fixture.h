#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A ledger on a disk in memory, for the tests of what it gives out and of what it keeps.

#include "agents/federation/ledger.h"
#include "tests/unit/chance.h"

#define LEDGER_LINK "graz-vienna"

typedef struct {
    StoreDisk *disk;
    Secret *master_key;
    Chance chance;
    Random random;
    Store *store;
    Ledger *ledger;
} LedgerFixture;

// With what the store holds of the link.
Ledger *ledger_fixture_open(const char *link, Store *store, const Secret *master_key,
                            const Random *random, GError **error);

// The set-up and tear-down of g_test_add().
void ledger_fixture_set_up(LedgerFixture *fixture, gconstpointer data);
void ledger_fixture_tear_down(LedgerFixture *fixture, gconstpointer data);

// As after a crash: what was not committed is lost.
void ledger_fixture_reopen(LedgerFixture *fixture);
void ledger_fixture_commit(LedgerFixture *fixture);

// Every byte of a slot is the slot's number plus 1.
void ledger_fixture_append(LedgerFixture *fixture, const char *id, guint n_slots);
// Blocks of 8, 4 and 8 slots, the first two open; committed.
void ledger_fixture_append_some(LedgerFixture *fixture);

// Reserves, spends and looks at the bytes.
void ledger_fixture_spend(LedgerFixture *fixture, guint64 first, guint64 n_slots);

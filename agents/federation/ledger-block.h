#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of a ledger: ledger.c keeps the slots, ledger-store.c is their durable form.

#include "agents/federation/ledger.h"

typedef enum {
    SLOT_OPEN,
    SLOT_RESERVED, // for an order under way; in memory only
    SLOT_SPENT,
} SlotState;

typedef struct {
    const Ledger *ledger;
    char *id;
    guint64 first;
    guint n_slots;
    guint n_unspent;
    guint8 *states; // SlotState of each
    Secret *key;
} Block;

struct Ledger {
    const char *link;
    Store *store;
    const Secret *master_key;
    const Random *random;
    GTree *blocks; // &block->first → Block; a block without unspent slots is gone
    guint64 end;
    guint64 open_end;
    guint64 generation;
    guint64 n_open;
    gboolean has_record;
};

// A block whose slots are all open.
Block *block_new(const Ledger *ledger, const char *id, guint64 first, const Secret *key);

// Record the state, as it is then, with this pass's commit; a block without unspent slots is
// deleted.
void ledger_save(Ledger *ledger);
void block_save(Ledger *ledger, Block *block);
// Once its blocks are known.
void ledger_count_open(Ledger *ledger);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One end of a border link: the numbered sequence of secret slots that this provider shares with a
// neighbour, and its guardian: a slot serves at most one order. Durable through the store; blocks
// are sealed there, and spent slots are wiped in memory and on disk. It sends nothing itself: the
// agent core carries what the two ends say to each other (border.h).

#include "agents/federation/relay.h"
#include "agents/federation/seal.h"
#include "schemas/status.h"
#include "topics/base/store.h"

typedef struct Ledger Ledger;

// Ranges end below this, so that sums of slot numbers cannot overflow.
#define LEDGER_SLOT_MAX (G_GUINT64_CONSTANT(1) << 56)

// A range of slots, `first` up to but not including `first + n_slots`.
typedef struct {
    guint64 first;
    guint64 n_slots;
} Slots;

// `link` and `master_key` outlive the ledger, which is empty until it is loaded.
Ledger *ledger_new(const char *link, Store *store, const Secret *master_key, const Random *random);
void ledger_free(Ledger *ledger);
// What the store holds of these links (link → Ledger, all of them empty): each record is read once,
// whichever it is of. What it holds of others is left alone.
gboolean ledgers_load(Store *store, GHashTable *ledgers, GError **error);

// Slots below `end` were given key at this end; below `open_end`, at the other end as well.
guint64 ledger_end(const Ledger *ledger);
guint64 ledger_open_end(const Ledger *ledger);
// How many slots below `open_end` still hold key here, and the lowest of them.
guint64 ledger_n_open(const Ledger *ledger);
guint64 ledger_first_open(const Ledger *ledger);
guint64 ledger_generation(const Ledger *ledger);
// FALSE until anything was ever changed: the link is new, or this end has lost its store.
gboolean ledger_has_record(const Ledger *ledger);

// Appends a block at `end`; its size is a multiple of SLOT_BYTES. Takes no ownership.
void ledger_append(Ledger *ledger, const char *block_id, const Secret *key);
// The other end holds everything below this number.
void ledger_set_open_end(Ledger *ledger, guint64 open_end);
void ledger_set_generation(Ledger *ledger, guint64 generation);
// Drops every block from slot `from` on; their slots are numbered again. FALSE when `from` is no
// block boundary, or one of those slots is used or reserved. Only for slots that never were open at
// both ends.
gboolean ledger_truncate(Ledger *ledger, guint64 from);
// Lets go of everything and goes on at `end`: one of the two ends has lost its memory.
void ledger_restart(Ledger *ledger, guint64 end);

// Blocks from slot `from` on, for the other end to claim: `ret` receives WireBlock with IDs that
// belong to the ledger. At most `max`.
guint ledger_list_blocks(const Ledger *ledger, guint64 from, WireBlock *ret_blocks, guint max);

// Keeps the slots for one order until they are spent, burned or let go: OK, SLOT_USED or
// SLOT_UNKNOWN. Reservations are in memory only: until it is answered an order is repeated.
Status ledger_reserve(Ledger *ledger, Slots slots);
void ledger_unreserve(Ledger *ledger, Slots slots);
// Whether all of these are still reserved: a release can burn them, and a restart lets go of them,
// while an order waits.
gboolean ledger_keeps(Ledger *ledger, Slots slots);
// The bytes of slots that are kept, which from now on are used: durably so with this pass's commit.
Secret *ledger_spend(Ledger *ledger, Slots slots);
// Wipes whatever of these slots is there; they will serve nothing.
void ledger_burn(Ledger *ledger, Slots slots);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ledger, ledger_free)

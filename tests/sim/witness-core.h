#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The inside of the witness: witness.c sees requests and answers, witness-slots.c slots, relay
// values and what keys they carry, witness-keys.c keys that are delivered, witness-sessions.c in
// which order those of sessions are, witness-moves.c how handovers end, witness-frames.c what
// members believe of the bus, witness-money.c what is paid.

#include "tests/sim/windows.h"
#include "tests/sim/witness.h"

struct Witness {
    char *failure;
    Windows *windows;    // of everything that is secret
    GPtrArray *payloads; // GBytes: everything that was published

    GHashTable *said;      // GBytes of `payloads` → Said
    GHashTable *listeners; // member → Listener

    GHashTable *blocks;     // "agent block" → Secret
    GHashTable *places;     // "link slot" → Place
    GHashTable *slot_uses;  // "link slot" → what it was ordered for
    GHashTable *block_uses; // "block index" → what it was ordered for
    GHashTable *orders;     // "agent request/attempt" → WireOrder
    GHashTable *values;     // relay value's name → GBytes
    GHashTable *shares;     // "request/attempt target path" → Secret

    GHashTable *keys;      // key ID → Secret
    GHashTable *audiences; // key ID → Audience
    GHashTable *granted;   // "request/attempt": released for delivery
    GHashTable *grants;    // request → the attempt that was granted, as text
    GHashTable *delivered; // "key SAE"

    GHashTable *numbered; // key ID → Numbered: what is a session's
    GHashTable *ends;     // "session SAE" → SessionEnd

    GHashTable *handovers;   // ID → phase that was said last
    GHashTable *moves_asked; // ID of one that was asked for → whether nobody refused it

    GHashTable *metered;   // record ID → Metered: an order, and whether it is in the accounts
    GHashTable *settled;   // record ID: in a batch
    GHashTable *batches;   // "seller buyer sequence" → GBytes: its digest
    GHashTable *numbers;   // "seller buyer" → Numbered
    GHashTable *positions; // member → gint64: what it gets by all nettings
    guint64 netted;        // the last period that was looked at
    guint64 n_minor;       // what members got or owed in all, in minor units
    GHashTable *members;   // agent → the state that it was told last
    GHashTable *owed;      // "request/attempt": granted before the proof began

    GHashTable *done;    // "agent request/attempt": the order was answered with OK
    GHashTable *asked;   // request → Asked
    GHashTable *ordered; // requests that were accepted
    GHashTable *replies; // request → GBytes: the first answer after that
};

// witness-frames.c
void witness_on_frame(Witness *witness, const char *topic, GBytes *payload,
                      const WireHeader *header);
void witness_said_free(gpointer said);
void witness_listener_free(gpointer listener);

// witness-slots.c
void witness_on_fill(Witness *witness, const WireFill *fill);
void witness_on_order(Witness *witness, const char *agent, const WireOrder *order);
void witness_on_relay(Witness *witness, const char *from, const WireRelay *relay);

// witness-sessions.c
void witness_number_keys(Witness *witness, const WireOrder *order);
void witness_on_numbered(Witness *witness, const char *sae, const char *key_id);
void witness_numbered_free(gpointer numbered);
void witness_end_free(gpointer end);

// witness-moves.c
void witness_on_handover(Witness *witness, const WireHandover *handover);
void witness_on_handover_state(Witness *witness, const WireHandoverState *state);
void witness_check_handovers(Witness *witness);

// witness-money.c
void witness_expect_record(Witness *witness, const char *agent, const WireOrder *order);
void witness_on_usage(Witness *witness, const char *agent, const WireUsage *usage);
void witness_on_event(Witness *witness, const WireEvent *event);
void witness_on_usage_state(Witness *witness, const char *agent, const WireUsageState *state);
void witness_on_statement(Witness *witness, const WireStatement *statement);
void witness_on_member(Witness *witness, const char *agent, const WireMember *member);
void witness_check_accounts(Witness *witness);
void witness_metered_free(gpointer metered);

// witness-keys.c
// A key is known to have this value.
void witness_set_key(Witness *witness, const char *key_id, const guint8 *bytes, gsize n_bytes);
void witness_entitle(Witness *witness, const WireOrder *order);
void witness_on_release(Witness *witness, const WireRelease *release);
void witness_audience_free(gpointer audience);
void witness_place_free(gpointer place);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Who watches a world and believes nobody: what must always hold is checked against what was seen
// on the bus, what drivers gave, and what left agents for applications; never against what a core
// says of itself.

#include "tests/sim/faulty.h"
#include "tests/sim/world.h"

typedef struct Witness Witness;

Witness *witness_new(void);
void witness_free(Witness *witness);

// What was seen first that must not be, or NULL.
const char *witness_failure(const Witness *witness);
void witness_fail(Witness *witness, const char *format, ...) G_GNUC_PRINTF(2, 3);

// A driver gave this block of key to an agent.
void witness_on_block(Witness *witness, const char *agent, const DriverBlock *block);
gboolean witness_knows_block(const Witness *witness, const char *agent, const char *block_id);
// Something was published, as its sender meant it.
void witness_on_publish(Witness *witness, const char *topic, GBytes *payload);
// A member has looked at a publish, in a federation that is authenticated.
void witness_on_received(Witness *witness, const BrokerReceipt *receipt);
// An application was answered at its KME.
void witness_on_fetched(Witness *witness, const Fetch *fetch);

// Calls for each accepted request that was not answered, with the publish in which it was last
// asked: the answer may have been lost, and whoever asked may have given up.
typedef void (*WitnessAskedFn)(gpointer data, const char *topic, GBytes *payload);
void witness_for_each_unanswered(Witness *witness, WitnessAskedFn fn, gpointer data);

// What was granted so far has to be in the accounts at the end.
void witness_expect_accounts(Witness *witness);

// At the end: requests that were ordered and never answered, handovers that do not end, and what
// only later showed as secret.
void witness_conclude(Witness *witness);

// No end of a session was left out a key, but for those that a KME handed out in the pass that was
// its last before it could say so: the fetches are all that there were.
void witness_check_sessions(Witness *witness, const GPtrArray *fetches);

// What the platform has netted, newest last: of each period once.
void witness_on_nettings(Witness *witness, gconstpointer federation);
// What was accepted until now has to be in a batch at the end.
void witness_expect_batches(Witness *witness);
// What members got or owed by that, in minor units.
guint64 witness_n_minor(const Witness *witness);

guint64 witness_n_granted(const Witness *witness);
guint64 witness_n_delivered(const Witness *witness);
// Of which this was said last.
guint64 witness_n_handovers(const Witness *witness, HandoverPhase phase);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Witness, witness_free)

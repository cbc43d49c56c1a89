#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A world for a test: a federation whose ledgers are filled, a record of what was published, and
// what tests do again and again. What a test expects and does not get ends it.

#include "tests/sim/faulty.h"
#include "tests/sim/world.h"

// Something published, unpacked.
typedef struct {
    KindId kind;
    char *from;
    char *to;
    gint64 at_us;
    Frame *frame;
} Seen;

typedef struct Stage Stage;
struct Stage {
    World *world;
    GPtrArray *seen; // Seen, from the last stage_forget() on
    // Changes a relay value before anyone reads it; NULL: nothing.
    gboolean (*tamper)(Stage *stage, const Topic *topic, WireRelay *relay);
    // Whether a delivery is lost; NULL: none.
    gboolean (*loses)(Stage *stage, const BrokerLeg *leg);
    // What becomes of a driver's calls; NULL: what should.
    FaultyFate (*driver_fate)(Stage *stage, const char *agent, FaultyCall call, const char *subject,
                              const char *block_id);
    guint n_tampered;
    gpointer data; // of the test
    const char *victim;
};

// The stage owns the network; its ledgers are filled and everyone has registered.
Stage *stage_new(Network *network);
void stage_free(Stage *stage);

// alpha - beta - gamma - delta: the first `n_sites` of them, in a chain. Users: sae-a and sae-a2 at
// alpha, sae-b and sae-b2 at beta, and so on.
Network *network_chain(guint n_sites);
Stage *stage_chain(guint n_sites);
// alpha - beta - delta and alpha - gamma - delta, users as before.
Network *network_diamond(void);
Stage *stage_diamond(void);

// One request; waits for the answer.
Ask *stage_ask(Stage *stage, const char *from, const char *to, guint number, guint size_bits);
Ask *stage_ask_for(Stage *stage, const WireRequest *request);
const WireReply *stage_await(Stage *stage, const Ask *ask);
// And it is that.
const WireReply *stage_await_grant(Stage *stage, const Ask *ask);
const WireReply *stage_await_status(Stage *stage, const Ask *ask, Status status);

// Fetches the keys of a granted request at all ends: they are those of the reply, of the size asked
// for, equal everywhere, and gone afterwards.
void stage_assert_delivered(Stage *stage, const Ask *ask);
// No end will have anything of this request.
void stage_assert_nothing_delivered(Stage *stage, const Ask *ask);

const Fetch *stage_await_fetch(Stage *stage, const Fetch *fetch);
const Fetch *stage_fetch_by_id(Stage *stage, const char *sae, const char *initiator,
                               const char *const *key_ids);
// The provider of a user.
const char *stage_home(const Stage *stage, const char *sae);

void stage_forget(Stage *stage);
guint stage_count(const Stage *stage, KindId kind);
// The first message of that kind seen, or NULL.
const Seen *stage_find(const Stage *stage, KindId kind);

void stage_drill(Stage *stage, const char *agent, gboolean inject, DriverScope scope,
                 const char *subject);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stage, stage_free)

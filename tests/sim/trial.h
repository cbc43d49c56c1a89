#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One seed: a federation, what its applications want, and everything that goes wrong, while a
// witness watches every step; then an end to all misfortune, after which everything accepted must
// be answered and everyone must get keys again.

#include "tests/sim/misfortune.h"

// What users and operators did that must happen in some seed or other.
typedef enum {
    DEED_MOVED,       // handovers that ended in RELEASED
    DEED_FALLEN_BACK, // or so
    DEED_REFUSED,
    DEED_CAME, // unannounced, and were served
    DEED_SUSPENDED,
    DEED_WITHDRAWN,
    DEED_TWO_TARGETS, // sessions
    DEED_PAID,        // minor units
    N_DEEDS,
} Deed;

extern const char *const deed_names[N_DEEDS];

typedef struct {
    guint64 seed;
    GHashTable *only;   // set of addresses of the faults that may happen; NULL: all
    gboolean is_traced; // prints every publish and every fault
    guint64 max_steps;  // 0: to the end
    Breach breach;      // of every process
} Trial;

typedef struct {
    char *failure; // NULL: all is well
    guint64 n_steps;
    gint64 virtual_us;
    guint64 n_faults[N_FAULTS];
    GPtrArray *faults; // Fault, as they happened
    guint64 n_asked;
    guint64 n_granted;
    guint64 n_delivered;
    guint64 n_sessions;
    guint64 n_session_keys;
    guint64 n_deeds[N_DEEDS];
    char *digest; // of everything published, and when
} TrialResult;

TrialResult trial_run(const Trial *trial);
void trial_result_clear(TrialResult *result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TrialResult, trial_result_clear)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What applications do in a world, by chance from a seed: ask for keys over the bus or at their
// KME, some of it nonsense, and fetch what they were granted, some of it twice and for others.

#include "tests/sim/world.h"

typedef struct Workload Workload;

Workload *workload_new(guint64 seed, World *world);
void workload_free(Workload *workload);

// Applications ask until then, and fetch for as long as the world goes on.
void workload_begin(Workload *workload, gint64 until_us);

// Every target of a granted request asks for its keys again: they are there, or it had them.
void workload_fetch_all(Workload *workload);

// Every pair of applications asks once for a key, as many pairs as that at most.
void workload_ask_all(Workload *workload, guint max);
// Why one of all these was not served, or NULL; to be freed. With
// `is_poisoned`, some ledgers hold key that differs at their ends, and it is enough that it was
// noticed.
char *workload_find_unserved(const Workload *workload, gboolean is_poisoned);

guint64 workload_n_asked(const Workload *workload);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Workload, workload_free)

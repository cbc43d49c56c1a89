#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Sessions in a world, by chance from a seed: applications open some, fetch from them at both ends
// all the time, and close some.

#include "tests/sim/world.h"

typedef struct Streams Streams;

Streams *streams_new(guint64 seed, World *world);
void streams_free(Streams *streams);

// Sessions are opened until then, and fetched from for as long as the world goes on.
void streams_begin(Streams *streams, gint64 until_us);

// From here on every session that is open must give each end a key, at the KME that the platform
// names.
void streams_expect_keys(Streams *streams);
// Why one did not, or NULL; to be freed.
char *streams_find_unserved(const Streams *streams);

// How many were opened, how many of them with two targets, and how many keys their initiators were
// given.
guint64 streams_n_opened(const Streams *streams);
guint64 streams_n_of_two(const Streams *streams);
guint64 streams_n_keys(const Streams *streams);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Streams, streams_free)

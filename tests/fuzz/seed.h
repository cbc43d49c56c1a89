#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What fuzz-frame reads: publishes one after the other, each a topic, a line feed, the payload's
// length (four bytes, little end first) and the payload. One is made here for each row of the table
// of kinds, with every field of its message set.

#include "topics/kind.h"

#define SEED_PLATFORM "platform"
#define SEED_AGENT    "vienna"
#define SEED_NEIGHBOR "graz"
#define SEED_OPERATOR "ops"
#define SEED_NOW_US   (G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC)

// Appends a publish of the kind, from and to members whose roles allow it.
void seed_append(GByteArray *seed, KindId kind);

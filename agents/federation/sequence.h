#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A set of numbers of a session's keys, kept as the ranges that they make up.

#include "schemas/wire.h"

#include <glib.h>

typedef struct SequenceSet SequenceSet;

SequenceSet *sequence_set_new(void);
void sequence_set_free(SequenceSet *set);

// Numbers from `first` to `end - 1`.
void sequence_set_add(SequenceSet *set, guint64 first, guint64 end);
void sequence_set_add_ranges(SequenceSet *set, WireSequenceRange *const *ranges, gsize n_ranges);
// Numbers below `end`, but for those of another set.
void sequence_set_add_others(SequenceSet *set, const SequenceSet *others, guint64 end);

gboolean sequence_set_has(const SequenceSet *set, guint64 number);
// The lowest number from `from` on that is not in it.
guint64 sequence_set_next_missing(const SequenceSet *set, guint64 from);

guint sequence_set_n_ranges(const SequenceSet *set);
// Of the `i`-th, counted from the lowest.
WireSequenceRange sequence_set_range(const SequenceSet *set, guint i);

// The highest of its ranges, at most so many, for a message; the array and what it points at are
// freed with g_free(), all at once.
WireSequenceRange **sequence_set_pack(const SequenceSet *set, guint max_ranges, gsize *ret_n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SequenceSet, sequence_set_free)

// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/sequence.h"

typedef struct {
    guint64 first;
    guint64 end;
} Range;

struct SequenceSet {
    GArray *ranges; // Range, ascending; neither empty, nor touching each other
};

SequenceSet *sequence_set_new(void)
{
    SequenceSet *set = g_new(SequenceSet, 1);
    set->ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    return set;
}

void sequence_set_free(SequenceSet *set)
{
    if (!set)
        return;
    g_array_unref(set->ranges);
    g_free(set);
}

static Range *at(const SequenceSet *set, guint i)
{
    return &g_array_index(set->ranges, Range, i);
}

// The first range that ends at `number` or after it.
static guint find_range(const SequenceSet *set, guint64 number)
{
    guint low = 0, high = set->ranges->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (at(set, middle)->end < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void sequence_set_add(SequenceSet *set, guint64 first, guint64 end)
{
    if (first >= end)
        return;
    guint i = find_range(set, first), n_merged = 0;
    Range range = {first, end};
    for (; i + n_merged < set->ranges->len && at(set, i + n_merged)->first <= end; n_merged++) {
        range.first = MIN(range.first, at(set, i + n_merged)->first);
        range.end = MAX(range.end, at(set, i + n_merged)->end);
    }
    if (n_merged > 0)
        g_array_remove_range(set->ranges, i, n_merged);
    g_array_insert_val(set->ranges, i, range);
}

void sequence_set_add_ranges(SequenceSet *set, WireSequenceRange *const *ranges, gsize n_ranges)
{
    for (gsize i = 0; i < n_ranges; i++)
        sequence_set_add(set, ranges[i]->first, ranges[i]->end);
}

void sequence_set_add_others(SequenceSet *set, const SequenceSet *others, guint64 end)
{
    guint64 from = 0;
    for (guint i = 0; i < others->ranges->len && from < end; i++) {
        sequence_set_add(set, from, MIN(at(others, i)->first, end));
        from = at(others, i)->end;
    }
    sequence_set_add(set, from, end);
}

gboolean sequence_set_has(const SequenceSet *set, guint64 number)
{
    return sequence_set_next_missing(set, number) != number;
}

guint64 sequence_set_next_missing(const SequenceSet *set, guint64 from)
{
    guint i = find_range(set, from);
    if (i < set->ranges->len && at(set, i)->end == from)
        i++;
    if (i < set->ranges->len && at(set, i)->first <= from)
        return at(set, i)->end;
    return from;
}

guint sequence_set_n_ranges(const SequenceSet *set)
{
    return set->ranges->len;
}

WireSequenceRange sequence_set_range(const SequenceSet *set, guint i)
{
    WireSequenceRange range = WIRE_SEQUENCE_RANGE_INIT;
    range.first = at(set, i)->first;
    range.end = at(set, i)->end;
    return range;
}

WireSequenceRange **sequence_set_pack(const SequenceSet *set, guint max_ranges, gsize *ret_n)
{
    guint n = MIN(set->ranges->len, max_ranges), n_left_out = set->ranges->len - n;
    WireSequenceRange **pointers = g_malloc(n * (sizeof *pointers + sizeof **pointers) + 1);
    WireSequenceRange *ranges = (WireSequenceRange *)(pointers + n);
    for (guint i = 0; i < n; i++) {
        ranges[i] = sequence_set_range(set, n_left_out + i);
        pointers[i] = &ranges[i];
    }
    *ret_n = n;
    return pointers;
}

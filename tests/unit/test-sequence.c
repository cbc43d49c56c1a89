// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/sequence.h"
#include "tests/unit/chance.h"

static void assert_set(const SequenceSet *set, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < sequence_set_n_ranges(set); i++) {
        WireSequenceRange range = sequence_set_range(set, i);
        g_string_append_printf(text, "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT " ", range.first,
                               range.end);
    }
    g_assert_cmpstr(text->str, ==, expected);
}

static void test_ranges_grow_together(void)
{
    g_autoptr(SequenceSet) set = sequence_set_new();
    assert_set(set, "");
    sequence_set_add(set, 5, 5);
    sequence_set_add(set, 7, 6);
    assert_set(set, "");
    sequence_set_add(set, 10, 12);
    sequence_set_add(set, 2, 4);
    sequence_set_add(set, 20, 21);
    assert_set(set, "2-4 10-12 20-21 ");
    sequence_set_add(set, 4, 5);
    sequence_set_add(set, 9, 10);
    assert_set(set, "2-5 9-12 20-21 ");
    sequence_set_add(set, 3, 4);
    assert_set(set, "2-5 9-12 20-21 ");
    sequence_set_add(set, 4, 20);
    assert_set(set, "2-21 ");
    sequence_set_add(set, 0, G_MAXUINT64);
    assert_set(set, "0-18446744073709551615 ");
}

static void test_what_is_missing(void)
{
    g_autoptr(SequenceSet) set = sequence_set_new();
    g_assert_cmpuint(sequence_set_next_missing(set, 3), ==, 3);
    sequence_set_add(set, 0, 3);
    sequence_set_add(set, 5, 7);
    g_assert_cmpuint(sequence_set_next_missing(set, 0), ==, 3);
    g_assert_cmpuint(sequence_set_next_missing(set, 3), ==, 3);
    g_assert_cmpuint(sequence_set_next_missing(set, 4), ==, 4);
    g_assert_cmpuint(sequence_set_next_missing(set, 5), ==, 7);
    g_assert_cmpuint(sequence_set_next_missing(set, 7), ==, 7);
    g_assert_true(sequence_set_has(set, 6));
    g_assert_false(sequence_set_has(set, 7));
}

static void test_others(void)
{
    g_autoptr(SequenceSet) left = sequence_set_new();
    sequence_set_add(left, 3, 5);
    sequence_set_add(left, 8, 20);
    g_autoptr(SequenceSet) set = sequence_set_new();
    sequence_set_add_others(set, left, 10);
    assert_set(set, "0-3 5-8 ");
    sequence_set_add_others(set, left, 25);
    assert_set(set, "0-3 5-8 20-25 ");
    sequence_set_add_others(set, left, 2);
    assert_set(set, "0-3 5-8 20-25 ");
}

static void test_packed(void)
{
    g_autoptr(SequenceSet) set = sequence_set_new();
    for (guint i = 0; i < 5; i++)
        sequence_set_add(set, 10 * i, 10 * i + 1);
    gsize n = 0;
    g_autofree WireSequenceRange **all = sequence_set_pack(set, 100, &n);
    g_assert_cmpuint(n, ==, 5);
    g_autofree WireSequenceRange **highest = sequence_set_pack(set, 2, &n);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpuint(highest[0]->first, ==, 30);
    g_autoptr(SequenceSet) again = sequence_set_new();
    sequence_set_add_ranges(again, all, 5);
    assert_set(again, "0-1 10-11 20-21 30-31 40-41 ");
}

// Beside a plain table of what is in it.
static void test_like_a_table(void)
{
    Chance chance = {0};
    Random random = chance_random(&chance);
    g_autoptr(SequenceSet) set = sequence_set_new();
    gboolean table[256] = {FALSE};
    for (guint i = 0; i < 200; i++) {
        guint8 dice[2];
        random_fill(&random, dice, sizeof dice);
        guint64 end = MIN(dice[0] + dice[1] % 4u, 255u);
        sequence_set_add(set, dice[0], end);
        for (guint64 j = dice[0]; j < end; j++)
            table[j] = TRUE;
        for (guint j = 0; j < 256; j++)
            g_assert_cmpint(sequence_set_has(set, j), ==, table[j]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sequence/ranges-grow-together", test_ranges_grow_together);
    g_test_add_func("/sequence/what-is-missing", test_what_is_missing);
    g_test_add_func("/sequence/others", test_others);
    g_test_add_func("/sequence/packed", test_packed);
    g_test_add_func("/sequence/like-a-table", test_like_a_table);
    return g_test_run();
}

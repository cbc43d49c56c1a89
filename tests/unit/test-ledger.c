// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/ledger-fixture.h"

static void assert_numbers(const Ledger *ledger, guint64 end, guint64 open_end, guint64 n_open,
                           guint64 first_open)
{
    g_assert_cmpuint(ledger_end(ledger), ==, end);
    g_assert_cmpuint(ledger_open_end(ledger), ==, open_end);
    g_assert_cmpuint(ledger_n_open(ledger), ==, n_open);
    g_assert_cmpuint(ledger_first_open(ledger), ==, first_open);
}

static void assert_reserve(Ledger *ledger, guint64 first, guint64 n_slots, Status status)
{
    g_assert_cmpint(ledger_reserve(ledger, (Slots){first, n_slots}), ==, status);
}

static void test_numbers_grow_with_blocks(LedgerFixture *fixture, gconstpointer data)
{
    assert_numbers(fixture->ledger, 0, 0, 0, 0);
    ledger_fixture_append_some(fixture);
    assert_numbers(fixture->ledger, 20, 12, 12, 0);
    ledger_fixture_reopen(fixture);
    assert_numbers(fixture->ledger, 20, 12, 12, 0);
    // A block counts once the other end holds all of it.
    ledger_set_open_end(fixture->ledger, 19);
    assert_numbers(fixture->ledger, 20, 19, 12, 0);
    ledger_set_open_end(fixture->ledger, 20);
    assert_numbers(fixture->ledger, 20, 20, 20, 0);
}

static void test_blocks_are_listed_from_a_slot(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    WireBlock blocks[4];
    g_assert_cmpuint(ledger_list_blocks(fixture->ledger, 8, blocks, 4), ==, 2);
    g_assert_cmpstr(blocks[0].id, ==, "b");
    g_assert_cmpuint(blocks[0].n_slots, ==, 4);
    g_assert_cmpstr(blocks[1].id, ==, "c");
    g_assert_cmpuint(ledger_list_blocks(fixture->ledger, 0, blocks, 1), ==, 1);
    g_assert_cmpuint(ledger_list_blocks(fixture->ledger, 20, blocks, 4), ==, 0);
}

static void test_a_range_spans_blocks(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 6, 10);
    assert_numbers(fixture->ledger, 20, 20, 10, 0);
    ledger_fixture_spend(fixture, 0, 6);
    assert_numbers(fixture->ledger, 20, 20, 4, 16);
    ledger_fixture_spend(fixture, 16, 4);
    assert_numbers(fixture->ledger, 20, 20, 0, 20);
}

static void test_no_slot_serves_twice(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 2, 3);
    for (guint64 first = 0; first < 8; first++)
        assert_reserve(fixture->ledger, first, 1,
                       first >= 2 && first < 5 ? STATUS_SLOT_USED : STATUS_OK);
    // Reserved is taken as well, also for the same range.
    assert_reserve(fixture->ledger, 0, 1, STATUS_SLOT_USED);
    assert_reserve(fixture->ledger, 0, 12, STATUS_SLOT_USED);
}

static void test_a_reservation_is_all_or_nothing(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 5, 1);
    assert_reserve(fixture->ledger, 0, 8, STATUS_SLOT_USED);
    assert_reserve(fixture->ledger, 0, 5, STATUS_OK);
    ledger_unreserve(fixture->ledger, (Slots){0, 5});
    assert_reserve(fixture->ledger, 18, 3, STATUS_SLOT_UNKNOWN);
    assert_reserve(fixture->ledger, 18, 2, STATUS_OK);
    g_assert_true(ledger_keeps(fixture->ledger, (Slots){18, 2}));
    g_assert_false(ledger_keeps(fixture->ledger, (Slots){17, 2}));
}

static void test_unreserved_slots_serve_again(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 1, 1);
    assert_reserve(fixture->ledger, 2, 4, STATUS_OK);
    ledger_unreserve(fixture->ledger, (Slots){0, 8});
    g_assert_false(ledger_keeps(fixture->ledger, (Slots){2, 4}));
    assert_reserve(fixture->ledger, 1, 1, STATUS_SLOT_USED);
    ledger_fixture_spend(fixture, 2, 4);
}

static void test_ranges_at_the_limits(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    static const Slots nowhere[] = {
        {0, 0},
        {20, 0},
        {20, 1},
        {0, 21},
        {G_MAXUINT64, 1},
        {G_MAXUINT64, G_MAXUINT64},
        {1, G_MAXUINT64},
        {G_MAXUINT64 - 3, 8},
        {G_GUINT64_CONSTANT(1) << 56, 1},
        {0, G_GUINT64_CONSTANT(1) << 56},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(nowhere); i++) {
        g_assert_cmpint(ledger_reserve(fixture->ledger, nowhere[i]), ==, STATUS_SLOT_UNKNOWN);
        g_assert_false(ledger_keeps(fixture->ledger, nowhere[i]));
        ledger_unreserve(fixture->ledger, nowhere[i]);
    }
    // What wraps around, or is nothing, burns nothing.
    ledger_burn(fixture->ledger, (Slots){G_MAXUINT64 - 3, 8});
    ledger_burn(fixture->ledger, (Slots){0, 0});
    ledger_burn(fixture->ledger, (Slots){0, G_MAXUINT64});
    assert_numbers(fixture->ledger, 20, 12, 12, 0);
    ledger_fixture_spend(fixture, 0, 20);
}

static void test_burned_slots_serve_nothing(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    assert_reserve(fixture->ledger, 0, 2, STATUS_OK);
    ledger_burn(fixture->ledger, (Slots){0, 4});
    ledger_burn(fixture->ledger, (Slots){0, 4});
    g_assert_false(ledger_keeps(fixture->ledger, (Slots){0, 2}));
    assert_numbers(fixture->ledger, 20, 12, 8, 4);
    assert_reserve(fixture->ledger, 3, 1, STATUS_SLOT_USED);
    // Far beyond the end: what is there.
    ledger_burn(fixture->ledger, (Slots){10, 1000000});
    assert_numbers(fixture->ledger, 20, 20, 6, 4);
    ledger_fixture_spend(fixture, 4, 6);
    assert_numbers(fixture->ledger, 20, 20, 0, 20);
}

static void test_only_what_was_committed_is_spent(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 0, 8);
    ledger_fixture_append(fixture, "d", 2);
    ledger_set_generation(fixture->ledger, 9);
    ledger_fixture_reopen(fixture);
    assert_numbers(fixture->ledger, 20, 12, 12, 0);
    g_assert_cmpuint(ledger_generation(fixture->ledger), ==, 0);
    ledger_fixture_spend(fixture, 0, 8);
}

static void test_a_restart_of_the_agent(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_append(fixture, "odd", 11);
    static const guint64 spent[] = {0, 3, 7, 9, 20, 27, 28, 30};
    for (gsize i = 0; i < G_N_ELEMENTS(spent); i++)
        ledger_fixture_spend(fixture, spent[i], 1);
    assert_reserve(fixture->ledger, 12, 8, STATUS_OK);
    ledger_set_generation(fixture->ledger, 7);
    ledger_fixture_commit(fixture);
    ledger_fixture_reopen(fixture);
    assert_numbers(fixture->ledger, 31, 31, 23, 1);
    g_assert_cmpuint(ledger_generation(fixture->ledger), ==, 7);
    for (guint64 slot = 0, i = 0; slot < 31; slot++) {
        gboolean is_spent = i < G_N_ELEMENTS(spent) && slot == spent[i];
        i += is_spent;
        if (is_spent)
            assert_reserve(fixture->ledger, slot, 1, STATUS_SLOT_USED);
        else
            ledger_fixture_spend(fixture, slot, 1);
    }
}

static void test_ledgers_do_not_mix(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    g_autoptr(GError) error = NULL;
    static const char *const others[] = {"graz", "graz-vienna2", "vienna", "graz-vienn"};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(Ledger) other = ledger_fixture_open(
            others[i], fixture->store, fixture->master_key, &fixture->random, &error);
        g_assert_no_error(error);
        assert_numbers(other, 0, 0, 0, 0);
    }
}

// Each has its own of what the store holds, and what is of none of them stays there.
static void test_many_are_loaded_at_once(LedgerFixture *fixture, gconstpointer data)
{
    static const char *const links[] = {LEDGER_LINK, "graz-wels", "linz-wels", "none"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) ledgers =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)ledger_free);
    ledger_fixture_append_some(fixture);
    g_autoptr(Secret) key = secret_new(2 * SLOT_BYTES);
    for (gsize i = 1; i < 3; i++) {
        g_autoptr(Ledger) other =
            ledger_new(links[i], fixture->store, fixture->master_key, &fixture->random);
        ledger_append(other, "block", key);
        ledger_set_open_end(other, 2 * (i - 1));
        ledger_fixture_commit(fixture);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        if (i != 2)
            g_hash_table_insert(
                ledgers, (char *)links[i],
                ledger_new(links[i], fixture->store, fixture->master_key, &fixture->random));
    }
    g_assert_true(ledgers_load(fixture->store, ledgers, &error));
    g_assert_no_error(error);
    assert_numbers(g_hash_table_lookup(ledgers, LEDGER_LINK), 20, 12, 12, 0);
    assert_numbers(g_hash_table_lookup(ledgers, "graz-wels"), 2, 0, 0, 0);
    assert_numbers(g_hash_table_lookup(ledgers, "none"), 0, 0, 0, 0);
    g_autoptr(Ledger) left = ledger_fixture_open("linz-wels", fixture->store, fixture->master_key,
                                                 &fixture->random, &error);
    assert_numbers(left, 2, 2, 2, 0);
}

// --- letting go ----------------------------------------------------------------------------------

static void test_truncation_ends_at_a_block(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    g_assert_false(ledger_truncate(fixture->ledger, 21));
    g_assert_false(ledger_truncate(fixture->ledger, 9));
    g_assert_true(ledger_truncate(fixture->ledger, 20));
    assert_numbers(fixture->ledger, 20, 12, 12, 0);
    g_assert_true(ledger_truncate(fixture->ledger, 12));
    assert_numbers(fixture->ledger, 12, 12, 12, 0);
    g_assert_true(ledger_truncate(fixture->ledger, 8));
    assert_numbers(fixture->ledger, 8, 8, 8, 0);
    ledger_fixture_commit(fixture);
    ledger_fixture_reopen(fixture);
    assert_numbers(fixture->ledger, 8, 8, 8, 0);
    ledger_fixture_append(fixture, "again", 4);
    ledger_fixture_spend(fixture, 8, 4);
}

// The number of a slot that was used must never come back, whatever the neighbour says.
static void test_what_was_used_is_not_numbered_again(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 8, 4);
    for (guint64 from = 0; from < 12; from++)
        g_assert_false(ledger_truncate(fixture->ledger, from));
    ledger_fixture_spend(fixture, 19, 1);
    g_assert_false(ledger_truncate(fixture->ledger, 12));
    ledger_burn(fixture->ledger, (Slots){12, 8});
    for (guint64 from = 0; from < 20; from++)
        g_assert_false(ledger_truncate(fixture->ledger, from));
    assert_numbers(fixture->ledger, 20, 20, 8, 0);
}

static void test_what_is_reserved_is_not_truncated(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    assert_reserve(fixture->ledger, 13, 1, STATUS_OK);
    g_assert_false(ledger_truncate(fixture->ledger, 12));
    ledger_unreserve(fixture->ledger, (Slots){13, 1});
    g_assert_true(ledger_truncate(fixture->ledger, 12));
}

static void test_a_restart_lets_go_of_everything(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    assert_reserve(fixture->ledger, 0, 4, STATUS_OK);
    ledger_restart(fixture->ledger, 50);
    // An order that waited with its slots reserved must not get zeros for them.
    g_assert_false(ledger_keeps(fixture->ledger, (Slots){0, 4}));
    assert_numbers(fixture->ledger, 50, 50, 0, 50);
    assert_reserve(fixture->ledger, 0, 4, STATUS_SLOT_USED);
    ledger_fixture_commit(fixture);
    ledger_fixture_reopen(fixture);
    assert_numbers(fixture->ledger, 50, 50, 0, 50);
    ledger_fixture_append(fixture, "new", 4);
    ledger_fixture_spend(fixture, 50, 4);
}

// However the open end moves, what is counted on the way is what a new look finds.
static void test_open_slots_are_counted_as_they_move(LedgerFixture *fixture, gconstpointer data)
{
    for (guint round = 0; round < 300; round++) {
        Ledger *ledger = fixture->ledger;
        guint64 end = ledger_end(ledger), open_end = ledger_open_end(ledger);
        ledger_fixture_append(fixture, "more", 1 + round % 7);
        if (round % 2 == 0)
            ledger_set_open_end(ledger, open_end + (end - open_end) / 2);
        if (round % 3 == 0)
            ledger_burn(ledger, (Slots){open_end + round % 5, 1 + round % 9});
        if (round % 11 == 0)
            ledger_truncate(ledger, ledger_open_end(ledger));
        if (round % 13 == 0)
            ledger_truncate(ledger, end);
        guint64 n_open = ledger_n_open(ledger);
        ledger_fixture_commit(fixture);
        ledger_fixture_reopen(fixture);
        g_assert_cmpuint(ledger_n_open(fixture->ledger), ==, n_open);
    }
}

#define ADD(name, fn)                                                                              \
    g_test_add("/ledger/" name, LedgerFixture, NULL, ledger_fixture_set_up, fn,                    \
               ledger_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("numbers-grow-with-blocks", test_numbers_grow_with_blocks);
    ADD("blocks-are-listed-from-a-slot", test_blocks_are_listed_from_a_slot);
    ADD("a-range-spans-blocks", test_a_range_spans_blocks);
    ADD("no-slot-serves-twice", test_no_slot_serves_twice);
    ADD("a-reservation-is-all-or-nothing", test_a_reservation_is_all_or_nothing);
    ADD("unreserved-slots-serve-again", test_unreserved_slots_serve_again);
    ADD("ranges-at-the-limits", test_ranges_at_the_limits);
    ADD("burned-slots-serve-nothing", test_burned_slots_serve_nothing);
    ADD("only-what-was-committed-is-spent", test_only_what_was_committed_is_spent);
    ADD("a-restart-of-the-agent", test_a_restart_of_the_agent);
    ADD("ledgers-do-not-mix", test_ledgers_do_not_mix);
    ADD("many-are-loaded-at-once", test_many_are_loaded_at_once);
    ADD("truncation-ends-at-a-block", test_truncation_ends_at_a_block);
    ADD("what-was-used-is-not-numbered-again", test_what_was_used_is_not_numbered_again);
    ADD("what-is-reserved-is-not-truncated", test_what_is_reserved_is_not_truncated);
    ADD("open-slots-are-counted-as-they-move", test_open_slots_are_counted_as_they_move);
    ADD("a-restart-lets-go-of-everything", test_a_restart_lets_go_of_everything);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0
//
// What a ledger leaves on disk, and what it takes from there.

#include "agents/federation/state.pb-c.h"
#include "tests/unit/ledger-fixture.h"
#include "topics/frame.h"

typedef struct {
    const LedgerFixture *fixture;
    GByteArray *clear; // of all blocks, unsealed
    guint n_records;
} Disk;

static void read_block(gpointer data, GBytes *key, GBytes *value)
{
    Disk *disk = data;
    g_autoptr(GString) place =
        g_string_new_len(g_bytes_get_data(key, NULL), (gssize)g_bytes_get_size(key));
    Agent__State__Block *state =
        agent__state__block__unpack(NULL, g_bytes_get_size(value), g_bytes_get_data(value, NULL));
    g_string_append_c(place, ' ');
    for (gsize i = 0; i < state->spent.len; i++)
        g_string_append_printf(place, "%02x", state->spent.data[i]);
    g_autoptr(Secret) clear =
        unseal(disk->fixture->master_key, place->str, state->sealed.data, state->sealed.len);
    g_assert_nonnull(clear);
    g_byte_array_append(disk->clear, clear->data, (guint)clear->n_bytes);
    disk->n_records++;
    wire_free(state);
}

static void test_spent_bytes_are_gone(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    ledger_fixture_spend(fixture, 3, 1);
    ledger_burn(fixture->ledger, (Slots){8, 5});
    ledger_fixture_commit(fixture);
    g_autoptr(GByteArray) clear = g_byte_array_new();
    Disk disk = {fixture, clear, 0};
    g_autoptr(Store) store = store_new_memory(fixture->disk);
    g_assert_true(store_load(store, "block", read_block, &disk, NULL));
    // The second block was used up: its record is gone.
    g_assert_cmpuint(disk.n_records, ==, 2);
    for (guint i = 0; i < clear->len; i++) {
        guint slot = i / SLOT_BYTES < 8 ? i / SLOT_BYTES : i / SLOT_BYTES + 4;
        g_assert_cmpuint(clear->data[i], ==, slot == 3 || slot == 12 ? 0 : slot + 1);
    }
}

static void put(LedgerFixture *fixture, const char *table, const char *key, GBytes *value)
{
    g_autoptr(Store) store = store_new_memory(fixture->disk);
    store_put_text(store, table, key, value);
    g_assert_true(store_commit(store, NULL));
}

static void assert_damaged(LedgerFixture *fixture, const Secret *master_key, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) store = store_new_memory(fixture->disk);
    g_assert_null(ledger_fixture_open(LEDGER_LINK, store, master_key, &fixture->random, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_assert_cmpstr(error->message, ==, message);
}

static void test_another_master_key(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    g_autoptr(Secret) other =
        secret_new_copy(fixture->master_key->data, fixture->master_key->n_bytes);
    other->data[31] ^= 1;
    assert_damaged(fixture, other,
                   "ledger block 'graz-vienna/0000000000000000': is damaged, or sealed with "
                   "another master key: give the one that belongs to this store");
}

static void test_a_damaged_record(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append_some(fixture);
    g_autoptr(GBytes) noise = g_bytes_new_static("\xff\xff\xff", 3);
    put(fixture, "block", "graz-vienna/0000000000000008", noise);
    assert_damaged(fixture, fixture->master_key,
                   "ledger block 'graz-vienna/0000000000000008': is damaged");
    put(fixture, "ledger", LEDGER_LINK, noise);
    assert_damaged(fixture, fixture->master_key, "ledger block 'graz-vienna': is damaged");
}

static void copy_block(gpointer data, GBytes *key, GBytes *value)
{
    *(GBytes **)data = g_bytes_ref(value);
}

// A flipped bit, of what is spent or of what is sealed, is found.
static void test_a_flipped_bit(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append(fixture, "a", 8);
    ledger_fixture_spend(fixture, 3, 1);
    ledger_fixture_commit(fixture);
    g_autoptr(GBytes) whole = NULL;
    g_autoptr(Store) store = store_new_memory(fixture->disk);
    g_assert_true(store_load(store, "block", copy_block, &whole, NULL));
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(whole, &n_bytes);
    Agent__State__Block *state = agent__state__block__unpack(NULL, n_bytes, bytes);
    const ProtobufCBinaryData parts[] = {state->spent, state->sealed};
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        for (gsize bit = 0; bit < 8 * parts[i].len; bit++) {
            parts[i].data[bit / 8] ^= (guint8)(1u << (bit % 8));
            g_autoptr(GBytes) changed = message_pack(&state->base);
            parts[i].data[bit / 8] ^= (guint8)(1u << (bit % 8));
            put(fixture, "block", "graz-vienna/0000000000000000", changed);
            assert_damaged(fixture, fixture->master_key,
                           "ledger block 'graz-vienna/0000000000000000': is damaged, or sealed "
                           "with another master key: give the one that belongs to this "
                           "store");
        }
    }
    wire_free(state);
}

// A record serves only in its own place.
static void test_a_moved_record(LedgerFixture *fixture, gconstpointer data)
{
    ledger_fixture_append(fixture, "a", 8);
    ledger_fixture_commit(fixture);
    g_autoptr(GBytes) whole = NULL;
    g_autoptr(Store) store = store_new_memory(fixture->disk);
    g_assert_true(store_load(store, "block", copy_block, &whole, NULL));
    put(fixture, "block", "graz-vienna/0000000000000008", whole);
    assert_damaged(fixture, fixture->master_key,
                   "ledger block 'graz-vienna/0000000000000008': is damaged, or sealed with "
                   "another master key: give the one that belongs to this store");
}

#define ADD(name, fn)                                                                              \
    g_test_add("/ledger-disk/" name, LedgerFixture, NULL, ledger_fixture_set_up, fn,               \
               ledger_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("spent-bytes-are-gone", test_spent_bytes_are_gone);
    ADD("another-master-key", test_another_master_key);
    ADD("a-damaged-record", test_a_damaged_record);
    ADD("a-flipped-bit", test_a_flipped_bit);
    ADD("a-moved-record", test_a_moved_record);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0
//
// What keys and ledgers leave in the files of a store, and that they find what a version before
// has left there.

#include "agents/federation/ledger.h"
#include "agents/federation/seal.h"
#include "agents/federation/state.pb-c.h"
#include "tests/unit/keystore-fixture.h"
#include "tests/unit/ledger-fixture.h"
#include "tests/unit/place.h"
#include "topics/frame.h"

#include <sqlite3.h>
#include <string.h>

#define REQUEST   "01234567-89ab-4cde-8f01-23456789abcd"
#define ANOTHER   "11234567-89ab-4cde-8f01-23456789abcd"
#define KEY_BYTES 32

static char *const bob[] = {(char *)"bob", NULL};
static const KeyAudience alice_bob = {"alice", bob, 1};

typedef struct {
    Place place;
    Secret *master_key;
    Chance chance;
    Random random;
    Store *store;
    KeyStore *keys;
    GPtrArray *got; // DeliveredKey
} Fixture;

static void open_store(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    fixture->store = place_open(&fixture->place);
    fixture->keys = keystore_open(fixture->store, fixture->master_key, &fixture->random, &error);
    g_assert_no_error(error);
}

static void close_store(Fixture *fixture)
{
    g_clear_pointer(&fixture->keys, keystore_free);
    g_clear_pointer(&fixture->store, store_free);
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    place_set_up(&fixture->place, data);
    fixture->random = chance_random(&fixture->chance);
    fixture->master_key = secret_new(SEAL_KEY_BYTES);
    fixture->got = g_ptr_array_new_with_free_func(delivered_key_free);
    open_store(fixture);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    close_store(fixture);
    g_ptr_array_unref(fixture->got);
    secret_free(fixture->master_key);
    place_tear_down(&fixture->place, data);
}

// Keys all of whose bytes are their number from 1 on.
static void store_keys(Fixture *fixture, const char *request, guint number)
{
    const char *const holders[] = {"alice", NULL};
    g_autoptr(Secret) bytes = secret_new(number * KEY_BYTES);
    for (gsize i = 0; i < bytes->n_bytes; i++)
        bytes->data[i] = (guint8)(i / KEY_BYTES + 1);
    keystore_add(fixture->keys, &(KeyBatch){.request = request,
                                            .audience = alice_bob,
                                            .holders = holders,
                                            .number = number,
                                            .n_key_bytes = KEY_BYTES,
                                            .keys = bytes->data,
                                            .expires_at_us = G_MAXINT64});
    place_commit(fixture->store);
}

static void grant(Fixture *fixture, const char *request)
{
    keystore_deliver(fixture->keys, request, 0);
    place_commit(fixture->store);
}

static void add(Fixture *fixture, const char *request, guint number)
{
    store_keys(fixture, request, number);
    grant(fixture, request);
}

static void take(Fixture *fixture, guint number)
{
    g_assert_true(keystore_take(fixture->keys, &alice_bob, KEY_BYTES, number, fixture->got));
    g_assert_cmpuint(fixture->got->len, ==, number);
    for (guint i = 0; i < number; i++)
        g_assert_cmpuint(((const DeliveredKey *)fixture->got->pdata[i])->key->data[0], ==, i + 1);
    g_ptr_array_set_size(fixture->got, 0);
    place_commit(fixture->store);
}

static void copy_sealed(gpointer data, GBytes *key, GBytes *value)
{
    Agent__State__Key *state =
        agent__state__key__unpack(NULL, g_bytes_get_size(value), g_bytes_get_data(value, NULL));
    g_clear_pointer((GBytes **)data, g_bytes_unref);
    *(GBytes **)data = g_bytes_new(state->sealed.data, state->sealed.len);
    wire_free(state);
}

// Of the last record, of which there is one at least.
static GBytes *sealed_keys(const Fixture *fixture)
{
    GBytes *sealed = NULL;
    g_assert_true(store_load(fixture->store, "key", copy_sealed, &sealed, NULL));
    g_assert_nonnull(sealed);
    return sealed;
}

static guint count_in(const char *path, GBytes *wanted)
{
    g_autofree char *bytes = NULL;
    gsize n_bytes = 0, n_wanted = 0;
    guint n = 0;
    gconstpointer start = g_bytes_get_data(wanted, &n_wanted);
    if (!g_file_get_contents(path, &bytes, &n_bytes, NULL))
        return 0;
    for (const char *at = bytes; (at = memmem(at, n_bytes - (gsize)(at - bytes), start, n_wanted));
         at++)
        n++;
    return n;
}

// How often it is in the files of the store.
static guint n_on_disk(const Fixture *fixture, GBytes *wanted)
{
    g_autofree char *journal = g_strconcat(fixture->place.path, "-wal", NULL);
    return count_in(fixture->place.path, wanted) + count_in(journal, wanted);
}

static void forget(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    store_forget(fixture->store, &error);
    g_assert_no_error(error);
}

static void test_a_key_that_was_taken_is_gone(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 1);
    g_autoptr(GBytes) sealed = sealed_keys(fixture);
    g_assert_cmpuint(n_on_disk(fixture, sealed), >, 0);
    take(fixture, 1);
    forget(fixture);
    g_assert_cmpuint(n_on_disk(fixture, sealed), ==, 0);
    // It goes on from there.
    add(fixture, ANOTHER, 2);
    forget(fixture);
    g_autoptr(GBytes) others = sealed_keys(fixture);
    g_assert_cmpuint(n_on_disk(fixture, others), ==, 1);
    close_store(fixture);
    open_store(fixture);
    take(fixture, 2);
}

// Sealed anew without the key that left, a record is not there as it was with it.
static void test_a_key_that_left_its_record_is_gone(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 40);
    g_autoptr(GBytes) all = sealed_keys(fixture);
    g_assert_cmpuint(n_on_disk(fixture, all), >, 0);
    take(fixture, 1);
    forget(fixture);
    g_autoptr(GBytes) rest = sealed_keys(fixture);
    g_assert_cmpuint(n_on_disk(fixture, all), ==, 0);
    g_assert_cmpuint(n_on_disk(fixture, rest), ==, 1);
}

// Both records of a key, before and after its grant, have what was sealed once.
static void test_a_grant_seals_nothing_anew(Fixture *fixture, gconstpointer data)
{
    store_keys(fixture, REQUEST, 2);
    g_autoptr(GBytes) before = sealed_keys(fixture);
    grant(fixture, REQUEST);
    g_autoptr(GBytes) after = sealed_keys(fixture);
    g_assert_true(g_bytes_equal(before, after));
    close_store(fixture);
    open_store(fixture);
    take(fixture, 2);
}

typedef struct {
    GBytes *key, *value;
} Record;

static void copy_record(gpointer data, GBytes *key, GBytes *value)
{
    *(Record *)data = (Record){g_bytes_ref(key), g_bytes_ref(value)};
}

static void assert_refused(Fixture *fixture, const char *what)
{
    g_autoptr(GError) error = NULL;
    place_commit(fixture->store);
    close_store(fixture);
    fixture->store = place_open(&fixture->place);
    g_assert_null(keystore_open(fixture->store, fixture->master_key, &fixture->random, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_assert_nonnull(strstr(error->message, what));
}

// Alone in a record, and beside another in one of the longer name.
static void test_a_key_in_two_records(Fixture *fixture, gconstpointer data)
{
    Record alone = {NULL, NULL};
    add(fixture, REQUEST, 1);
    g_assert_true(store_load(fixture->store, "key", copy_record, &alone, NULL));
    take(fixture, 1);
    add(fixture, REQUEST, 2);
    store_put(fixture->store, "key", alone.key, alone.value);
    assert_refused(fixture, "': is there twice");
    g_bytes_unref(alone.key);
    g_bytes_unref(alone.value);
}

// Alone, beside a second one, and beside a third: what was refused once is not compared with.
static void test_a_key_in_three_records(Fixture *fixture, gconstpointer data)
{
    Record records[2];
    for (guint i = 0; i < G_N_ELEMENTS(records); i++) {
        add(fixture, REQUEST, i + 1);
        g_assert_true(store_load(fixture->store, "key", copy_record, &records[i], NULL));
        take(fixture, 1);
    }
    add(fixture, REQUEST, 3);
    for (guint i = 0; i < G_N_ELEMENTS(records); i++) {
        store_put(fixture->store, "key", records[i].key, records[i].value);
        g_bytes_unref(records[i].key);
        g_bytes_unref(records[i].value);
    }
    assert_refused(fixture, "': is there twice");
}

static void test_a_grant_of_nothing(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 2);
    place_put(fixture->store, "granted", "1b006752-be62-5a52-9a98-02705469c0ff+", "");
    assert_refused(fixture, "grant of keys '1b006752-be62-5a52-9a98-02705469c0ff+': is damaged: "
                            "there are no such keys");
}

static Ledger *open_ledger(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    Ledger *ledger = ledger_fixture_open("graz-vienna", fixture->store, fixture->master_key,
                                         &fixture->random, &error);
    g_assert_no_error(error);
    return ledger;
}

static void spend(Ledger *ledger, guint64 slot)
{
    g_assert_cmpint(ledger_reserve(ledger, (Slots){slot, 1}), ==, STATUS_OK);
    g_autoptr(Secret) bytes = ledger_spend(ledger, (Slots){slot, 1});
    g_assert_cmpuint(bytes->data[0], ==, slot + 1);
}

static void fill_and_spend_first(const Fixture *fixture)
{
    g_autoptr(Ledger) ledger = open_ledger(fixture);
    g_autoptr(Secret) block = secret_new(8 * SLOT_BYTES);
    for (gsize i = 0; i < block->n_bytes; i++)
        block->data[i] = (guint8)(i / SLOT_BYTES + 1);
    ledger_append(ledger, "a", block);
    ledger_set_open_end(ledger, 8);
    spend(ledger, 0);
    place_commit(fixture->store);
}

static void spend_second(const Fixture *fixture)
{
    g_autoptr(Ledger) ledger = open_ledger(fixture);
    g_assert_cmpint(ledger_reserve(ledger, (Slots){0, 1}), ==, STATUS_SLOT_USED);
    spend(ledger, 1);
    place_commit(fixture->store);
}

// Which had each key in a record of its own, in the order of their names. What it held is there
// once, and not also where it was.
static void test_a_store_of_the_first_format(Fixture *fixture, gconstpointer data)
{
    static const char *const tables[] = {"key", "granted", "ledger", "block"};
    add(fixture, REQUEST, 1);
    add(fixture, ANOTHER, 1);
    fill_and_spend_first(fixture);
    g_autoptr(GBytes) sealed = sealed_keys(fixture);
    close_store(fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
        place_make_first_format(&fixture->place, tables[i]);
    g_assert_cmpuint(n_on_disk(fixture, sealed), ==, 1);
    open_store(fixture);
    forget(fixture);
    g_assert_cmpuint(n_on_disk(fixture, sealed), ==, 1);
    spend_second(fixture);
    take(fixture, 1);
    take(fixture, 1);
    add(fixture, REQUEST, 3);
    forget(fixture);
    g_assert_cmpuint(n_on_disk(fixture, sealed), ==, 0);
    close_store(fixture);
    open_store(fixture);
    take(fixture, 3);
}

#define ADD(name, fn) g_test_add("/keystore-disk/" name, Fixture, NULL, set_up, fn, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a-key-that-was-taken-is-gone", test_a_key_that_was_taken_is_gone);
    ADD("a-key-that-left-its-record-is-gone", test_a_key_that_left_its_record_is_gone);
    ADD("a-grant-seals-nothing-anew", test_a_grant_seals_nothing_anew);
    ADD("a-key-in-two-records", test_a_key_in_two_records);
    ADD("a-key-in-three-records", test_a_key_in_three_records);
    ADD("a-grant-of-nothing", test_a_grant_of_nothing);
    ADD("a-store-of-the-first-format", test_a_store_of_the_first_format);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/seal.h"
#include "tests/unit/keystore-fixture.h"
#include "topics/base/id.h"
#include "topics/base/timers.h"

#include <string.h>

#define REQUEST   "01234567-89ab-4cde-8f01-23456789abcd"
#define ANOTHER   "11234567-89ab-4cde-8f01-23456789abcd"
#define KEY_BYTES 16

typedef KeystoreFixture Fixture;

static char *const bob[] = {(char *)"bob", NULL};
static char *const bob_carol[] = {(char *)"bob", (char *)"carol", NULL};
static char *const carol_bob[] = {(char *)"carol", (char *)"bob", NULL};
static const KeyAudience alice_bob = {"alice", bob, 1};
static const KeyAudience alice_both = {"alice", bob_carol, 2};

// Keys whose bytes are all `fill`, then all `fill` + 1, …, for the holders, separated by commas.
static void add(Fixture *fixture, const char *request, guint attempt, const KeyAudience *audience,
                const char *holders, guint8 fill, guint number)
{
    g_auto(GStrv) split = g_strsplit(holders, ",", -1);
    g_autoptr(Secret) keys = secret_new(number * KEY_BYTES);
    for (gsize i = 0; i < keys->n_bytes; i++)
        keys->data[i] = (guint8)(fill + i / KEY_BYTES);
    KeyBatch batch = {
        .request = request,
        .attempt = attempt,
        .audience = *audience,
        .holders = (const char *const *)split,
        .number = number,
        .n_key_bytes = KEY_BYTES,
        .keys = keys->data,
        .expires_at_us = 1000 * (fill + 1),
    };
    keystore_add(fixture->keys, &batch);
}

static void assert_got(Fixture *fixture, guint number, guint8 fill)
{
    g_assert_cmpuint(fixture->got->len, ==, number);
    for (guint i = 0; i < number; i++) {
        const DeliveredKey *key = fixture->got->pdata[i];
        g_assert_cmpuint(key->key->n_bytes, ==, KEY_BYTES);
        for (guint j = 0; j < KEY_BYTES; j++)
            g_assert_cmpuint(key->key->data[j], ==, fill + i);
    }
    g_ptr_array_set_size(fixture->got, 0);
}

static guint n_for_alice(const Fixture *fixture, const KeyAudience *audience)
{
    return keystore_count(fixture->keys, audience, KEY_BYTES);
}

static gboolean take(Fixture *fixture, guint number)
{
    return keystore_take(fixture->keys, &alice_bob, KEY_BYTES, number, fixture->got);
}

static KeyLookup look_up(const Fixture *fixture, guint attempt, guint index, const char *initiator,
                         const char *target)
{
    char id[UUID_CHARS + 1];
    key_id_derive(REQUEST, attempt, index, id);
    return keystore_look_up(fixture->keys, id, initiator, target);
}

static void take_by_id(Fixture *fixture, guint index, const char *target)
{
    char id[UUID_CHARS + 1];
    key_id_derive(REQUEST, 0, index, id);
    g_assert_cmpstr(keystore_request_of(fixture->keys, id, target), ==, REQUEST);
    keystore_take_by_id(fixture->keys, id, target, fixture->got);
}

static void count_record(gpointer data, GBytes *key, GBytes *value)
{
    ++*(guint *)data;
}

static guint n_in_table(Fixture *fixture, const char *table)
{
    guint n = 0;
    g_assert_true(store_commit(fixture->store, NULL));
    g_assert_true(store_load(fixture->store, table, count_record, &n, NULL));
    return n;
}

static guint n_records(Fixture *fixture)
{
    return n_in_table(fixture, "key");
}

static void test_nothing_before_it_is_granted(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 2);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 0);
    g_assert_false(take(fixture, 1));
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "alice", fixture->got), ==,
                    KEY_WAITING);
    g_assert_false(keystore_deliver(fixture->keys, REQUEST, 1));
    g_assert_false(keystore_deliver(fixture->keys, ANOTHER, 0));
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 0);
    g_assert_true(keystore_deliver(fixture->keys, REQUEST, 0));
    g_assert_true(keystore_deliver(fixture->keys, REQUEST, 0));
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 2);
}

static void test_as_many_or_none(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 3);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_false(take(fixture, 4));
    g_assert_true(take(fixture, 2));
    assert_got(fixture, 2, 1);
    g_assert_true(take(fixture, 1));
    assert_got(fixture, 1, 3);
    g_assert_false(take(fixture, 1));
    g_assert_cmpuint(n_records(fixture), ==, 0);
}

static void test_pools(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_both, "alice", 1, 1);
    add(fixture, ANOTHER, 0, &alice_bob, "alice", 2, 1);
    keystore_deliver(fixture->keys, REQUEST, 0);
    keystore_deliver(fixture->keys, ANOTHER, 0);
    const KeyAudience other_order = {"alice", carol_bob, 2}, bob_alone = {"bob", bob, 1};
    g_assert_cmpuint(n_for_alice(fixture, &alice_both), ==, 1);
    g_assert_cmpuint(n_for_alice(fixture, &other_order), ==, 1);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 1);
    g_assert_cmpuint(n_for_alice(fixture, &bob_alone), ==, 0);
    g_assert_cmpuint(keystore_count(fixture->keys, &alice_bob, KEY_BYTES + 1), ==, 0);
    g_assert_true(keystore_take(fixture->keys, &other_order, KEY_BYTES, 1, fixture->got));
    assert_got(fixture, 1, 1);
}

// Both are users of the same provider: once each, and gone with the last.
static void test_both_ends_here(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 7, 1);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_FOUND);
    take_by_id(fixture, 0, "bob");
    assert_got(fixture, 1, 7);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_MISSING);
    keystore_fixture_reopen(fixture);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_MISSING);
    g_assert_cmpuint(n_records(fixture), ==, 1);
    g_assert_true(take(fixture, 1));
    assert_got(fixture, 1, 7);
    g_assert_cmpuint(n_records(fixture), ==, 0);
    keystore_fixture_reopen(fixture);
    g_assert_false(take(fixture, 1));
}

static void test_who_can_have_it(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_both, "bob,carol", 1, 2);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_WAITING);
    g_assert_cmpint(look_up(fixture, 0, 2, "alice", "bob"), ==, KEY_MISSING);
    g_assert_cmpint(look_up(fixture, 1, 0, "alice", "bob"), ==, KEY_MISSING);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "mallory"), ==, KEY_NOT_YOURS);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "alice"), ==, KEY_NOT_YOURS);
    g_assert_cmpint(look_up(fixture, 0, 0, "carol", "bob"), ==, KEY_MISSING);
    keystore_deliver(fixture->keys, REQUEST, 0);
    take_by_id(fixture, 1, "bob");
    assert_got(fixture, 1, 2);
    g_assert_cmpint(look_up(fixture, 0, 1, "alice", "bob"), ==, KEY_MISSING);
    g_assert_cmpint(look_up(fixture, 0, 1, "alice", "carol"), ==, KEY_FOUND);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_FOUND);
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "alice", fixture->got), ==,
                    KEY_NOT_YOURS);
}

static void test_all_of_a_request(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "alice", fixture->got), ==,
                    KEY_MISSING);
    // A failed attempt that was not voided yet does not stand in the way.
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 1, 2);
    add(fixture, REQUEST, 1, &alice_bob, "alice,bob", 5, 2);
    keystore_deliver(fixture->keys, REQUEST, 1);
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "bob", fixture->got), ==,
                    KEY_NOT_YOURS);
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "alice", fixture->got), ==,
                    KEY_FOUND);
    assert_got(fixture, 2, 5);
    keystore_void(fixture->keys, REQUEST, 0);
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "alice", fixture->got), ==,
                    KEY_MISSING);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 0);
}

static void test_voided(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 1, 2);
    add(fixture, REQUEST, 1, &alice_bob, "alice,bob", 5, 2);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_true(keystore_void(fixture->keys, REQUEST, 0));
    g_assert_false(keystore_void(fixture->keys, REQUEST, 0));
    g_assert_false(take(fixture, 1));
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_MISSING);
    g_assert_cmpint(look_up(fixture, 1, 0, "alice", "bob"), ==, KEY_WAITING);
    g_assert_cmpuint(n_records(fixture), ==, 1);
}

static void test_expired(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(keystore_expire(fixture->keys, 5), ==, TIMERS_NEVER);
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 2);
    add(fixture, ANOTHER, 0, &alice_bob, "alice", 8, 1);
    keystore_deliver(fixture->keys, REQUEST, 0);
    keystore_deliver(fixture->keys, ANOTHER, 0);
    g_assert_cmpint(keystore_expire(fixture->keys, 1999), ==, 2000);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 3);
    keystore_fixture_reopen(fixture);
    g_assert_cmpint(keystore_expire(fixture->keys, 2000), ==, 9000);
    g_assert_true(take(fixture, 1));
    assert_got(fixture, 1, 8);
    g_assert_cmpint(keystore_expire(fixture->keys, 2000), ==, TIMERS_NEVER);
    g_assert_cmpuint(n_records(fixture), ==, 0);
}

static void test_reloaded(Fixture *fixture, gconstpointer data)
{
    add(fixture, ANOTHER, 0, &alice_bob, "alice,bob", 3, 12);
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 30, 2);
    keystore_deliver(fixture->keys, ANOTHER, 0);
    g_assert_true(take(fixture, 1));
    assert_got(fixture, 1, 3);
    keystore_fixture_reopen(fixture);
    g_assert_cmpint(look_up(fixture, 0, 1, "alice", "bob"), ==, KEY_WAITING);
    // In the order of before, also beyond the tenth.
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 11);
    g_assert_true(take(fixture, 11));
    assert_got(fixture, 11, 4);
}

// Each leaves for itself, and what stays is what it was; a large record is not written again for
// the grant of what is in it.
static void test_many_in_one_record(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 1, 100);
    g_assert_cmpuint(n_records(fixture), ==, 2);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_cmpuint(n_in_table(fixture, "granted"), ==, 1);
    keystore_fixture_reopen(fixture);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 100);
    take_by_id(fixture, 0, "bob");
    take_by_id(fixture, 99, "bob");
    g_ptr_array_set_size(fixture->got, 0);
    g_assert_true(take(fixture, 1));
    assert_got(fixture, 1, 1);
    g_assert_cmpuint(n_in_table(fixture, "granted"), ==, 0);
    keystore_fixture_reopen(fixture);
    g_assert_cmpint(look_up(fixture, 0, 0, "alice", "bob"), ==, KEY_MISSING);
    g_assert_cmpint(look_up(fixture, 0, 99, "alice", "bob"), ==, KEY_MISSING);
    take_by_id(fixture, 98, "bob");
    assert_got(fixture, 1, 99);
    g_assert_true(take(fixture, 99));
    assert_got(fixture, 99, 2);
    for (guint i = 1; i < 98; i++)
        take_by_id(fixture, i, "bob");
    assert_got(fixture, 97, 2);
    g_assert_cmpuint(n_records(fixture), ==, 0);
}

// While others of the record that it began are still there.
static void test_a_key_comes_again(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 3);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_true(take(fixture, 1));
    assert_got(fixture, 1, 1);
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 2);
    keystore_fixture_reopen(fixture);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 3);
    g_assert_cmpuint(n_records(fixture), ==, 2);
}

static void test_what_was_not_committed(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 1);
    keystore_deliver(fixture->keys, REQUEST, 0);
    keystore_fixture_reopen(fixture);
    g_assert_true(take(fixture, 1));
    keystore_fixture_crash(fixture);
    g_assert_cmpuint(n_for_alice(fixture, &alice_bob), ==, 1);
}

static void test_stored_again(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 1, 2);
    add(fixture, REQUEST, 0, &alice_bob, "alice,bob", 9, 3);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_true(take(fixture, 2));
    assert_got(fixture, 2, 1);
    take_by_id(fixture, 0, "bob");
    assert_got(fixture, 1, 1);
}

static void test_another_master_key(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 1);
    keystore_fixture_reopen(fixture);
    g_autoptr(GError) error = NULL;
    g_autoptr(Secret) other = secret_new(SEAL_KEY_BYTES);
    other->data[0] = 1;
    g_assert_null(keystore_open(fixture->store, other, &fixture->random, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_assert_cmpstr(error->message, ==,
                    "key '1b006752-be62-5a52-9a98-02705469c0fe': is damaged, or sealed with "
                    "another master key: give the one that belongs to this store");
}

#define ADD(name, fn)                                                                              \
    g_test_add("/keystore/" name, Fixture, NULL, keystore_fixture_set_up, fn,                      \
               keystore_fixture_tear_down)

static void assert_n_stored(const Fixture *fixture, guint alone, guint both)
{
    g_assert_cmpuint(keystore_n_stored(fixture->keys, &alice_bob), ==, alone);
    g_assert_cmpuint(keystore_n_stored(fixture->keys, &alice_both), ==, both);
}

static void test_all_keys_of_a_pair_count(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, &alice_bob, "alice", 1, 3);
    add(fixture, ANOTHER, 0, &alice_both, "bob,carol", 7, 2);
    assert_n_stored(fixture, 3, 2);
    keystore_deliver(fixture->keys, REQUEST, 0);
    assert_n_stored(fixture, 3, 2);
    keystore_fixture_reopen(fixture);
    assert_n_stored(fixture, 3, 2);
    g_assert_true(keystore_take(fixture->keys, &alice_bob, KEY_BYTES, 2, fixture->got));
    assert_n_stored(fixture, 1, 2);
    keystore_void(fixture->keys, ANOTHER, 0);
    assert_n_stored(fixture, 1, 0);
    keystore_expire(fixture->keys, G_MAXINT64);
    assert_n_stored(fixture, 0, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("nothing-before-it-is-granted", test_nothing_before_it_is_granted);
    ADD("as-many-or-none", test_as_many_or_none);
    ADD("pools", test_pools);
    ADD("both-ends-here", test_both_ends_here);
    ADD("who-can-have-it", test_who_can_have_it);
    ADD("all-of-a-request", test_all_of_a_request);
    ADD("voided", test_voided);
    ADD("expired", test_expired);
    ADD("reloaded", test_reloaded);
    ADD("many-in-one-record", test_many_in_one_record);
    ADD("a-key-comes-again", test_a_key_comes_again);
    ADD("what-was-not-committed", test_what_was_not_committed);
    ADD("stored-again", test_stored_again);
    ADD("another-master-key", test_another_master_key);
    ADD("all-keys-of-a-pair-count", test_all_keys_of_a_pair_count);
    return g_test_run();
}

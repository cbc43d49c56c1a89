// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/keystore-fixture.h"
#include "topics/base/id.h"
#include "topics/base/timers.h"

#include <string.h>

#define REQUEST   "01234567-89ab-4cde-8f01-23456789abcd"
#define COPYING   "11234567-89ab-4cde-8f01-23456789abcd"
#define SESSION   "5e551011-0000-4000-8000-000000000001"
#define ALICE     SESSION "/alice"
#define BOB       SESSION "/bob"
#define KEY_BYTES 16

typedef KeystoreFixture Fixture;

static char *const bob[] = {(char *)"bob", NULL};
static const KeyAudience alice_bob = {"alice", bob, 1};

// Two keys of the session, numbers 7 and 8, whose bytes are all `fill` and `fill` + 1.
static void add(Fixture *fixture, const char *request, guint attempt, const char *holders,
                guint8 fill)
{
    g_auto(GStrv) split = g_strsplit(holders, ",", -1);
    g_autoptr(Secret) keys = secret_new(2 * KEY_BYTES);
    for (gsize i = 0; i < keys->n_bytes; i++)
        keys->data[i] = (guint8)(fill + i / KEY_BYTES);
    KeyBatch batch = {
        .request = request,
        .attempt = attempt,
        .audience = alice_bob,
        .holders = (const char *const *)split,
        .number = 2,
        .n_key_bytes = KEY_BYTES,
        .keys = keys->data,
        .expires_at_us = 1000,
        .session = SESSION,
        .first = 7,
    };
    if (strcmp(request, COPYING) == 0) {
        batch.copied_request = REQUEST;
        batch.marks = fixture->marks;
    }
    keystore_add(fixture->keys, &batch);
}

static void take(Fixture *fixture, const char *end, guint64 number, guint index, guint8 fill)
{
    g_assert_true(keystore_end_has(fixture->keys, end, number));
    keystore_end_take(fixture->keys, end, number, fixture->got);
    const DeliveredKey *key = fixture->got->pdata[fixture->got->len - 1];
    char id[UUID_CHARS + 1];
    key_id_derive(REQUEST, 0, index, id);
    g_assert_cmpstr(key->id, ==, id);
    g_assert_cmpuint(key->key->data[KEY_BYTES - 1], ==, fill);
    g_assert_false(keystore_end_has(fixture->keys, end, number));
}

static void count_record(gpointer data, GBytes *key, GBytes *value)
{
    ++*(guint *)data;
}

static guint n_records(Fixture *fixture)
{
    guint n = 0;
    g_assert_true(store_commit(fixture->store, NULL));
    g_assert_true(store_load(fixture->store, "key", count_record, &n, NULL));
    return n;
}

static void assert_n_stored(const Fixture *fixture, guint at_alice, guint at_bob)
{
    g_assert_cmpuint(keystore_end_n_stored(fixture->keys, ALICE), ==, at_alice);
    g_assert_cmpuint(keystore_end_n_stored(fixture->keys, BOB), ==, at_bob);
}

static void test_ends_apart(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, "alice,bob", 1);
    g_assert_false(keystore_end_has(fixture->keys, ALICE, 7));
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_cmpstr(keystore_session_of_attempt(fixture->keys, REQUEST, 0), ==, SESSION);
    take(fixture, ALICE, 8, 1, 2);
    keystore_fixture_reopen(fixture);
    assert_n_stored(fixture, 1, 2);
    take(fixture, BOB, 8, 1, 2);
    keystore_end_wipe(fixture->keys, BOB, 7);
    assert_n_stored(fixture, 1, 0);
    take(fixture, ALICE, 7, 0, 1);
    g_assert_cmpuint(n_records(fixture), ==, 0);
}

static void test_neither_pool_nor_request(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, "alice", 1);
    keystore_deliver(fixture->keys, REQUEST, 0);
    g_assert_cmpuint(keystore_n_stored(fixture->keys, &alice_bob), ==, 0);
    g_assert_cmpuint(keystore_count(fixture->keys, &alice_bob, KEY_BYTES), ==, 0);
    g_assert_cmpint(keystore_take_request(fixture->keys, REQUEST, "alice", fixture->got), ==,
                    KEY_MISSING);
    assert_n_stored(fixture, 2, 0);
}

static void test_numbers(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, "alice", 1);
    add(fixture, REQUEST, 1, "alice", 3);
    g_autoptr(GArray) numbers = keystore_end_list(fixture->keys, ALICE);
    g_assert_cmpuint(numbers->len, ==, 4);
    for (guint i = 0; i < numbers->len; i++)
        g_assert_cmpuint(g_array_index(numbers, guint64, i), ==, 7 + i / 2);
    keystore_deliver(fixture->keys, REQUEST, 0);
    take(fixture, ALICE, 7, 0, 1);
    keystore_void(fixture->keys, REQUEST, 1);
    assert_n_stored(fixture, 1, 0);
}

static void test_copy_granted(Fixture *fixture, gconstpointer data)
{
    add(fixture, COPYING, 0, "bob", 1);
    assert_n_stored(fixture, 0, 0);
    g_assert_cmpuint(keystore_n_stored(fixture->keys, &alice_bob), ==, 2);
    g_assert_true(keystore_has(fixture->keys, COPYING, 0));
    keystore_fixture_reopen(fixture);
    char id[UUID_CHARS + 1];
    key_id_derive(REQUEST, 0, 1, id);
    g_assert_cmpint(keystore_look_up(fixture->keys, id, "alice", "bob"), ==, KEY_WAITING);
    g_assert_cmpstr(keystore_request_of(fixture->keys, id, "bob"), ==, COPYING);
    g_assert_cmpint(keystore_look_up(fixture->keys, id, "alice", "mallory"), ==, KEY_MISSING);
    keystore_deliver(fixture->keys, COPYING, 0);
    keystore_fixture_reopen(fixture);
    assert_n_stored(fixture, 0, 2);
    g_assert_cmpuint(keystore_n_stored(fixture->keys, &alice_bob), ==, 0);
    take(fixture, BOB, 7, 0, 1);
    take(fixture, BOB, 8, 1, 2);
    g_assert_cmpuint(n_records(fixture), ==, 0);
}

static void test_copy_voided(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, "alice", 1);
    keystore_deliver(fixture->keys, REQUEST, 0);
    add(fixture, COPYING, 0, "bob", 1);
    add(fixture, COPYING, 1, "bob", 1);
    keystore_deliver(fixture->keys, COPYING, 1);
    keystore_void(fixture->keys, COPYING, 0);
    assert_n_stored(fixture, 2, 2);
    g_assert_cmpuint(n_records(fixture), ==, 1);
    add(fixture, COPYING, 2, "alice", 1);
    keystore_void(fixture->keys, COPYING, 2);
    keystore_void(fixture->keys, COPYING, 1);
    assert_n_stored(fixture, 2, 2);
    g_assert_cmpuint(n_records(fixture), ==, 1);
}

static void test_copy_of_what_is_here(Fixture *fixture, gconstpointer data)
{
    add(fixture, REQUEST, 0, "bob", 1);
    add(fixture, COPYING, 0, "alice", 1);
    keystore_deliver(fixture->keys, COPYING, 0);
    keystore_fixture_reopen(fixture);
    assert_n_stored(fixture, 2, 2);
    take(fixture, BOB, 7, 0, 1);
    take(fixture, ALICE, 7, 0, 1);
    // And back again, after it had one of the two.
    add(fixture, COPYING, 1, "bob", 1);
    keystore_deliver(fixture->keys, COPYING, 1);
    assert_n_stored(fixture, 1, 2);
    take(fixture, BOB, 8, 1, 2);
    take(fixture, BOB, 7, 0, 1);
}

// What was gone where the copies come from is not there.
static void test_copy_of_what_is_left(Fixture *fixture, gconstpointer data)
{
    static const guint8 second[] = {2}, both[] = {3};
    fixture->marks = second;
    add(fixture, COPYING, 0, "alice", 99);
    keystore_deliver(fixture->keys, COPYING, 0);
    assert_n_stored(fixture, 1, 0);
    fixture->marks = both;
    add(fixture, COPYING, 1, "bob", 99);
    keystore_deliver(fixture->keys, COPYING, 1);
    assert_n_stored(fixture, 1, 2);
    take(fixture, ALICE, 8, 1, 100);
    take(fixture, BOB, 7, 0, 99);
    take(fixture, BOB, 8, 1, 100);
}

static void test_expiry(Fixture *fixture, gconstpointer data)
{
    keystore_end_keep(fixture->keys, ALICE, TRUE);
    add(fixture, REQUEST, 0, "alice", 1);
    add(fixture, COPYING, 0, "bob", 1);
    gint64 next_us = keystore_expire(fixture->keys, 1000);
    g_assert_cmpint(next_us, >, 1000);
    g_assert_cmpuint(n_records(fixture), ==, 1);
    keystore_end_keep(fixture->keys, ALICE, FALSE);
    g_assert_cmpint(keystore_expire(fixture->keys, next_us), ==, TIMERS_NEVER);
    g_assert_cmpuint(n_records(fixture), ==, 0);
}

#define ADD(name, fn)                                                                              \
    g_test_add("/keystore-session/" name, Fixture, NULL, keystore_fixture_set_up, fn,              \
               keystore_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("ends-apart", test_ends_apart);
    ADD("neither-pool-nor-request", test_neither_pool_nor_request);
    ADD("numbers", test_numbers);
    ADD("copy-granted", test_copy_granted);
    ADD("copy-voided", test_copy_voided);
    ADD("copy-of-what-is-here", test_copy_of_what_is_here);
    ADD("copy-of-what-is-left", test_copy_of_what_is_left);
    ADD("expiry", test_expiry);
    return g_test_run();
}

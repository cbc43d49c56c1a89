// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/keystore-fixture.h"

#include "agents/federation/seal.h"

static void open_store(KeystoreFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    fixture->store = store_new_memory(fixture->disk);
    fixture->keys = keystore_open(fixture->store, fixture->master_key, &fixture->random, &error);
    g_assert_no_error(error);
}

void keystore_fixture_crash(KeystoreFixture *fixture)
{
    keystore_free(fixture->keys);
    store_free(fixture->store);
    open_store(fixture);
}

void keystore_fixture_reopen(KeystoreFixture *fixture)
{
    g_assert_true(store_commit(fixture->store, NULL));
    keystore_fixture_crash(fixture);
}

void keystore_fixture_set_up(KeystoreFixture *fixture, gconstpointer data)
{
    fixture->random = chance_random(&fixture->chance);
    fixture->disk = store_disk_new();
    fixture->master_key = secret_new(SEAL_KEY_BYTES);
    fixture->got = g_ptr_array_new_with_free_func(delivered_key_free);
    open_store(fixture);
}

void keystore_fixture_tear_down(KeystoreFixture *fixture, gconstpointer data)
{
    g_ptr_array_unref(fixture->got);
    keystore_free(fixture->keys);
    store_free(fixture->store);
    store_disk_free(fixture->disk);
    secret_free(fixture->master_key);
}

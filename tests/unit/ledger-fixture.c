// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/ledger-fixture.h"

#include <string.h>

Ledger *ledger_fixture_open(const char *link, Store *store, const Secret *master_key,
                            const Random *random, GError **error)
{
    g_autoptr(GHashTable) ledgers = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(Ledger) ledger = ledger_new(link, store, master_key, random);
    g_hash_table_insert(ledgers, (char *)link, ledger);
    return ledgers_load(store, ledgers, error) ? g_steal_pointer(&ledger) : NULL;
}

void ledger_fixture_reopen(LedgerFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&fixture->ledger, ledger_free);
    g_clear_pointer(&fixture->store, store_free);
    fixture->store = store_new_memory(fixture->disk);
    fixture->ledger = ledger_fixture_open(LEDGER_LINK, fixture->store, fixture->master_key,
                                          &fixture->random, &error);
    g_assert_no_error(error);
}

void ledger_fixture_set_up(LedgerFixture *fixture, gconstpointer data)
{
    fixture->chance.state = 1;
    fixture->random = chance_random(&fixture->chance);
    fixture->disk = store_disk_new();
    fixture->master_key = secret_new(SEAL_KEY_BYTES);
    random_fill(&fixture->random, fixture->master_key->data, SEAL_KEY_BYTES);
    ledger_fixture_reopen(fixture);
}

void ledger_fixture_tear_down(LedgerFixture *fixture, gconstpointer data)
{
    ledger_free(fixture->ledger);
    store_free(fixture->store);
    store_disk_free(fixture->disk);
    secret_free(fixture->master_key);
}

void ledger_fixture_commit(LedgerFixture *fixture)
{
    g_assert_true(store_commit(fixture->store, NULL));
}

void ledger_fixture_append(LedgerFixture *fixture, const char *id, guint n_slots)
{
    g_autoptr(Secret) key = secret_new(n_slots * SLOT_BYTES);
    guint64 first = ledger_end(fixture->ledger);
    for (guint i = 0; i < n_slots; i++)
        memset(key->data + i * SLOT_BYTES, (int)(first + i + 1), SLOT_BYTES);
    ledger_append(fixture->ledger, id, key);
}

void ledger_fixture_append_some(LedgerFixture *fixture)
{
    ledger_fixture_append(fixture, "a", 8);
    ledger_fixture_append(fixture, "b", 4);
    ledger_fixture_append(fixture, "c", 8);
    ledger_set_open_end(fixture->ledger, 12);
    ledger_fixture_commit(fixture);
}

void ledger_fixture_spend(LedgerFixture *fixture, guint64 first, guint64 n_slots)
{
    Slots slots = {first, n_slots};
    g_assert_cmpint(ledger_reserve(fixture->ledger, slots), ==, STATUS_OK);
    g_autoptr(Secret) bytes = ledger_spend(fixture->ledger, slots);
    g_assert_cmpuint(bytes->n_bytes, ==, n_slots * SLOT_BYTES);
    for (gsize i = 0; i < bytes->n_bytes; i++)
        g_assert_cmpuint(bytes->data[i], ==, first + i / SLOT_BYTES + 1);
}

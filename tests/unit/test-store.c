// SPDX-License-Identifier: Apache-2.0

#include "topics/base/store.h"

#include <string.h>

static void collect(gpointer data, GBytes *key, GBytes *value)
{
    g_string_append_printf(data, "%.*s=%.*s ", (int)g_bytes_get_size(key),
                           (const char *)g_bytes_get_data(key, NULL), (int)g_bytes_get_size(value),
                           (const char *)g_bytes_get_data(value, NULL));
}

static void put(Store *store, const char *key, const char *value)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(value, strlen(value));
    store_put_text(store, "things", key, bytes);
}

static char *contents(StoreDisk *disk)
{
    g_autoptr(Store) store = store_new_memory(disk);
    GString *text = g_string_new(NULL);
    g_assert_true(store_load(store, "things", collect, text, NULL));
    return g_string_free(text, FALSE);
}

static void test_only_what_was_committed_survives(void)
{
    g_autoptr(StoreDisk) disk = store_disk_new();
    Store *store = store_new_memory(disk);
    put(store, "b", "1");
    put(store, "a", "2");
    g_assert_true(store_is_dirty(store));
    g_assert_true(store_commit(store, NULL));
    g_assert_false(store_is_dirty(store));
    put(store, "c", "3");
    store_free(store);

    g_autofree char *text = contents(disk);
    g_assert_cmpstr(text, ==, "a=2 b=1 ");
}

static void test_the_last_change_wins(void)
{
    g_autoptr(StoreDisk) disk = store_disk_new();
    g_autoptr(Store) store = store_new_memory(disk);
    put(store, "a", "1");
    store_delete_text(store, "things", "a");
    put(store, "b", "1");
    put(store, "b", "2");
    store_delete_text(store, "things", "never-there");
    g_assert_true(store_commit(store, NULL));
    g_autofree char *text = contents(disk);
    g_assert_cmpstr(text, ==, "b=2 ");
}

static GBytes *count_calls(gpointer data)
{
    guint *n = data;
    g_autofree char *text = g_strdup_printf("%u", ++*n);
    return g_bytes_new(text, strlen(text));
}

static void test_a_late_value_is_made_once(void)
{
    g_autoptr(StoreDisk) disk = store_disk_new();
    g_autoptr(Store) store = store_new_memory(disk);
    guint n_made = 0, n_deleted = 0, n_replaced = 0;
    store_put_late(store, "things", "a", count_calls, &n_made);
    store_put_late(store, "things", "a", count_calls, &n_made);
    store_put_late(store, "things", "b", count_calls, &n_deleted);
    store_delete_text(store, "things", "b");
    store_put_late(store, "things", "c", count_calls, &n_replaced);
    put(store, "c", "x");
    g_assert_true(store_is_dirty(store));
    g_assert_true(store_commit(store, NULL));
    g_assert_cmpuint(n_made, ==, 1);
    g_assert_cmpuint(n_deleted + n_replaced, ==, 0);
    g_autofree char *text = contents(disk);
    g_assert_cmpstr(text, ==, "a=1 c=x ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/only-what-was-committed-survives",
                    test_only_what_was_committed_survives);
    g_test_add_func("/store/the-last-change-wins", test_the_last_change_wins);
    g_test_add_func("/store/a-late-value-is-made-once", test_a_late_value_is_made_once);
    return g_test_run();
}

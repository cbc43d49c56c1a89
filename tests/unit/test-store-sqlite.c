// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/place.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_TELL 77

static void test_what_was_committed_is_there_again(Place *place, gconstpointer data)
{
    Store *store = place_open(place);
    place_put(store, "things", "b", "1");
    place_put(store, "things", "a", "");
    place_put(store, "things", "ab", "2");
    place_put(store, "things", "gone", "3");
    place_put(store, "others", "a", "4");
    place_commit(store);
    store_delete_text(store, "things", "gone");
    place_put(store, "things", "b", "5");
    place_commit(store);
    place_put(store, "things", "c", "not committed");
    store_free(store);

    g_autofree char *things = place_contents(place, "things");
    g_assert_cmpstr(things, ==, "a= ab=2 b=5 ");
    g_autofree char *others = place_contents(place, "others");
    g_assert_cmpstr(others, ==, "a=4 ");
    g_autofree char *never = place_contents(place, "never_there");
    g_assert_cmpstr(never, ==, "");
}

static void assert_raw_record(gpointer data, GBytes *key, GBytes *value)
{
    g_assert_true(g_bytes_equal(key, value));
    g_ptr_array_add(data, g_bytes_ref(key));
}

static void test_keys_and_values_may_hold_any_bytes(Place *place, gconstpointer data)
{
    static const guint8 raw[] = {0, 0xff, 0, 1};
    g_autoptr(GBytes) bytes = g_bytes_new_static(raw, sizeof raw);
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    Store *store = place_open(place);
    store_put(store, "things", bytes, bytes);
    store_put(store, "things", empty, empty);
    place_commit(store);
    store_free(store);
    g_autoptr(Store) again = place_open(place);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_assert_true(store_load(again, "things", assert_raw_record, keys, NULL));
    g_assert_cmpuint(keys->len, ==, 2);
    g_assert_true(g_bytes_equal(keys->pdata[0], empty));
    g_assert_true(g_bytes_equal(keys->pdata[1], bytes));
}

static void test_a_deleted_value_is_wiped(Place *place, gconstpointer data)
{
    g_autofree char *value = g_strnfill(5000, 'S');
    Store *store = place_open(place);
    place_put(store, "things", "a", value);
    place_commit(store);
    store_free(store);
    store = place_open(place);
    store_delete_text(store, "things", "a");
    place_commit(store);
    store_free(store);
    g_autoptr(GBytes) bytes = place_bytes(place);
    g_assert_null(memmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "SSSSSSSS", 8));
}

static void assert_commit_fails(Store *store, const Place *place, const char *what)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(store_commit(store, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, place->path));
    g_assert_nonnull(strstr(error->message, what));
    g_assert_true(store_is_dirty(store));
}

// A pass that cannot be written leaves no trace and may be tried again; what was before it stays.
static void fill_until_refused(const Place *place, const char *what)
{
    g_autofree char *large = g_strnfill(400000, 'x');
    Store *store = place_open(place);
    place_put(store, "things", "a", "1");
    place_put(store, "large", "b", large);
    assert_commit_fails(store, place, what);
    store_delete_text(store, "large", "b");
    place_commit(store);
    place_put(store, "things", "a", "2");
    place_put(store, "large", "b", large);
    assert_commit_fails(store, place, what);
    store_free(store);
    g_autofree char *things = place_contents(place, "things");
    g_assert_cmpstr(things, ==, "a=1 ");
    g_autofree char *none = place_contents(place, "large");
    g_assert_cmpstr(none, ==, "");
}

static void fill_up_to_limit(const Place *place)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {200000, 200000};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    fill_until_refused(place, "cannot be read or written (disk I/O error)");
}

static void test_a_limit_on_file_size(Place *place, gconstpointer data)
{
    g_assert_cmpint(place_in_child(fill_up_to_limit, place), ==, 0);
}

static gboolean mount_small_disk(const char *dir)
{
    int flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    return unshare(flags) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "tmpfs", 0, "size=200k") == 0;
}

static void fill_small_disk(const Place *place)
{
    if (!mount_small_disk(place->dir))
        _exit(CANNOT_TELL);
    fill_until_refused(place, "cannot grow (database or disk is full): free space");
    g_autofree char *ballast = g_build_filename(place->dir, "ballast", NULL);
    g_autofree char *bytes = g_malloc0(200000);
    g_file_set_contents_full(ballast, bytes, 200000, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
    g_autofree char *other = g_build_filename(place->dir, "other.db", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_sqlite(other, PLACE_OWNER, STORE_SYNC_FULL, &error));
    g_assert_nonnull(strstr(error->message, "cannot grow"));
    g_assert_false(g_file_test(other, G_FILE_TEST_EXISTS));
}

static void test_a_full_disk(Place *place, gconstpointer data)
{
    int status = place_in_child(fill_small_disk, place);
    if (status == CANNOT_TELL)
        g_test_skip("no small file system can be mounted here");
    else
        g_assert_cmpint(status, ==, 0);
}

// Commits the numbers from 0 on, each in two tables, and reports each one after its commit.
static void commit_for_ever(const Place *place, int report)
{
    g_autoptr(Store) store = place_open(place);
    for (guint i = 0;; i++) {
        g_autofree char *key = g_strdup_printf("%06u", i);
        place_put(store, "things", key, key);
        place_put(store, "others", key, "");
        place_commit(store);
        g_assert_cmpint(write(report, &i, sizeof i), ==, sizeof i);
    }
}

static guint kill_in_mid_load(const Place *place, guint n_before)
{
    int report[2];
    g_assert_cmpint(pipe(report), ==, 0);
    pid_t pid = fork();
    if (pid == 0)
        commit_for_ever(place, report[1]);
    close(report[1]);
    guint last = 0;
    while (read(report[0], &last, sizeof last) == sizeof last) {
        if (last == n_before)
            g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    }
    close(report[0]);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    return last + 1;
}

static void count(gpointer data, GBytes *key, GBytes *value)
{
    (*(guint *)data)++;
}

static void test_survives_being_killed(Place *place, gconstpointer data)
{
    guint n_reported = kill_in_mid_load(place, 100);
    g_autoptr(Store) store = place_open(place);
    guint n_things = 0, n_others = 0;
    g_assert_true(store_load(store, "things", count, &n_things, NULL));
    g_assert_true(store_load(store, "others", count, &n_others, NULL));
    g_assert_cmpuint(n_things, >=, n_reported);
    g_assert_cmpuint(n_things, <=, n_reported + 1);
    g_assert_cmpuint(n_others, ==, n_things);
}

#define ADD(name, fn)                                                                              \
    g_test_add("/store-sqlite/" name, Place, NULL, place_set_up, fn, place_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("what-was-committed-is-there-again", test_what_was_committed_is_there_again);
    ADD("keys-and-values-may-hold-any-bytes", test_keys_and_values_may_hold_any_bytes);
    ADD("a-deleted-value-is-wiped", test_a_deleted_value_is_wiped);
    ADD("a-limit-on-file-size", test_a_limit_on_file_size);
    ADD("a-full-disk", test_a_full_disk);
    ADD("survives-being-killed", test_survives_being_killed);
    return g_test_run();
}

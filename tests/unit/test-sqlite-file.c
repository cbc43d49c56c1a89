// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/place.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static void put_and_commit(const Place *place, const char *key, const char *value)
{
    g_autoptr(Store) store = place_open(place);
    place_put(store, "things", key, value);
    place_commit(store);
}

// Opening must fail with a message that names the file and says `what`, and change nothing.
static void assert_refused(const Place *place, const char *what)
{
    g_autoptr(GBytes) before = place_bytes(place);
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) store = store_open_sqlite(place->path, PLACE_OWNER, STORE_SYNC_FULL, &error);
    g_assert_null(store);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, place->path));
    g_assert_nonnull(strstr(error->message, what));
    g_assert_null(strchr(error->message, '\n'));
    g_autoptr(GBytes) after = place_bytes(place);
    g_assert_true(g_bytes_equal(before, after));
}

static void change_file(const Place *place, const char *sql)
{
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(place->path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static void test_the_file_is_private(Place *place, gconstpointer data)
{
    GStatBuf status;
    put_and_commit(place, "a", "1");
    g_assert_cmpint(g_stat(place->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_assert_cmpint(g_chmod(place->path, 0644), ==, 0);
    store_free(place_open(place));
    g_assert_cmpint(g_stat(place->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void assert_in_use(const Place *place)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_sqlite(place->path, PLACE_OWNER, STORE_SYNC_FULL, &error));
    g_assert_nonnull(strstr(error->message, "in use by another process"));
}

static void test_only_one_may_use_it(Place *place, gconstpointer data)
{
    Store *store = place_open(place);
    assert_in_use(place);
    store_free(store);
    store_free(place_open(place));
}

static void test_only_one_process_may_use_it(Place *place, gconstpointer data)
{
    int ready[2], done[2];
    char byte = 0;
    g_assert_cmpint(pipe(ready) | pipe(done), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        g_assert_nonnull(place_open(place));
        g_assert_cmpint(write(ready[1], &byte, 1), ==, 1);
        close(done[1]);
        g_assert_cmpint(read(done[0], &byte, 1), ==, 0);
        _exit(0);
    }
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    assert_in_use(place);
    close(done[1]);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    store_free(place_open(place));
    close(done[0]);
    close(ready[0]);
    close(ready[1]);
}

static void no_record(gpointer data, GBytes *key, GBytes *value)
{
    g_assert_not_reached();
}

static void test_damage_is_found(Place *place, gconstpointer data)
{
    g_autofree char *value = g_strnfill(20000, 'v');
    put_and_commit(place, "a", value);
    g_autoptr(GBytes) whole = place_bytes(place);
    gsize n_bytes = 0;
    const char *bytes = g_bytes_get_data(whole, &n_bytes);

    g_assert_true(g_file_set_contents(place->path, bytes, (gssize)n_bytes / 2, NULL));
    assert_refused(place, "is damaged");
    g_assert_true(g_file_set_contents(place->path, bytes, 100, NULL));
    assert_refused(place, "is damaged");
    g_assert_true(g_file_set_contents(place->path, "", 0, NULL));
    assert_refused(place, "is damaged (empty)");
    g_assert_true(g_file_set_contents(place->path, value, 20000, NULL));
    assert_refused(place, "is damaged, or is not a store");

    // One page of those that hold the table.
    g_autofree char *damaged = g_memdup2(bytes, n_bytes);
    memset(damaged + n_bytes / 4096 / 2 * 4096, 0xa5, 4096);
    g_assert_true(g_file_set_contents(place->path, damaged, (gssize)n_bytes, NULL));
    assert_refused(place, "is damaged");
}

// SQLite would take these for good.
static void test_a_changed_record_is_found(Place *place, gconstpointer data)
{
    static const char *const changes[] = {
        "UPDATE things SET value = x'32'",
        "UPDATE things SET key = x'62'",
        "UPDATE things SET digest = x''",
        "ALTER TABLE things RENAME TO others",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        put_and_commit(place, "a", "1");
        change_file(place, changes[i]);
        g_autoptr(Store) store = place_open(place);
        g_autoptr(GError) error = NULL;
        const char *table = strstr(changes[i], "others") ? "others" : "things";
        g_assert_false(store_load(store, table, no_record, NULL, &error));
        g_assert_nonnull(strstr(error->message, place->path));
        g_assert_nonnull(strstr(error->message, "is damaged (a record is not as it was written)"));
        g_clear_pointer(&store, store_free);
        g_assert_cmpint(g_unlink(place->path), ==, 0);
    }
}

static void test_a_doubled_record_is_found(Place *place, gconstpointer data)
{
    put_and_commit(place, "a", "1");
    change_file(place,
                "INSERT INTO things (key, value, digest) SELECT key, value, digest FROM things");
    g_autoptr(Store) store = place_open(place);
    g_autoptr(GError) error = NULL;
    g_assert_false(store_load(store, "things", no_record, NULL, &error));
    g_assert_nonnull(strstr(error->message, "is damaged (a record is there twice)"));
}

// Records in the order of their keys, as the first version had them.
static void test_the_first_format(Place *place, gconstpointer data)
{
    put_and_commit(place, "b", "1");
    put_and_commit(place, "a", "2");
    place_make_first_format(place, "things");
    change_file(place, "CREATE TABLE none (key BLOB PRIMARY KEY, value BLOB NOT NULL, digest BLOB "
                       "NOT NULL) STRICT, WITHOUT ROWID");
    g_autofree char *before = place_contents(place, "things");
    g_assert_cmpstr(before, ==, "a=2 b=1 ");
    put_and_commit(place, "b", "3");
    put_and_commit(place, "c", "4");
    g_autofree char *after = place_contents(place, "things");
    g_assert_cmpstr(after, ==, "a=2 b=3 c=4 ");
    g_autofree char *none = place_contents(place, "none");
    g_assert_cmpstr(none, ==, "");
}

static void test_a_lost_file_is_not_begun_afresh(Place *place, gconstpointer data)
{
    g_autofree char *journal = g_strconcat(place->path, "-wal", NULL);
    g_assert_true(g_file_set_contents(journal, "left", -1, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_sqlite(place->path, PLACE_OWNER, STORE_SYNC_FULL, &error));
    g_assert_nonnull(strstr(error->message, "gone, but its journal is there"));
    g_assert_false(g_file_test(place->path, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(journal, G_FILE_TEST_EXISTS));
}

static void test_what_is_not_ours_is_refused(Place *place, gconstpointer data)
{
    put_and_commit(place, "a", "1");
    change_file(place, "UPDATE \"store-owner\" SET owner = 'agent graz'");
    assert_refused(place, "belongs to agent graz, not to agent vienna");
    change_file(place, "DELETE FROM \"store-owner\"");
    assert_refused(place, "not to agent vienna");
    change_file(place, "PRAGMA user_version = 1000");
    assert_refused(place, "newer version");
    change_file(place, "PRAGMA application_id = 7");
    assert_refused(place, "another program (application ID 7)");
    change_file(place, "PRAGMA application_id = 0");
    assert_refused(place, "another program");
}

static GBytes *bytes_of(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *bytes = NULL;
    gsize n_bytes = 0;
    g_file_get_contents(path, &bytes, &n_bytes, &error);
    g_assert_no_error(error);
    return g_bytes_new_take(bytes, n_bytes);
}

// Another's store may be of a version that this one would bring to its own.
static void test_what_is_refused_keeps_its_format(Place *place, gconstpointer data)
{
    put_and_commit(place, "a", "1");
    place_make_first_format(place, "things");
    change_file(place, "UPDATE \"store-owner\" SET owner = 'agent graz'");
    assert_refused(place, "belongs to agent graz, not to agent vienna");
}

static void copy_file(const char *from, const char *suffix, const char *to)
{
    g_autofree char *source = g_strconcat(from, suffix, NULL);
    g_autofree char *target = g_strconcat(to, suffix, NULL);
    g_autoptr(GBytes) bytes = bytes_of(source);
    g_assert_cmpuint(g_bytes_get_size(bytes), >, 0);
    g_assert_true(g_file_set_contents(target, g_bytes_get_data(bytes, NULL),
                                      (gssize)g_bytes_get_size(bytes), NULL));
}

// One whose daemon was killed has more in its journal.
static void test_what_is_refused_keeps_its_journal(Place *place, gconstpointer data)
{
    Place killed = {place->dir, g_build_filename(place->dir, "killed.db", NULL)};
    g_autofree char *journal = g_strconcat(killed.path, "-wal", NULL);
    Store *store = place_open(place);
    place_put(store, "things", "a", "1");
    place_commit(store);
    copy_file(place->path, "", killed.path);
    copy_file(place->path, "-wal", killed.path);
    store_free(store);
    g_autoptr(GBytes) before = place_bytes(&killed), left = bytes_of(journal);
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_sqlite(killed.path, "agent graz", STORE_SYNC_FULL, &error));
    g_assert_nonnull(strstr(error->message, "belongs to agent vienna, not to agent graz"));
    g_autoptr(GBytes) after = place_bytes(&killed), kept = bytes_of(journal);
    g_assert_true(g_bytes_equal(before, after));
    g_assert_true(g_bytes_equal(left, kept));
    g_autofree char *things = place_contents(&killed, "things");
    g_assert_cmpstr(things, ==, "a=1 ");
    g_free(killed.path);
}

static void test_a_missing_directory(Place *place, gconstpointer data)
{
    g_autofree char *path = g_build_filename(place->dir, "none", "agent.db", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_sqlite(path, PLACE_OWNER, STORE_SYNC_FULL, &error));
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, "its directory must exist"));
}

// Root may write everywhere, so another user tries.
static void become_nobody(void)
{
    if (geteuid() == 0)
        g_assert_cmpint(setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY), ==,
                        0);
}

static void open_as_nobody(const Place *place)
{
    become_nobody();
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_sqlite(place->path, PLACE_OWNER, STORE_SYNC_FULL, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, place->path));
    g_assert_nonnull(strstr(error->message, "writ"));
}

static void give_to_nobody(const Place *place, const char *path, int mode)
{
    if (geteuid() == 0)
        g_assert_cmpint(chown(path, NOBODY, NOBODY), ==, 0);
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

static void test_a_read_only_file(Place *place, gconstpointer data)
{
    put_and_commit(place, "a", "1");
    give_to_nobody(place, place->dir, 0700);
    give_to_nobody(place, place->path, 0400);
    g_assert_cmpint(place_in_child(open_as_nobody, place), ==, 0);
}

static void test_a_read_only_directory(Place *place, gconstpointer data)
{
    give_to_nobody(place, place->dir, 0500);
    g_assert_cmpint(place_in_child(open_as_nobody, place), ==, 0);
    g_assert_cmpint(g_chmod(place->dir, 0700), ==, 0);
    put_and_commit(place, "a", "1");
    give_to_nobody(place, place->path, 0600);
    give_to_nobody(place, place->dir, 0500);
    g_assert_cmpint(place_in_child(open_as_nobody, place), ==, 0);
}

#define ADD(name, fn)                                                                              \
    g_test_add("/sqlite-file/" name, Place, NULL, place_set_up, fn, place_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("the-file-is-private", test_the_file_is_private);
    ADD("only-one-may-use-it", test_only_one_may_use_it);
    ADD("only-one-process-may-use-it", test_only_one_process_may_use_it);
    ADD("damage-is-found", test_damage_is_found);
    ADD("a-changed-record-is-found", test_a_changed_record_is_found);
    ADD("a-doubled-record-is-found", test_a_doubled_record_is_found);
    ADD("the-first-format", test_the_first_format);
    ADD("a-lost-file-is-not-begun-afresh", test_a_lost_file_is_not_begun_afresh);
    ADD("what-is-not-ours-is-refused", test_what_is_not_ours_is_refused);
    ADD("what-is-refused-keeps-its-format", test_what_is_refused_keeps_its_format);
    ADD("what-is-refused-keeps-its-journal", test_what_is_refused_keeps_its_journal);
    ADD("a-missing-directory", test_a_missing_directory);
    ADD("a-read-only-file", test_a_read_only_file);
    ADD("a-read-only-directory", test_a_read_only_directory);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/place.h"

#include "tests/unit/scratch.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void place_set_up(Place *place, gconstpointer data)
{
    place->dir = scratch_new();
    place->path = g_build_filename(place->dir, "agent.db", NULL);
}

void place_tear_down(Place *place, gconstpointer data)
{
    g_chmod(place->dir, 0700);
    g_free(place->path);
    scratch_free(place->dir);
}

Store *place_open(const Place *place)
{
    g_autoptr(GError) error = NULL;
    Store *store = store_open_sqlite(place->path, PLACE_OWNER, STORE_SYNC_FULL, &error);
    g_assert_no_error(error);
    return store;
}

void place_put(Store *store, const char *table, const char *key, const char *value)
{
    g_autoptr(GBytes) bytes = g_bytes_new(value, strlen(value));
    store_put_text(store, table, key, bytes);
}

void place_commit(Store *store)
{
    g_autoptr(GError) error = NULL;
    store_commit(store, &error);
    g_assert_no_error(error);
}

static void collect(gpointer data, GBytes *key, GBytes *value)
{
    g_string_append_printf(data, "%.*s=%.*s ", (int)g_bytes_get_size(key),
                           (const char *)g_bytes_get_data(key, NULL), (int)g_bytes_get_size(value),
                           (const char *)g_bytes_get_data(value, NULL));
}

char *place_contents(const Place *place, const char *table)
{
    g_autoptr(Store) store = place_open(place);
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    store_load(store, table, collect, text, &error);
    g_assert_no_error(error);
    return g_string_free(text, FALSE);
}

GBytes *place_bytes(const Place *place)
{
    g_autoptr(GError) error = NULL;
    char *bytes = NULL;
    gsize n_bytes = 0;
    g_file_get_contents(place->path, &bytes, &n_bytes, &error);
    g_assert_no_error(error);
    return g_bytes_new_take(bytes, n_bytes);
}

void place_make_first_format(const Place *place, const char *table)
{
    sqlite3 *db = NULL;
    char *sql = sqlite3_mprintf(
        "CREATE TABLE old (key BLOB PRIMARY KEY, value BLOB NOT NULL, digest BLOB NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "INSERT INTO old SELECT key, value, digest FROM \"%w\";"
        "DROP TABLE \"%w\"; ALTER TABLE old RENAME TO \"%w\";"
        "PRAGMA user_version = 1; VACUUM",
        table, table, table);
    g_assert_cmpint(sqlite3_open(place->path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
    sqlite3_free(sql);
}

int place_in_child(void (*fn)(const Place *place), const Place *place)
{
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        fn(place);
        _exit(0);
    }
    int status = 0;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

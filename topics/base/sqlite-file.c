// SPDX-License-Identifier: Apache-2.0

#include "topics/base/sqlite-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

// "qkdf", in the header of every file of ours.
#define APPLICATION_ID "1902863462"

// Step i brings a file from version i to i + 1. Steps are only ever added, and say what they make
// in full, whatever a table of records looks like by now. The names of a core's tables are [a-z_]+,
// so that none can meet the owner's.
static const struct Migration {
    const char *sql;
    gboolean is_query; // for the SQL that it takes
} migrations[] = {
    {"CREATE TABLE \"store-owner\" (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL)"
     " STRICT;",
     FALSE},
    // Records were kept in the order of their keys.
    {"SELECT group_concat(format('"
     "CREATE TABLE \"new %w\" (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL,"
     " digest BLOB NOT NULL) STRICT;"
     "INSERT INTO \"new %w\" (key, value, digest)"
     " SELECT key, value, digest FROM \"%w\" ORDER BY key;"
     "DROP TABLE \"%w\"; ALTER TABLE \"new %w\" RENAME TO \"%w\";', name, name, name, name, name, "
     "name), '')"
     " FROM sqlite_schema WHERE type = 'table' AND name <> 'store-owner'",
     TRUE},
};
#define VERSION G_N_ELEMENTS(migrations)

static const struct Cause {
    int result;
    GFileError code;
    const char *what;
    const char *remedy;
} causes[] = {
    {SQLITE_NOTADB, G_FILE_ERROR_FAILED, "is damaged, or is not a store at all",
     "restore it from a backup, or move it away if starting without its contents is intended"},
    {SQLITE_CORRUPT, G_FILE_ERROR_FAILED, "is damaged",
     "restore it from a backup, or move it away if starting without its contents is intended"},
    {SQLITE_BUSY, G_FILE_ERROR_AGAIN, "is in use by another process", "stop that process first"},
    {SQLITE_FULL, G_FILE_ERROR_NOSPC, "cannot grow", "free space on its disk"},
    {SQLITE_READONLY, G_FILE_ERROR_ROFS, "cannot be written",
     "check owner, mode and mount options of the file and its directory"},
    {SQLITE_CANTOPEN, G_FILE_ERROR_ACCES, "cannot be opened for writing",
     "check owner, mode and mount options of the file and its directory"},
    {SQLITE_IOERR, G_FILE_ERROR_IO, "cannot be read or written",
     "check its disk, free space and limits on file size"},
    {SQLITE_ERROR, G_FILE_ERROR_FAILED, "cannot be used",
     "restore it from a backup, or report this as a defect"},
};

gboolean sqlite_file_fail(const SqliteFile *file, int result, GError **error)
{
    const struct Cause *cause = causes;
    while (cause->result != (result & 0xff) && cause->result != SQLITE_ERROR)
        cause++;
    const char *said =
        sqlite3_errcode(file->db) == SQLITE_OK ? sqlite3_errstr(result) : sqlite3_errmsg(file->db);
    g_set_error(error, G_FILE_ERROR, cause->code, "store %s %s (%s): %s", file->path, cause->what,
                said, cause->remedy);
    return FALSE;
}

gboolean sqlite_file_damaged(const SqliteFile *file, const char *what, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "store %s is damaged (%s): restore it from a backup, or move it away if starting "
                "without its contents is intended",
                file->path, what);
    return FALSE;
}

static gboolean fail_system(const char *path, const char *what, const char *remedy, GError **error)
{
    int number = errno;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(number), "store %s %s (%s): %s", path,
                what, g_strerror(number), remedy);
    return FALSE;
}

gboolean sqlite_file_run(const SqliteFile *file, const char *sql, GError **error)
{
    int result = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? TRUE : sqlite_file_fail(file, result, error);
}

// The first column of the first row, as text; "" where there is none; NULL on failure.
static char *query(const SqliteFile *file, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    g_autofree char *text = NULL;
    int result = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
        const char *value =
            result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        text = g_strdup(value ? value : "");
    } else {
        sqlite_file_fail(file, result, error);
    }
    sqlite3_finalize(statement);
    return g_steal_pointer(&text);
}

void sqlite_file_free(SqliteFile *file)
{
    if (!file)
        return;
    sqlite3_close(file->db);
    g_free(file->path);
    g_free(file);
}

// `path` is for messages, `name` is what is opened.
static SqliteFile *open_under_name(const char *path, const char *name, GError **error)
{
    g_autoptr(SqliteFile) file = g_new0(SqliteFile, 1);
    file->path = g_strdup(path);
    int result =
        sqlite3_open_v2(name, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result != SQLITE_OK) {
        sqlite_file_fail(file, result, error);
        return NULL;
    }
    sqlite3_db_config(file->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return g_steal_pointer(&file);
}

static gboolean run_and_commit(const SqliteFile *file, const char *sql, GError **error)
{
    if (sqlite_file_run(file, sql, error))
        return TRUE;
    if (!sqlite3_get_autocommit(file->db))
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    return FALSE;
}

static char *migration_sql(const SqliteFile *file, const struct Migration *migration,
                           GError **error)
{
    return migration->is_query ? query(file, migration->sql, error) : g_strdup(migration->sql);
}

static gboolean migrate(const SqliteFile *file, guint64 version, GError **error)
{
    if (version == VERSION)
        return TRUE;
    g_autoptr(GString) sql = g_string_new("BEGIN IMMEDIATE;");
    for (guint64 step = version; step < VERSION; step++) {
        g_autofree char *more = migration_sql(file, &migrations[step], error);
        if (!more)
            return FALSE;
        g_string_append(sql, more);
    }
    g_string_append_printf(sql, "PRAGMA user_version = %zu; COMMIT", VERSION);
    return run_and_commit(file, sql->str, error);
}

static gboolean write_first_contents(const SqliteFile *file, const char *owner, GError **error)
{
    char *insert = sqlite3_mprintf("INSERT INTO \"store-owner\" (id, owner) VALUES (1, %Q)", owner);
    gboolean done =
        sqlite_file_run(file, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL", error) &&
        sqlite_file_run(file, "PRAGMA application_id = " APPLICATION_ID, error) &&
        migrate(file, 0, error) && sqlite_file_run(file, insert, error);
    sqlite3_free(insert);
    return done;
}

static void sync_directory(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

// The file gets its name only when it is whole, so that one without an owner is never ours.
static gboolean create_under_name(const char *path, const char *temporary, const char *owner,
                                  GError **error)
{
    g_autoptr(SqliteFile) file = open_under_name(path, temporary, error);
    if (!file || !write_first_contents(file, owner, error))
        return FALSE;
    g_clear_pointer(&file, sqlite_file_free);
    if (link(temporary, path) != 0 && errno != EEXIST)
        return fail_system(path, "cannot be created", "check its directory", error);
    sync_directory(path);
    return TRUE;
}

static gboolean create_file(const char *path, const char *owner, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
    int fd = g_mkstemp_full(temporary, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_system(path, "cannot be created",
                           "its directory must exist and be writable for this user", error);
    close(fd);
    gboolean done = create_under_name(path, temporary, owner, error);
    g_unlink(temporary);
    return done;
}

// Never a fresh start where something was before: a journal without its file, or an empty file
// (beside which SQLite would throw the journal away), is left as it is.
static gboolean find_or_create_file(const char *path, const char *owner, GError **error)
{
    GStatBuf status;
    if (g_stat(path, &status) != 0 && errno != ENOENT)
        return fail_system(path, "cannot be found", "check the path and its directories", error);
    gboolean exists = g_file_test(path, G_FILE_TEST_EXISTS);
    g_autofree char *journal = g_strconcat(path, "-wal", NULL);
    if (!exists && !g_file_test(journal, G_FILE_TEST_EXISTS))
        return create_file(path, owner, error);
    if (exists && status.st_size > 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "store %s is damaged (%s): restore it from a backup, or move it and any %s away if "
                "starting without its contents is intended",
                path, exists ? "empty" : "gone, but its journal is there", journal);
    return FALSE;
}

static gboolean check_origin(const SqliteFile *file, GError **error)
{
    g_autofree char *application = query(file, "PRAGMA application_id", error);
    if (!application)
        return FALSE;
    if (strcmp(application, APPLICATION_ID) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "store %s is a file of another program (application ID %s): give another path",
                file->path, application);
    return FALSE;
}

static gboolean check_version(const SqliteFile *file, guint64 *ret_version, GError **error)
{
    g_autofree char *version = query(file, "PRAGMA user_version", error);
    if (!version)
        return FALSE;
    *ret_version = g_ascii_strtoull(version, NULL, 10);
    if (*ret_version <= VERSION)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "store %s was written by a newer version of this program (format %s, this one knows"
                " %zu): run that version",
                file->path, version, VERSION);
    return FALSE;
}

static gboolean check_pages(const SqliteFile *file, GError **error)
{
    g_autofree char *verdict = query(file, "PRAGMA quick_check(1)", error);
    if (!verdict)
        return FALSE;
    if (strcmp(verdict, "ok") == 0)
        return TRUE;
    g_strdelimit(verdict, "\n", ' ');
    return sqlite_file_damaged(file, verdict, error);
}

static gboolean check_owner(const SqliteFile *file, const char *owner, GError **error)
{
    g_autofree char *found = query(file, "SELECT owner FROM \"store-owner\"", error);
    if (!found)
        return FALSE;
    if (strcmp(found, owner) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "store %s belongs to %s, not to %s: give each its own path", file->path, found,
                owner);
    return FALSE;
}

// Pages of the file that are kept in memory, as they are used: 8 MiB. Records go by random IDs, so
// each is on a page of its own, and is touched again soon: by its answer, or to be forgotten.
#define CACHE_KIB "8192"

// Pages in the journal, 32 MiB, from which on they are moved to their places in the file. Most
// records are short-lived, and their pages are written again and again: the longer this waits, the
// fewer are moved. It also bounds what is read back after a crash.
#define JOURNAL_PAGES "8192"

// The first reading takes the lock and keeps it until the file is closed.
static gboolean take_over(const SqliteFile *file, GError **error)
{
    if (sqlite3_db_readonly(file->db, "main") == 1)
        return sqlite_file_fail(file, SQLITE_READONLY, error);
    return sqlite_file_run(
        file,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = ON;"
        "PRAGMA cache_size = -" CACHE_KIB ";"
        "PRAGMA wal_autocheckpoint = " JOURNAL_PAGES ";"
        "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
        error);
}

static gboolean make_private(const SqliteFile *file, GError **error)
{
    return g_chmod(file->path, 0600) == 0 ||
           fail_system(file->path, "cannot be made private", "check who owns the file", error);
}

static gboolean start_journal(const SqliteFile *file, GError **error)
{
    g_autofree char *mode = query(file, "PRAGMA journal_mode = WAL", error);
    if (!mode)
        return FALSE;
    return strcmp(mode, "wal") == 0 ? TRUE : sqlite_file_fail(file, SQLITE_IOERR, error);
}

// What is refused stays as it is: its owner may run a version before this one.
static gboolean prepare(const SqliteFile *file, const char *owner, GError **error)
{
    guint64 version = 0;
    return take_over(file, error) && check_origin(file, error) &&
           check_version(file, &version, error) && check_pages(file, error) &&
           check_owner(file, owner, error) && make_private(file, error) &&
           start_journal(file, error) && migrate(file, version, error);
}

// While it is held, closing the file does not move what is in its journal.
static void hold_journal(const SqliteFile *file, gboolean is_held)
{
    sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_held, NULL);
}

// Its row says first whether something was in its way, which nothing of another process can be.
gboolean sqlite_file_empty_journal(const SqliteFile *file, GError **error)
{
    g_autofree char *is_busy = query(file, "PRAGMA wal_checkpoint(TRUNCATE)", error);
    if (!is_busy)
        return FALSE;
    return strcmp(is_busy, "0") == 0 ? TRUE : sqlite_file_fail(file, SQLITE_BUSY, error);
}

SqliteFile *sqlite_file_open(const char *path, const char *owner, GError **error)
{
    if (!find_or_create_file(path, owner, error))
        return NULL;
    g_autoptr(SqliteFile) file = open_under_name(path, path, error);
    if (!file)
        return NULL;
    g_autofree char *journal = g_strconcat(path, "-wal", NULL);
    hold_journal(file, g_file_test(journal, G_FILE_TEST_EXISTS));
    if (!prepare(file, owner, error))
        return NULL;
    hold_journal(file, FALSE);
    return g_steal_pointer(&file);
}

// SPDX-License-Identifier: Apache-2.0

#include "topics/base/store-sqlite.h"

#include "topics/base/sqlite-file.h"

typedef struct {
    SqliteFile *file;
    GHashTable *tables; // name → Table
} Disk;

// The statements of one table, prepared once.
typedef struct {
    sqlite3_stmt *load;
    sqlite3_stmt *put;
    sqlite3_stmt *remove;
} Table;

static void table_free(gpointer data)
{
    Table *table = data;
    sqlite3_finalize(table->load);
    sqlite3_finalize(table->put);
    sqlite3_finalize(table->remove);
    g_free(table);
}

static gboolean prepare(const Disk *disk, const char *format, const char *table,
                        sqlite3_stmt **ret_statement, GError **error)
{
    char *sql = sqlite3_mprintf(format, table);
    int result =
        sqlite3_prepare_v3(disk->file->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);
    sqlite3_free(sql);
    return result == SQLITE_OK ? TRUE : sqlite_file_fail(disk->file, result, error);
}

static gboolean create_table(const Disk *disk, const char *name, GError **error)
{
    char *sql = sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\" (key BLOB PRIMARY KEY, "
                                "value BLOB NOT NULL) STRICT, WITHOUT ROWID",
                                name);
    gboolean done = sqlite_file_run(disk->file, sql, error);
    sqlite3_free(sql);
    return done;
}

static Table *disk_table(Disk *disk, const char *name, GError **error)
{
    Table *table = g_hash_table_lookup(disk->tables, name);
    if (table)
        return table;
    if (!create_table(disk, name, error))
        return NULL;
    table = g_new0(Table, 1);
    if (prepare(disk, "SELECT key, value FROM \"%w\" ORDER BY key", name, &table->load, error) &&
        prepare(disk, "REPLACE INTO \"%w\" (key, value) VALUES (?, ?)", name, &table->put, error) &&
        prepare(disk, "DELETE FROM \"%w\" WHERE key = ?", name, &table->remove, error)) {
        g_hash_table_insert(disk->tables, (gpointer)name, table);
        return table;
    }
    table_free(table);
    return NULL;
}

static GBytes *column(sqlite3_stmt *statement, int i)
{
    const void *bytes = sqlite3_column_blob(statement, i);
    return g_bytes_new(bytes, (gsize)sqlite3_column_bytes(statement, i));
}

static gboolean sqlite_load(gpointer backend, const char *name, StoreLoadFn fn, gpointer data,
                            GError **error)
{
    Disk *disk = backend;
    Table *table = disk_table(disk, name, error);
    if (!table)
        return FALSE;
    int result;
    while ((result = sqlite3_step(table->load)) == SQLITE_ROW) {
        g_autoptr(GBytes) key = column(table->load, 0);
        g_autoptr(GBytes) value = column(table->load, 1);
        fn(data, key, value);
    }
    gboolean done = result == SQLITE_DONE ? TRUE : sqlite_file_fail(disk->file, result, error);
    sqlite3_reset(table->load);
    return done;
}

// The bytes are only read until the statement is reset.
static int bind(sqlite3_stmt *statement, int i, GBytes *bytes)
{
    gsize n_bytes = 0;
    gconstpointer data = g_bytes_get_data(bytes, &n_bytes);
    return sqlite3_bind_blob64(statement, i, data ? data : "", n_bytes, SQLITE_STATIC);
}

static gboolean apply(Disk *disk, const StoreChange *change, GError **error)
{
    Table *table = disk_table(disk, change->table, error);
    if (!table)
        return FALSE;
    sqlite3_stmt *statement = change->value ? table->put : table->remove;
    int result = bind(statement, 1, change->key);
    if (result == SQLITE_OK && change->value)
        result = bind(statement, 2, change->value);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    gboolean done = result == SQLITE_DONE ? TRUE : sqlite_file_fail(disk->file, result, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return done;
}

// Tables that the transaction created are gone with it, so their statements go, too.
static void roll_back(Disk *disk)
{
    g_hash_table_remove_all(disk->tables);
    if (!sqlite3_get_autocommit(disk->file->db))
        sqlite3_exec(disk->file->db, "ROLLBACK", NULL, NULL, NULL);
}

static gboolean sqlite_commit(gpointer backend, const StoreChange *changes, gsize n_changes,
                              GError **error)
{
    Disk *disk = backend;
    gboolean done = sqlite_file_run(disk->file, "BEGIN IMMEDIATE", error);
    for (gsize i = 0; done && i < n_changes; i++)
        done = apply(disk, &changes[i], error);
    if (done && sqlite_file_run(disk->file, "COMMIT", error))
        return TRUE;
    roll_back(disk);
    return FALSE;
}

static void sqlite_free(gpointer backend)
{
    Disk *disk = backend;
    g_hash_table_unref(disk->tables);
    sqlite_file_free(disk->file);
    g_free(disk);
}

Store *store_open_sqlite(const char *path, const char *owner, GError **error)
{
    static const StoreBackend backend = {sqlite_load, sqlite_commit, sqlite_free};
    SqliteFile *file = sqlite_file_open(path, owner, error);
    if (!file)
        return NULL;
    Disk *disk = g_new0(Disk, 1);
    disk->file = file;
    disk->tables = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, table_free);
    return store_new(&backend, disk);
}

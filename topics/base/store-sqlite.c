// SPDX-License-Identifier: Apache-2.0

#include "topics/base/store-sqlite.h"

#include "topics/base/sqlite-file.h"

#include <openssl/evp.h>
#include <string.h>

// What SQLite itself finds is damage to its pages, not to what is in them: a bit that falls over on
// disk could take an allocation back. So each record has a digest.
#define DIGEST_BYTES 8

typedef struct {
    SqliteFile *file;
    GHashTable *tables; // name → Table
    EVP_MD *sha256;     // looked up once; OpenSSL's uses what the processor has for it
    EVP_MD_CTX *digest; // of one record after the other
} Disk;

// The statements of one table, prepared once.
typedef struct {
    char *name;
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
    g_free(table->name);
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
                                "value BLOB NOT NULL, digest BLOB NOT NULL) STRICT, WITHOUT ROWID",
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
    table->name = g_strdup(name);
    if (prepare(disk, "SELECT key, value, digest FROM \"%w\" ORDER BY key", name, &table->load,
                error) &&
        prepare(disk, "REPLACE INTO \"%w\" (key, value, digest) VALUES (?, ?, ?)", name,
                &table->put, error) &&
        prepare(disk, "DELETE FROM \"%w\" WHERE key = ?", name, &table->remove, error)) {
        g_hash_table_insert(disk->tables, table->name, table);
        return table;
    }
    table_free(table);
    return NULL;
}

static void update(EVP_MD_CTX *digest, GBytes *bytes)
{
    gsize n_bytes = 0;
    const guint8 *data = g_bytes_get_data(bytes, &n_bytes);
    guint64 length = GUINT64_TO_LE(n_bytes);
    EVP_DigestUpdate(digest, &length, sizeof length);
    EVP_DigestUpdate(digest, data, n_bytes);
}

static void digest_record(const Disk *disk, const Table *table, GBytes *key, GBytes *value,
                          guint8 ret_digest[DIGEST_BYTES])
{
    guint8 whole[EVP_MAX_MD_SIZE];
    if (EVP_DigestInit_ex2(disk->digest, disk->sha256, NULL) != 1)
        g_error("no SHA-256");
    EVP_DigestUpdate(disk->digest, table->name, strlen(table->name) + 1);
    update(disk->digest, key);
    update(disk->digest, value);
    if (EVP_DigestFinal_ex(disk->digest, whole, NULL) != 1)
        g_error("no SHA-256");
    memcpy(ret_digest, whole, DIGEST_BYTES);
}

static gboolean check_record(const Disk *disk, const Table *table, GBytes *key, GBytes *value,
                             GError **error)
{
    guint8 digest[DIGEST_BYTES];
    digest_record(disk, table, key, value, digest);
    if (sqlite3_column_bytes(table->load, 2) == DIGEST_BYTES &&
        memcmp(sqlite3_column_blob(table->load, 2), digest, DIGEST_BYTES) == 0)
        return TRUE;
    return sqlite_file_damaged(disk->file, "a record is not as it was written", error);
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
    int result = SQLITE_ROW;
    gboolean done = TRUE;
    while (done && (result = sqlite3_step(table->load)) == SQLITE_ROW) {
        g_autoptr(GBytes) key = column(table->load, 0);
        g_autoptr(GBytes) value = column(table->load, 1);
        done = check_record(disk, table, key, value, error);
        if (done)
            fn(data, key, value);
    }
    if (done && result != SQLITE_DONE)
        done = sqlite_file_fail(disk->file, result, error);
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

static int bind_record(const Disk *disk, const Table *table, const StoreChange *change,
                       guint8 ret_digest[DIGEST_BYTES])
{
    int result = bind(table->put, 1, change->key);
    if (result == SQLITE_OK)
        result = bind(table->put, 2, change->value);
    digest_record(disk, table, change->key, change->value, ret_digest);
    return result == SQLITE_OK
               ? sqlite3_bind_blob(table->put, 3, ret_digest, DIGEST_BYTES, SQLITE_STATIC)
               : result;
}

static gboolean apply(Disk *disk, const StoreChange *change, GError **error)
{
    Table *table = disk_table(disk, change->table, error);
    if (!table)
        return FALSE;
    guint8 digest[DIGEST_BYTES];
    sqlite3_stmt *statement = change->value ? table->put : table->remove;
    int result =
        change->value ? bind_record(disk, table, change, digest) : bind(statement, 1, change->key);
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
    EVP_MD_CTX_free(disk->digest);
    EVP_MD_free(disk->sha256);
    g_free(disk);
}

Store *store_open_sqlite(const char *path, const char *owner, StoreSync sync, GError **error)
{
    static const StoreBackend backend = {sqlite_load, sqlite_commit, sqlite_free};
    g_autoptr(SqliteFile) file = sqlite_file_open(path, owner, error);
    if (!file ||
        (sync == STORE_SYNC_OFF && !sqlite_file_run(file, "PRAGMA synchronous = OFF", error)))
        return NULL;
    Disk *disk = g_new0(Disk, 1);
    disk->file = g_steal_pointer(&file);
    disk->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    disk->digest = EVP_MD_CTX_new();
    disk->tables = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, table_free);
    return store_new(&backend, disk);
}

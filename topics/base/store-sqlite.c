// SPDX-License-Identifier: Apache-2.0

#include "topics/base/store-sqlite.h"

#include "topics/base/sqlite-file.h"

#include <openssl/evp.h>
#include <string.h>

// What SQLite itself finds is damage to its pages, not to what is in them: a bit that falls over on
// disk could take an allocation back. So each record has a digest.
#define DIGEST_BYTES 8

#define COLUMNS                                                                                    \
    "(id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL, digest BLOB NOT NULL) "      \
    "STRICT"

// Most records are short-lived, and their keys are random. In the order of their keys each would be
// on a page of its own, the more of them the longer a store is in use; so they are in the order in
// which they came, with those of the same time, and where each is is known here: a store has one
// writer, and all of it is read when it is opened.
typedef struct {
    SqliteFile *file;
    GHashTable *tables; // name → Table
    sqlite3_stmt *begin;
    sqlite3_stmt *end;
    EVP_MD *sha256;     // looked up once; OpenSSL's uses what the processor has for it
    EVP_MD_CTX *digest; // of one record after the other
} Disk;

// Its statements are prepared once.
typedef struct {
    char *name;
    GHashTable *rows; // key of a record → its row: at most 2⁶³ - 1, and never 0
    sqlite3_stmt *list;
    sqlite3_stmt *load;
    sqlite3_stmt *add;
    sqlite3_stmt *change;
    sqlite3_stmt *remove;
} Table;

static void table_free(gpointer data)
{
    Table *table = data;
    sqlite3_finalize(table->list);
    sqlite3_finalize(table->load);
    sqlite3_finalize(table->add);
    sqlite3_finalize(table->change);
    sqlite3_finalize(table->remove);
    g_hash_table_unref(table->rows);
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
    char *sql = sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\" " COLUMNS, name);
    gboolean done = sqlite_file_run(disk->file, sql, error);
    sqlite3_free(sql);
    return done;
}

static gboolean prepare_all(const Disk *disk, Table *table, GError **error)
{
    const char *name = table->name;
    return prepare(disk, "SELECT id, key FROM \"%w\"", name, &table->list, error) &&
           prepare(disk, "SELECT key, value, digest FROM \"%w\" WHERE id = ?", name, &table->load,
                   error) &&
           prepare(disk, "INSERT INTO \"%w\" (value, digest, key) VALUES (?, ?, ?)", name,
                   &table->add, error) &&
           prepare(disk, "UPDATE \"%w\" SET value = ?, digest = ? WHERE id = ?", name,
                   &table->change, error) &&
           prepare(disk, "DELETE FROM \"%w\" WHERE id = ?", name, &table->remove, error);
}

static GBytes *column(sqlite3_stmt *statement, int i)
{
    const void *bytes = sqlite3_column_blob(statement, i);
    return g_bytes_new(bytes, (gsize)sqlite3_column_bytes(statement, i));
}

static gboolean list_rows(const Disk *disk, Table *table, GError **error)
{
    int result;
    gboolean done = TRUE;
    while (done && (result = sqlite3_step(table->list)) == SQLITE_ROW) {
        gpointer row = GSIZE_TO_POINTER(sqlite3_column_int64(table->list, 0));
        done = g_hash_table_insert(table->rows, column(table->list, 1), row) ||
               sqlite_file_damaged(disk->file, "a record is there twice", error);
    }
    if (done && result != SQLITE_DONE)
        done = sqlite_file_fail(disk->file, result, error);
    sqlite3_reset(table->list);
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
    table->rows =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    if (prepare_all(disk, table, error) && list_rows(disk, table, error)) {
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

static int compare_keys(gconstpointer a, gconstpointer b)
{
    return g_bytes_compare(*(GBytes *const *)a, *(GBytes *const *)b);
}

static GPtrArray *sort_keys(const Table *table)
{
    GPtrArray *keys = g_ptr_array_sized_new(g_hash_table_size(table->rows));
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, table->rows);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(keys, key);
    g_ptr_array_sort(keys, compare_keys);
    return keys;
}

static sqlite3_int64 row_of(const Table *table, GBytes *key)
{
    return (sqlite3_int64)GPOINTER_TO_SIZE(g_hash_table_lookup(table->rows, key));
}

static gboolean load_row(const Disk *disk, const Table *table, GBytes *wanted, StoreLoadFn fn,
                         gpointer data, GError **error)
{
    sqlite3_bind_int64(table->load, 1, row_of(table, wanted));
    int result = sqlite3_step(table->load);
    gboolean done = result == SQLITE_ROW ? TRUE : sqlite_file_fail(disk->file, result, error);
    if (done) {
        g_autoptr(GBytes) key = column(table->load, 0);
        g_autoptr(GBytes) value = column(table->load, 1);
        done = check_record(disk, table, key, value, error);
        if (done)
            fn(data, key, value);
    }
    sqlite3_reset(table->load);
    return done;
}

static gboolean sqlite_load(gpointer backend, const char *name, StoreLoadFn fn, gpointer data,
                            GError **error)
{
    Disk *disk = backend;
    const Table *table = disk_table(disk, name, error);
    if (!table)
        return FALSE;
    g_autoptr(GPtrArray) keys = sort_keys(table);
    gboolean done = TRUE;
    for (guint i = 0; done && i < keys->len; i++)
        done = load_row(disk, table, keys->pdata[i], fn, data, error);
    return done;
}

// The bytes are only read until the statement is reset.
static int bind(sqlite3_stmt *statement, int i, GBytes *bytes)
{
    gsize n_bytes = 0;
    gconstpointer data = g_bytes_get_data(bytes, &n_bytes);
    return sqlite3_bind_blob64(statement, i, data ? data : "", n_bytes, SQLITE_STATIC);
}

static gboolean run(const Disk *disk, sqlite3_stmt *statement, int result, GError **error)
{
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    gboolean done = result == SQLITE_DONE ? TRUE : sqlite_file_fail(disk->file, result, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return done;
}

static gboolean put(const Disk *disk, const Table *table, const StoreChange *change, GError **error)
{
    guint8 digest[DIGEST_BYTES];
    sqlite3_int64 row = row_of(table, change->key);
    sqlite3_stmt *statement = row ? table->change : table->add;
    digest_record(disk, table, change->key, change->value, digest);
    int result = bind(statement, 1, change->value);
    if (result == SQLITE_OK)
        result = sqlite3_bind_blob(statement, 2, digest, DIGEST_BYTES, SQLITE_STATIC);
    if (result == SQLITE_OK)
        result = row ? sqlite3_bind_int64(statement, 3, row) : bind(statement, 3, change->key);
    if (!run(disk, statement, result, error))
        return FALSE;
    if (!row)
        g_hash_table_insert(table->rows, g_bytes_ref(change->key),
                            GSIZE_TO_POINTER(sqlite3_last_insert_rowid(disk->file->db)));
    return TRUE;
}

static gboolean take_out(const Disk *disk, const Table *table, const StoreChange *change,
                         GError **error)
{
    sqlite3_int64 row = row_of(table, change->key);
    if (!row)
        return TRUE;
    if (!run(disk, table->remove, sqlite3_bind_int64(table->remove, 1, row), error))
        return FALSE;
    g_hash_table_remove(table->rows, change->key);
    return TRUE;
}

static gboolean apply(Disk *disk, const StoreChange *change, GError **error)
{
    const Table *table = disk_table(disk, change->table, error);
    if (!table)
        return FALSE;
    return change->value ? put(disk, table, change, error) : take_out(disk, table, change, error);
}

// What the transaction did to tables is gone with it, so what is known of them goes, too.
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
    gboolean done = run(disk, disk->begin, SQLITE_OK, error);
    for (gsize i = 0; done && i < n_changes; i++)
        done = apply(disk, &changes[i], error);
    if (done && run(disk, disk->end, SQLITE_OK, error))
        return TRUE;
    roll_back(disk);
    return FALSE;
}

static gboolean sqlite_forget(gpointer backend, GError **error)
{
    return sqlite_file_empty_journal(((const Disk *)backend)->file, error);
}

static void sqlite_free(gpointer backend)
{
    Disk *disk = backend;
    g_hash_table_unref(disk->tables);
    sqlite3_finalize(disk->begin);
    sqlite3_finalize(disk->end);
    sqlite_file_free(disk->file);
    EVP_MD_CTX_free(disk->digest);
    EVP_MD_free(disk->sha256);
    g_free(disk);
}

Store *store_open_sqlite(const char *path, const char *owner, StoreSync sync, GError **error)
{
    static const StoreBackend backend = {sqlite_load, sqlite_commit, sqlite_forget, sqlite_free};
    g_autoptr(SqliteFile) file = sqlite_file_open(path, owner, error);
    if (!file ||
        (sync == STORE_SYNC_OFF && !sqlite_file_run(file, "PRAGMA synchronous = OFF", error)))
        return NULL;
    Disk *disk = g_new0(Disk, 1);
    disk->file = g_steal_pointer(&file);
    disk->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    disk->digest = EVP_MD_CTX_new();
    disk->tables = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, table_free);
    if (prepare(disk, "BEGIN IMMEDIATE", NULL, &disk->begin, error) &&
        prepare(disk, "COMMIT", NULL, &disk->end, error))
        return store_new(&backend, disk);
    sqlite_free(disk);
    return NULL;
}

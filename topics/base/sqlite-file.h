#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A SQLite file of ours, opened with care: created whole or not at all, checked, brought to this
// version's format, locked against every other process, in WAL mode with every commit synced. Loop
// thread only.

#include <glib.h>
#include <sqlite3.h>

typedef struct {
    sqlite3 *db;
    char *path; // for messages
} SqliteFile;

// Refuses, as store-sqlite.h says; each error names the file, what is wrong, and what to do.
SqliteFile *sqlite_file_open(const char *path, const char *owner, GError **error);
void sqlite_file_free(SqliteFile *file);

// Runs statements that return no rows.
gboolean sqlite_file_run(const SqliteFile *file, const char *sql, GError **error);

// Moves what the journal holds to its place in the file, and cuts the journal to nothing. Between
// two of these the journal has every state of every page that was written, also of those from which
// a record was deleted since: in the file itself such a record is overwritten (secure_delete), in
// the journal it is not. What is cut off goes back to the file system as it is: it is in no file
// any more, but the medium may hold it until the blocks are used again. Zeros written over it would
// change little: flash, and file systems that copy on write, put them elsewhere.
gboolean sqlite_file_empty_journal(const SqliteFile *file, GError **error);

// Says what SQLite's result means for this file, or that it is damaged; always FALSE.
gboolean sqlite_file_fail(const SqliteFile *file, int result, GError **error);
gboolean sqlite_file_damaged(const SqliteFile *file, const char *what, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqliteFile, sqlite_file_free)

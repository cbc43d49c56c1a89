#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Durable state as a core sees it: named tables of records, key bytes to value bytes. A core loads
// everything when it is created, then only puts and deletes; what it changed in one pass becomes
// durable together, with store_commit(), before anything that depends on it leaves the process.
//
// The store collects the changes of a pass in memory, the last one to a record winning, and hands
// them to its backend (SQLite in the daemons, memory in tests and the simulator) at commit. Loop
// thread only. Values may hold sealed secrets, never secrets in clear.

#include <glib.h>

// How sure a commit to a disk is.
typedef enum {
    STORE_SYNC_FULL, // what is committed survives a power cut
    STORE_SYNC_OFF,  // only the end of the process: a power cut can take back what was promised
} StoreSync;

// By which settings name them, NULL-terminated.
extern const char *const store_sync_names[];

typedef struct Store Store;

typedef void (*StoreLoadFn)(gpointer data, GBytes *key, GBytes *value);

// One changed record of a commit; a NULL value deletes the record.
typedef struct {
    const char *table;
    GBytes *key;
    GBytes *value;
} StoreChange;

typedef struct {
    // Calls `fn` for each record of the table, in the order of the key bytes.
    gboolean (*load)(gpointer backend, const char *table, StoreLoadFn fn, gpointer data,
                     GError **error);
    // Makes all changes durable, or none.
    gboolean (*commit)(gpointer backend, const StoreChange *changes, gsize n_changes,
                       GError **error);
    // Keeps nothing of what was replaced or deleted. NULL: it never does.
    gboolean (*forget)(gpointer backend, GError **error);
    void (*free)(gpointer backend);
} StoreBackend;

// `backend_data` is owned from here on.
Store *store_new(const StoreBackend *backend, gpointer backend_data);

// Without committing: what is pending is dropped, as in a crash. Takes NULL.
void store_free(Store *store);

// Only before the first put or delete.
gboolean store_load(Store *store, const char *table, StoreLoadFn fn, gpointer data, GError **error);

// `table` is a literal name, [a-z_]+; it is not copied.
void store_put(Store *store, const char *table, GBytes *key, GBytes *value);
void store_put_text(Store *store, const char *table, const char *key, GBytes *value);
// The same with the value that `fn` makes when the pass is committed, for a record that changes
// often within one; `data` lives until then, or until the record is put or deleted again.
typedef GBytes *(*StoreValueFn)(gpointer data);
void store_put_late(Store *store, const char *table, const char *key, StoreValueFn fn,
                    gpointer data);
void store_delete(Store *store, const char *table, GBytes *key);
void store_delete_text(Store *store, const char *table, const char *key);

// On failure everything stays pending; the daemon must not publish and ends itself.
gboolean store_commit(Store *store, GError **error);

// Whether anything waits for a commit.
gboolean store_is_dirty(const Store *store);

// A backend may keep what commits have replaced or deleted, so as to write less, until this is
// called: then its files no longer hold it. It takes as long as some commits, so the caller chooses
// when. On failure some may still be there, and nothing else has changed.
gboolean store_forget(Store *store, GError **error);

// A store in memory. The disk stands for the disk: it holds what was committed, outlives the
// store, and can be given to another one, as a restarted process finds its file again.
typedef struct StoreDisk StoreDisk;
StoreDisk *store_disk_new(void);
void store_disk_free(StoreDisk *disk);
Store *store_new_memory(StoreDisk *disk);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreDisk, store_disk_free)

// SPDX-License-Identifier: Apache-2.0
//
// Apart from the rest of the shell, so that only what opens a store needs SQLite.

#include "topics/base/log.h"
#include "topics/base/store-sqlite.h"
#include "topics/mqtt/daemon.h"

Store *daemon_open_store(const DaemonSettings *settings, const char *owner, GError **error)
{
    StoreSync sync = (StoreSync)settings->store_synchronous;
    Store *store = store_open_sqlite(settings->store, owner, sync, error);
    if (store && sync != STORE_SYNC_FULL)
        log_line(G_LOG_LEVEL_WARNING,
                 "UNSAFE: after a power cut keys can be given twice and promises be lost, because "
                 "commits are not synced; only for measurements",
                 "store", settings->store, "store_synchronous", store_sync_names[sync], NULL);
    return store;
}

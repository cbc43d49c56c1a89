#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The daemons' store: one SQLite file, WAL, secure_delete, mode 0600, used by one process at a
// time.

#include "topics/base/store.h"

// Opens or creates the file. `owner` names what it belongs to, such as "agent vienna": a file that
// belongs to another owner, another program, or a newer version of this one is refused, as is one
// that is damaged, not writable, or in use by another process; a file is never replaced by a fresh
// one. The error says which file and what to do.
Store *store_open_sqlite(const char *path, const char *owner, StoreSync sync, GError **error);

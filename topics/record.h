#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What stands in the store of a core, on its way back into memory.

#include "schemas/wire.h"
#include "topics/base/store.h"

#include <glib.h>

// The key of a record as text; to be freed.
char *record_name(GBytes *key);
// Its value; NULL when it is damaged. Free with wire_free().
gpointer record_unpack(const ProtobufCMessageDescriptor *type, GBytes *value);

// What a StoreLoadFn is given when record_load() calls it.
typedef struct {
    gpointer core; // or the part of it that is loaded
    GError **error;
    gboolean failed;
} RecordLoading;

// Every record of a table, with a RecordLoading. FALSE when one of them cannot be used, or the
// table cannot be read.
gboolean record_load(Store *store, const char *table, StoreLoadFn fn, gpointer core,
                     GError **error);
// The first record that cannot be used is told of.
void record_fail(RecordLoading *loading, const char *what, const char *name, const char *why);

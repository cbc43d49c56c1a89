#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What stands in the store of a core, on its way back into memory.

#include "schemas/wire.h"

#include <glib.h>

// The key of a record as text; to be freed.
char *record_name(GBytes *key);
// Its value; NULL when it is damaged. Free with wire_free().
gpointer record_unpack(const ProtobufCMessageDescriptor *type, GBytes *value);

// The first record that cannot be used is told of, and the load fails.
typedef struct {
    GError **error;
    gboolean failed;
} RecordFault;
void record_fail(RecordFault *fault, const char *what, const char *name, const char *why);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One conversation out of all: every message of it says its ID, at whichever member it is. Values
// in, values out; no I/O.

#include <glib.h>
#include <jansson.h>

// Of a publish as decode_publish() gives it, takes away the messages in which no text is `id`.
// FALSE when none is left, or it could not be read at all.
gboolean follow_keep(json_t *publish, const char *id);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Publishes in a file, as they came: one JSON object a line, `{"at_us": when it came, "topic": …,
// "payload": base64}`. So what was seen can be looked at again, by a later version too.

#include <glib.h>
#include <stdio.h>

// FALSE when it cannot be written.
gboolean recording_append(FILE *file, gint64 at_us, const char *topic, const guint8 *payload,
                          gsize n_bytes);

// Passes each publish of a recording to `arrived`, until that returns FALSE or all are passed.
// FALSE when the file cannot be read, or a line of it is none of a recording.
typedef gboolean (*RecordingFn)(gpointer data, const char *topic, const guint8 *payload,
                                gsize n_bytes);
gboolean recording_play(const char *path, RecordingFn arrived, gpointer data, GError **error);

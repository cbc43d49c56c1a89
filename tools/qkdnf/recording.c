// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/recording.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

gboolean recording_append(FILE *file, gint64 at_us, const char *topic, const guint8 *payload,
                          gsize n_bytes)
{
    g_autofree char *text = g_base64_encode(payload, n_bytes);
    g_autofree char *valid = g_utf8_make_valid(topic, -1);
    json_t *line =
        json_pack("{s:I, s:s, s:s}", "at_us", (json_int_t)at_us, "topic", valid, "payload", text);
    gboolean is_written =
        json_dumpf(line, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF && fflush(file) == 0;
    json_decref(line);
    return is_written;
}

// FALSE when the line is none of a recording.
static gboolean play_line(const char *text, gsize n, RecordingFn arrived, gpointer data,
                          gboolean *ret_more)
{
    json_int_t at_us = 0;
    const char *topic = NULL, *encoded = NULL;
    json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    gboolean is_read = line && json_unpack(line, "{s:I, s:s, s:s}", "at_us", &at_us, "topic",
                                           &topic, "payload", &encoded) == 0;
    if (is_read) {
        gsize n_bytes = 0;
        g_autofree guint8 *payload = g_base64_decode(encoded, &n_bytes);
        *ret_more = arrived(data, topic, payload, n_bytes);
    }
    json_decref(line);
    return is_read;
}

static gboolean play_lines(const char *path, FILE *file, RecordingFn arrived, gpointer data,
                           GError **error)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t n;
    gboolean more = TRUE, is_read = TRUE;
    for (guint64 number = 1; is_read && more && (n = getline(&text, &capacity, file)) >= 0;
         number++) {
        is_read = play_line(text, (gsize)n, arrived, data, &more);
        if (!is_read)
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s:%" G_GUINT64_FORMAT ": expected a publish, as `qkdnf tap --record` "
                        "writes it",
                        path, number);
    }
    free(text);
    return is_read;
}

gboolean recording_play(const char *path, RecordingFn arrived, gpointer data, GError **error)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
                    "%s cannot be opened: %s", path, g_strerror(errno));
        return FALSE;
    }
    gboolean is_read = play_lines(path, file, arrived, data, error);
    if (is_read && ferror(file)) {
        is_read = FALSE;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "%s cannot be read", path);
    }
    fclose(file);
    return is_read;
}

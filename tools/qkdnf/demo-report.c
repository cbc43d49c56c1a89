// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/demo-report.h"

#include "tools/qkdnf/json-read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Keys that went another way because a border had been cut.
static guint count_detours(const Demo *demo)
{
    guint n_detours = 0;
    gsize i;
    json_t *cut;
    json_array_foreach(demo->cuts, i, cut)
    {
        n_detours += strcmp(json_read_text(cut, "status"), "OK") == 0;
    }
    return n_detours;
}

// What a tap of the bus has recorded.
typedef struct {
    guint64 n_slots;    // given out
    guint64 n_reroutes; // of requests
    json_t *moves;      // of sessions to another way
} Taped;

static void add_message(Taped *taped, const json_t *message)
{
    const char *name = json_read_text(message, "name");
    if (strcmp(name, "request.rerouted") == 0)
        taped->n_reroutes++;
    if (strcmp(name, "session.rerouted") == 0)
        json_array_append_new(taped->moves,
                              json_pack("{s:s, s:O, s:O, s:f}", "cause",
                                        json_read_text(message, "cause"), "old_path",
                                        json_object_get(message, "old_path"), "new_path",
                                        json_object_get(message, "new_path"), "milliseconds",
                                        (double)json_read_integer(message, "duration_us") / 1000));
    gsize i;
    json_t *branch;
    json_array_foreach(json_object_get(message, "branches"), i, branch)
    {
        const json_t *egress = json_object_get(branch, "egress");
        taped->n_slots += (guint64)json_read_integer(egress, "n_slots");
    }
}

static Taped read_tap(const char *tap)
{
    Taped taped = {.moves = json_array()};
    g_autofree char *text = NULL;
    if (!g_file_get_contents(tap, &text, NULL, NULL))
        return taped;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        json_t *frame = json_loads(*line, 0, NULL), *message;
        gsize i;
        json_array_foreach(json_object_get(frame, "messages"), i, message)
            add_message(&taped, message);
        json_decref(frame);
    }
    return taped;
}

static gboolean fail(const char *file, int cause, GError **error)
{
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), "cannot write %s: %s",
                file, g_strerror(cause));
    return FALSE;
}

// A terminal, a pipe and the like.
static gboolean is_special(const char *file)
{
    return g_file_test(file, G_FILE_TEST_EXISTS) && !g_file_test(file, G_FILE_TEST_IS_REGULAR) &&
           !g_file_test(file, G_FILE_TEST_IS_DIR);
}

gboolean demo_report_check(const char *file, GError **error)
{
    if (!file || is_special(file))
        return TRUE;
    if (g_file_test(file, G_FILE_TEST_IS_DIR))
        return fail(file, EISDIR, error);
    g_autofree char *dir = g_path_get_dirname(file);
    gboolean is_there = g_file_test(file, G_FILE_TEST_EXISTS);
    if (access(dir, W_OK | X_OK) != 0 || (is_there && access(file, W_OK) != 0))
        return fail(file, errno, error);
    return TRUE;
}

static gboolean write_special(const char *file, const char *text, GError **error)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    gsize n_bytes = strlen(text), n_done = 0;
    while (fd >= 0 && n_done < n_bytes) {
        ssize_t n = write(fd, text + n_done, n_bytes - n_done);
        if (n < 0 && errno != EINTR)
            break;
        n_done += n > 0 ? (gsize)n : 0;
    }
    int cause = errno;
    if (fd >= 0)
        close(fd);
    return n_done == n_bytes || fail(file, cause, error);
}

// A link is followed, not replaced.
static gboolean write_file(const char *file, const char *text, GError **error)
{
    char target[PATH_MAX];
    if (g_file_set_contents(realpath(file, target) ? target : file, text, -1, error))
        return TRUE;
    g_prefix_error(error, "cannot write %s: ", file);
    return FALSE;
}

gboolean demo_report_write(const Demo *demo, const char *file, const char *tap, GError **error)
{
    if (!file)
        return TRUE;
    Taped taped = read_tap(tap);
    json_t *report = json_pack(
        "{s:s, s:O, s:O, s:i, s:I, s:i, s:I, s:i}", "version", QKDNF_VERSION, "requests",
        demo->requests, "cuts", demo->cuts, "keys_compared_equal", (int)demo->n_keys_equal,
        "slots_used", (json_int_t)taped.n_slots, "detours", (int)count_detours(demo), "reroutes",
        (json_int_t)taped.n_reroutes, "not_as_expected", (int)demo->n_failures);
    if (demo->session)
        json_object_set(report, "session", demo->session);
    json_object_set_new(report, "session_reroutes", taped.moves);
    char *text = json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    gboolean ok =
        is_special(file) ? write_special(file, text, error) : write_file(file, text, error);
    free(text);
    json_decref(report);
    return ok;
}

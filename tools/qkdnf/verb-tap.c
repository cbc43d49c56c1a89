// SPDX-License-Identifier: Apache-2.0
//
// qkdnf tap: the bus, decoded, live.

#include "tools/qkdnf/authenticity.h"
#include "tools/qkdnf/follow.h"
#include "tools/qkdnf/monitor.h"
#include "tools/qkdnf/recording.h"
#include "tools/qkdnf/tap-line.h"
#include "tools/qkdnf/verb.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    OPTION_KIND = 1,
    OPTION_FROM,
    OPTION_TO,
    OPTION_FOLLOW,
    OPTION_COUNT,
    OPTION_RECORD,
    OPTION_REPLAY
};

static const struct argp_option options[] = {
    {"kind", OPTION_KIND, "KIND", 0, "only this kind (repeatable)", 0},
    {"from", OPTION_FROM, "ID", 0, "only from this member (repeatable)", 0},
    {"to", OPTION_TO, "ID", 0, "only to this member (repeatable)", 0},
    {"follow", OPTION_FOLLOW, "ID", 0,
     "only messages that name this request, session, handover or other conversation", 0},
    {"json", 'j', NULL, 0, "one JSON object a line, one for each publish", 0},
    {"count", OPTION_COUNT, "N", 0, "end after N publishes", 0},
    {"record", OPTION_RECORD, "FILE", 0, "keep what is shown in FILE, as it came", 0},
    {"replay", OPTION_REPLAY, "FILE", 0, "show what FILE has kept, instead of the bus", 0},
    {0},
};

typedef struct {
    Access access;
    GPtrArray *kinds; // char *; empty: all
    GPtrArray *from;
    GPtrArray *to;
    const char *follow; // NULL: all conversations
    gboolean json;
    gboolean colours;
    const char *record; // NULL: nothing is kept
    const char *replay; // NULL: the bus
    FILE *recording;
    gboolean is_full;           // the recording could not be written
    guint64 n_left;             // G_MAXUINT64: no limit
    Authenticity *authenticity; // NULL: of a recording nothing is checked
} Tap;

static void check_kind(const char *name, struct argp_state *state)
{
    KindId kind;
    if (!kind_find(name, &kind))
        argp_error(state, "--kind: there is no kind '%s'", name);
}

static error_t parse_option(int option, char *value, struct argp_state *state)
{
    Tap *tap = state->input;
    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &tap->access;
        return 0;
    case OPTION_KIND:
        check_kind(value, state);
        g_ptr_array_add(tap->kinds, value);
        return 0;
    case OPTION_FROM:
        g_ptr_array_add(tap->from, value);
        return 0;
    case OPTION_TO:
        g_ptr_array_add(tap->to, value);
        return 0;
    case OPTION_FOLLOW:
        tap->follow = value;
        return 0;
    case 'j':
        tap->json = TRUE;
        return 0;
    case OPTION_COUNT:
        if (!g_ascii_string_to_unsigned(value, 10, 1, G_MAXUINT32, &tap->n_left, NULL))
            argp_error(state, "--count: expected a number above 0, not '%s'", value);
        return 0;
    case OPTION_RECORD:
        tap->record = value;
        return 0;
    case OPTION_REPLAY:
        tap->replay = value;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected '%s'", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static gboolean is_among(const GPtrArray *names, const char *name)
{
    return names->len == 0 ||
           g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

// What is not of the grammar has no kind, sender or receiver: it is shown unless one is asked for.
static gboolean is_wanted(const Tap *tap, const char *text)
{
    Topic topic;
    if (!topic_parse(text, &topic))
        return tap->kinds->len + tap->from->len + tap->to->len == 0;
    return is_among(tap->kinds, kind_get(topic.kind)->name) && is_among(tap->from, topic.from) &&
           is_among(tap->to, topic.to);
}

static void mark_authenticity(const Tap *tap, json_t *publish, const char *topic,
                              const guint8 *payload, gsize n_bytes)
{
    Refusal reason = REFUSAL_NONE;
    AuthenticityMark mark =
        authenticity_check(tap->authenticity, topic, payload, n_bytes, g_get_real_time(), &reason);
    json_object_set_new(publish, "authenticity", json_string(authenticity_name(mark)));
    if (mark != AUTHENTICITY_FAILED)
        return;
    json_object_set_new(publish, "failure", json_string(refusal_name(reason)));
    g_autofree char *shown = g_strescape(topic, NULL);
    g_printerr("ALERT: not authentic on %s: %s\n", shown, refusal_name(reason));
}

// Of what is not shown, births matter: by them the rest is checked.
static void hear_birth(const Tap *tap, const char *text, const guint8 *payload, gsize n_bytes)
{
    Topic topic;
    Refusal reason;
    if (tap->authenticity && topic_parse(text, &topic) && topic.kind == KIND_PRESENCE)
        authenticity_check(tap->authenticity, text, payload, n_bytes, g_get_real_time(), &reason);
}

static gboolean print_publish(gpointer data, const char *topic, const guint8 *payload,
                              gsize n_bytes)
{
    Tap *tap = data;
    json_t *publish = is_wanted(tap, topic) ? decode_publish(topic, payload, n_bytes) : NULL;
    if (!publish || (tap->follow && !follow_keep(publish, tap->follow))) {
        json_decref(publish);
        hear_birth(tap, topic, payload, n_bytes);
        return TRUE;
    }
    if (tap->recording &&
        !recording_append(tap->recording, g_get_real_time(), topic, payload, n_bytes)) {
        json_decref(publish);
        tap->is_full = TRUE;
        return FALSE;
    }
    if (tap->authenticity)
        mark_authenticity(tap, publish, topic, payload, n_bytes);
    if (tap->json) {
        json_dumpf(publish, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        g_autofree char *lines = tap_line_format(publish, tap->colours);
        fputs(lines, stdout);
    }
    json_decref(publish);
    // Whoever read this may be gone.
    return fflush(stdout) == 0 && --tap->n_left > 0;
}

static gboolean watch_bus(Tap *tap, GError **error)
{
    static const MonitorOps ops = {.arrived = print_publish};
    if (!access_resolve(&tap->access, ACCESS_MONITORS, error))
        return FALSE;
    Credentials *credentials = credentials_load(&tap->access.connection, tap->access.id, error);
    if (!credentials)
        return FALSE;
    tap->authenticity =
        authenticity_new(tap->access.id, credentials, daemon_random(), g_get_real_time());
    gboolean done = monitor_run(&tap->access, &ops, tap, error);
    g_clear_pointer(&tap->authenticity, authenticity_free);
    return done;
}

static gboolean open_recording(Tap *tap, GError **error)
{
    tap->recording = tap->record ? fopen(tap->record, "we") : NULL;
    if (tap->recording || !tap->record)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
                "%s cannot be written: %s", tap->record, g_strerror(errno));
    return FALSE;
}

static gboolean run(Tap *tap, GError **error)
{
    if (!open_recording(tap, error))
        return FALSE;
    gboolean done = tap->replay ? recording_play(tap->replay, print_publish, tap, error)
                                : watch_bus(tap, error);
    if (tap->recording)
        fclose(tap->recording);
    if (done && tap->is_full)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "%s cannot be written", tap->record);
    return done && !tap->is_full;
}

static const char doc[] =
    "Shows the bus, decoded, live. Each frame is marked:\v"
    "verified: signed by who it is from, with a certificate of the federation. sealed: for one "
    "member, with a tag that only that one can check. unknown: signed by somebody whose birth was "
    "not heard. outdated: of an earlier life of who it is from. repeated: it came before. none: "
    "neither signature nor tag, in a federation without. failed: a lie; that is also said on "
    "standard error, as a line that begins with ALERT. With --json, the mark is `authenticity`, "
    "and why it has failed is `failure`. Of a recording (--replay) nothing is checked.";

int verb_tap(int argc, char **argv)
{
    static const struct argp_child children[] = {{&access_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options, .parser = parse_option, .doc = doc, .children = children};
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();
    g_autoptr(GPtrArray) from = g_ptr_array_new();
    g_autoptr(GPtrArray) to = g_ptr_array_new();
    Tap tap = {.kinds = kinds, .from = from, .to = to, .n_left = G_MAXUINT64};
    g_autoptr(GError) error = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &tap);
    tap.colours = isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR");
    gboolean done = run(&tap, &error);
    access_clear(&tap.access);
    return done ? EXIT_DONE : verb_fail_on_bus(argv[0], error);
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/demo.h"
#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/verb.h"

#include <argp.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_WAIT_US (60 * G_USEC_PER_SEC)

typedef struct {
    const char *file;
    const char *report;
    gboolean keep;
} Arguments;

static const struct argp_option options[] = {
    {"federation-file", 'f', "FILE", 0, "show this federation, not the published networks", 0},
    {"report", 'r', "FILE", 0, "write the measured facts as JSON", 0},
    {"keep", 'k', NULL, 0, "keep the federation running until interrupted, and its directory", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    if (key == 'f')
        arguments->file = value;
    else if (key == 'r')
        arguments->report = value;
    else if (key == 'k')
        arguments->keep = TRUE;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "unexpected argument '%s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Starts a federation, shows keys crossing providers and borders being cut, and ends "
           "non-zero if anything is not as expected.",
};

// --- the federation as a child -------------------------------------------------------------------

static void end_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static gboolean start(const char *const *argv, const char *log, GPid *ret_pid, GError **error)
{
    FILE *file = fopen(log, "ae");
    if (!file) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot write %s", log);
        return FALSE;
    }
    gboolean ok = g_spawn_async_with_fds(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                         end_with_parent, NULL, ret_pid, -1, fileno(file),
                                         fileno(file), error);
    fclose(file);
    return ok;
}

static void stop(GPid pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

// Until the federation has said that it is ready, or has ended.
static json_t *wait_for_federation(const char *dir, GPid pid, GError **error)
{
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    gint64 end_us = g_get_monotonic_time() + START_WAIT_US;
    while (g_get_monotonic_time() < end_us && waitpid(pid, NULL, WNOHANG) == 0) {
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return access_load(dir, error);
        g_usleep(20000);
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the federation did not start");
    return NULL;
}

// --- the report ----------------------------------------------------------------------------------

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

// Slots given out and requests rerouted, from what a tap of the bus has recorded.
static void count_from_tap(const char *tap, guint64 *ret_n_slots, guint64 *ret_n_reroutes)
{
    g_autofree char *text = NULL;
    *ret_n_slots = *ret_n_reroutes = 0;
    if (!g_file_get_contents(tap, &text, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        json_t *frame = json_loads(*line, 0, NULL), *message, *branch;
        gsize i, j;
        json_array_foreach(json_object_get(frame, "messages"), i, message)
        {
            if (strcmp(json_read_text(message, "name"), "request.rerouted") == 0)
                ++*ret_n_reroutes;
            json_array_foreach(json_object_get(message, "branches"), j, branch)
            {
                const json_t *egress = json_object_get(branch, "egress");
                *ret_n_slots += (guint64)json_integer_value(json_object_get(egress, "n_slots"));
            }
        }
        json_decref(frame);
    }
}

static gboolean write_report(const Demo *demo, const char *path, const char *tap)
{
    guint64 n_slots, n_reroutes;
    count_from_tap(tap, &n_slots, &n_reroutes);
    json_t *report = json_pack(
        "{s:s, s:O, s:O, s:i, s:I, s:I, s:i}", "version", QKDNF_VERSION, "requests", demo->requests,
        "cuts", demo->cuts, "keys_compared_equal", (int)demo->n_keys_equal, "slots_used",
        (json_int_t)n_slots, "reroutes", (json_int_t)(n_reroutes + count_detours(demo)),
        "not_as_expected", (int)demo->n_failures);
    gboolean ok = json_dump_file(report, path, JSON_INDENT(2)) == 0;
    json_decref(report);
    if (!ok)
        fprintf(stderr, "qkdnf demo: cannot write %s\n", path);
    return ok;
}

// --- the verb ------------------------------------------------------------------------------------

static char *default_file(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = program ? g_path_get_dirname(program) : g_strdup(".");
    g_autofree char *built = g_build_filename(dir, "..", "demo", "published-networks.yaml", NULL);
    if (g_file_test(built, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&built);
    return g_build_filename(QKDNF_DATA_DIR, "published-networks.yaml", NULL);
}

static void show(Demo *demo)
{
    demo_tell(demo, "up: %zu QKDNs, the platform and the broker, each a process of its own",
              json_array_size(json_object_get(demo->federation, "qkdns")));
    demo_show_borders(demo);
    demo_show_requests(demo);
    demo_show_cuts(demo);
    if (demo->n_failures > 0)
        demo_tell(demo, "%u things were not as expected; logs are in %s", demo->n_failures,
                  demo->dir);
    else
        demo_tell(demo, "done: %u keys, each compared equal at both ends", demo->n_keys_equal);
}

static void wait_for_interrupt(const Demo *demo)
{
    sigset_t signals;
    int signal_number;
    demo_tell(demo, "the federation keeps running in %s; Ctrl-C ends it", demo->dir);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    sigwait(&signals, &signal_number);
}

static int run(Demo *demo, const Arguments *arguments, const char *file, GError **error)
{
    g_autofree char *up_log = g_build_filename(demo->dir, "up.log", NULL);
    g_autofree char *tap_log = g_build_filename(demo->dir, "tap.jsonl", NULL);
    const char *up[] = {demo->program, "up", file, "--dir", demo->dir, NULL};
    const char *tap[] = {demo->program, "tap", "--federation", demo->dir, "--json", NULL};
    GPid up_pid = 0, tap_pid = 0;
    demo_tell(demo, "starting the federation of %s", file);
    gboolean ok = start(up, up_log, &up_pid, error) &&
                  (demo->federation = wait_for_federation(demo->dir, up_pid, error)) &&
                  start(tap, tap_log, &tap_pid, error);
    if (ok) {
        show(demo);
        if (arguments->keep)
            wait_for_interrupt(demo);
    } else if (up_pid > 0) {
        g_autofree char *text = NULL;
        if (g_file_get_contents(up_log, &text, NULL, NULL))
            fputs(text, stderr);
    }
    stop(tap_pid);
    stop(up_pid);
    gboolean is_written =
        !ok || !arguments->report || write_report(demo, arguments->report, tap_log);
    return ok && is_written && demo->n_failures == 0 ? EXIT_DONE : EXIT_REFUSED;
}

static void remove_directory(const char *dir)
{
    const char *argv[] = {"rm", "-rf", "--", dir, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                 NULL);
}

int verb_demo(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    signal(SIGPIPE, SIG_IGN);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("qkdnf-demo-XXXXXX", &error);
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *file = arguments.file ? g_strdup(arguments.file) : default_file();
    if (!dir)
        return verb_fail(argv[0], EXIT_REFUSED, error);
    Demo demo = {
        .dir = dir,
        .program = program,
        .start_us = g_get_monotonic_time(),
        .requests = json_array(),
        .cuts = json_array(),
    };
    int code = run(&demo, &arguments, file, &error);
    if (error)
        verb_fail(argv[0], code, error);
    if (code == EXIT_DONE && !arguments.keep)
        remove_directory(dir);
    json_decref(demo.federation);
    json_decref(demo.requests);
    json_decref(demo.cuts);
    return code;
}

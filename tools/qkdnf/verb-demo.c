// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/demo-report.h"
#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/stage.h"
#include "tools/qkdnf/verb.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    const char *file;
    const char *report;
    gboolean keep;
    gint64 start_us;
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

// --- the tap -------------------------------------------------------------------------------------

static void end_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static gboolean start_tap(const Demo *demo, const char *log, GPid *ret_pid, GError **error)
{
    const char *argv[] = {demo->program, "tap", "--federation", demo->dir, "--json", NULL};
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

static void stop_tap(GPid pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
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

static void tell_where_to_watch(Demo *demo)
{
    const json_t *broker = json_object_get(demo->federation, "broker");
    const char *url = json_read_text(broker, "dashboard");
    if (*url)
        demo_tell(demo, "watch it in a browser at %s", url);
    else
        demo_tell(demo, "this was built without the dashboard");
}

static void show(Demo *demo)
{
    demo_tell(demo, "up: %zu QKDNs, the platform and the broker, each a process of its own",
              json_array_size(json_object_get(demo->federation, "qkdns")));
    tell_where_to_watch(demo);
    demo_show_borders(demo);
    demo_show_requests(demo);
    demo_show_cuts(demo);
    demo_show_session(demo);
    if (demo->n_failures > 0)
        demo_tell(demo, "%u things were not as expected", demo->n_failures);
    else
        demo_tell(demo, "done: %u keys, each compared equal at both ends", demo->n_keys_equal);
}

static int perform(Demo *demo, const Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tap_log = g_build_filename(demo->dir, "tap.jsonl", NULL);
    GPid tap = 0;
    demo->federation = access_load(demo->dir, &error);
    if (!demo->federation || !start_tap(demo, tap_log, &tap, &error))
        return verb_fail("qkdnf demo", EXIT_REFUSED, error);
    show(demo);
    stop_tap(tap);
    if (!demo_report_write(demo, arguments->report, tap_log, &error))
        return verb_fail("qkdnf demo", EXIT_REFUSED, error);
    return demo->n_failures == 0 ? EXIT_DONE : EXIT_REFUSED;
}

static int act(gpointer data, const char *dir)
{
    const Arguments *arguments = data;
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    Demo demo = {
        .dir = dir,
        .program = program,
        .start_us = arguments->start_us,
        .requests = json_array(),
        .cuts = json_array(),
    };
    int code = perform(&demo, arguments);
    json_decref(demo.federation);
    json_decref(demo.requests);
    json_decref(demo.cuts);
    json_decref(demo.session);
    return code;
}

static int run(Arguments *arguments, GError **error)
{
    g_autofree char *file = arguments->file ? g_strdup(arguments->file) : default_file();
    const Play play = {
        .name = "demo",
        .file = file,
        .end = arguments->keep ? STAGE_KEEP_RUNNING : STAGE_KEEP_FAILED,
        .act = act,
        .data = arguments,
    };
    if (!demo_report_check(arguments->report, error))
        return EXIT_USAGE;
    printf("[  0.00 s] starting the federation of %s\n", file);
    fflush(stdout);
    int code = stage_run(&play, error);
    if (code < 0)
        code =
            g_error_matches(*error, G_FILE_ERROR, G_FILE_ERROR_INVAL) ? EXIT_USAGE : EXIT_REFUSED;
    return code;
}

int verb_demo(int argc, char **argv)
{
    Arguments arguments = {.start_us = g_get_monotonic_time()};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    signal(SIGPIPE, SIG_IGN);
    g_autoptr(GError) error = NULL;
    int code = run(&arguments, &error);
    return error ? verb_fail(argv[0], code, error) : code;
}

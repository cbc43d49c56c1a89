// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/directory.h"
#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/lock.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>

typedef struct {
    const char *dir;
    gboolean json;
} Arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    if (key == ARGP_KEY_INIT)
        state->child_inputs[0] = &arguments->dir;
    else if (key == 'j')
        arguments->json = TRUE;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "expected no more than options, not '%s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};
static const struct argp_child children[] = {{&directory_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc = "Shows what runs of a federation. Exit code 0 means: all of it.",
};

// 0 when there is no such process.
static pid_t parent_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    // The name of the program is in parentheses, and may have some, too.
    const char *rest = g_strrstr(text, ")");
    char state = 'Z';
    int parent = 0;
    if (!rest || sscanf(rest, ") %c %d", &state, &parent) != 2 || state == 'Z')
        return 0;
    return parent;
}

static void add_process(json_t *processes, pid_t up, const char *id, const char *role,
                        const json_t *member, const char *url_name)
{
    pid_t pid = (pid_t)json_read_integer(member, "pid");
    gboolean is_running = pid > 0 && parent_of(pid) == up;
    json_t *process = json_pack("{s:s, s:s, s:i, s:b}", "id", id, "role", role, "pid", (int)pid,
                                "running", is_running);
    if (url_name)
        json_object_set_new(process, "url", json_string(json_read_text(member, url_name)));
    json_array_append_new(processes, process);
}

static json_t *list_processes(const json_t *federation, pid_t up)
{
    json_t *processes = json_array();
    const json_t *platform = json_object_get(federation, "platform");
    add_process(processes, up, "broker", "broker", json_object_get(federation, "broker"), "url");
    add_process(processes, up, json_read_text(platform, "id"), "platform", platform, NULL);
    gsize i;
    json_t *qkdn;
    json_array_foreach(json_object_get(federation, "qkdns"), i, qkdn)
        add_process(processes, up, json_read_text(qkdn, "id"), "agent", qkdn, "kme");
    return processes;
}

// The state is "stopped", "starting" (or stopping), "running", or "degraded": not all of it runs.
static json_t *make_report(const char *dir)
{
    pid_t up = lock_holder(dir);
    json_t *federation = up ? access_load(dir, NULL) : NULL;
    json_t *processes = federation ? list_processes(federation, up) : json_array();
    const char *state = !up ? "stopped" : federation ? "running" : "starting";
    gsize i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        if (!json_read_flag(process, "running"))
            state = "degraded";
    }
    json_decref(federation);
    return json_pack("{s:s, s:s, s:i, s:o}", "directory", dir, "state", state, "pid", (int)up,
                     "processes", processes);
}

static void print_report(const json_t *report)
{
    gsize i;
    json_t *process;
    printf("%s: %s\n", json_read_text(report, "directory"), json_read_text(report, "state"));
    json_array_foreach(json_object_get(report, "processes"), i, process)
    {
        printf("  %-20s %-9s %-8s %7d  %s\n", json_read_text(process, "id"),
               json_read_text(process, "role"),
               json_read_flag(process, "running") ? "running" : "down",
               (int)json_read_integer(process, "pid"), json_read_text(process, "url"));
    }
}

int verb_status(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = directory_resolve(arguments.dir, &error);
    if (!dir)
        return verb_fail(argv[0], EXIT_USAGE, error);
    json_t *report = make_report(dir);
    gboolean is_running = g_str_equal(json_read_text(report, "state"), "running");
    if (arguments.json) {
        verb_print_json(report);
    } else {
        print_report(report);
    }
    json_decref(report);
    return is_running ? EXIT_DONE : EXIT_REFUSED;
}

// SPDX-License-Identifier: Apache-2.0
//
// qkdnf topology: the federation as registered, learned from the bus.

#include "tools/qkdnf/atlas.h"
#include "tools/qkdnf/monitor.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>
#include <unistd.h>

// What is retained comes at once and in one go; stocks come with every heartbeat.
#define QUIET_MS 200
#define WAIT_MS  5000

enum { OPTION_DOT = 1, OPTION_SVG };

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {"dot", OPTION_DOT, "FILE", 0, "write a graph for Graphviz", 0},
    {"svg", OPTION_SVG, "FILE", 0, "draw it (needs Graphviz)", 0},
    {0},
};

typedef struct {
    Access access;
    gboolean json;
    const char *dot;
    const char *svg;
    Atlas *atlas;
    gint64 changed_at_us;
} Topology;

static error_t parse_option(int option, char *value, struct argp_state *state)
{
    Topology *topology = state->input;
    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &topology->access;
        return 0;
    case 'j':
        topology->json = TRUE;
        return 0;
    case OPTION_DOT:
        topology->dot = value;
        return 0;
    case OPTION_SVG:
        topology->svg = value;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected '%s'", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static gboolean learn(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    Topology *topology = data;
    if (atlas_learn(topology->atlas, topic, payload, n_bytes))
        topology->changed_at_us = g_get_monotonic_time();
    return TRUE;
}

static gboolean wait_for_more(gpointer data, gint64 connected_ms)
{
    const Topology *topology = data;
    gint64 quiet_us = g_get_monotonic_time() - topology->changed_at_us;
    gboolean settled = quiet_us >= QUIET_MS * G_TIME_SPAN_MILLISECOND && connected_ms >= QUIET_MS;
    return connected_ms < WAIT_MS && !(settled && atlas_is_whole(topology->atlas));
}

static gboolean draw(const char *dot, const char *path, GError **error)
{
    g_autofree char *source = NULL;
    int fd = g_file_open_tmp("qkdnf-XXXXXX.dot", &source, error);
    if (fd < 0)
        return FALSE;
    close(fd);
    const char *const argv[] = {"dot", "-Tsvg", "-o", path, source, NULL};
    int status = 0;
    gboolean done = g_file_set_contents(source, dot, -1, error) &&
                    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                                 NULL, &status, error) &&
                    g_spawn_check_wait_status(status, error);
    unlink(source);
    if (!done)
        g_prefix_error(error, "%s cannot be drawn (is Graphviz installed?): ", path);
    return done;
}

static gboolean show(const Topology *topology, const json_t *map, GError **error)
{
    g_autofree char *dot = atlas_format_dot(map);
    if (topology->dot && !g_file_set_contents(topology->dot, dot, -1, error))
        return FALSE;
    if (topology->svg && !draw(dot, topology->svg, error))
        return FALSE;
    if (topology->json) {
        verb_print_json(map);
    } else if (!topology->dot && !topology->svg) {
        g_autofree char *table = atlas_format_table(map);
        fputs(table, stdout);
    }
    return TRUE;
}

int verb_topology(int argc, char **argv)
{
    static const MonitorOps ops = {learn, wait_for_more};
    static const struct argp_child children[] = {{&access_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse_option,
                                     .doc = "Shows the federation as registered.",
                                     .children = children};
    g_autoptr(Atlas) atlas = atlas_new();
    Topology topology = {.atlas = atlas};
    g_autoptr(GError) error = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &topology);
    gboolean done = monitor_run(&topology.access, &ops, &topology, &error);
    if (done) {
        json_t *map = atlas_to_json(atlas);
        done = show(&topology, map, &error);
        json_decref(map);
    }
    access_clear(&topology.access);
    return done ? EXIT_DONE : verb_fail_on_bus(argv[0], error);
}

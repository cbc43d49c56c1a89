// SPDX-License-Identifier: Apache-2.0
//
// Writes the corpora of fuzz-state and fuzz-birth: `seed-corpus DIRECTORY` with the one that holds
// them. An input of the first is a moment of a federation, and what is said in it from then on.
// They need no writing anew until records or frames have changed so much that the old ones are
// refused.

#include "tests/fuzz/seed-birth.h"
#include "tests/fuzz/state.h"
#include "tests/sim/world.h"

#include <stdio.h>

#define SESSION "01234567-89ab-4cde-8f01-23456789abcd"

typedef struct {
    World *world;
    GByteArray *births; // what a core hears first of all
    GByteArray *input;  // NULL: nothing is written down yet
} Scene;

static void on_publish(gpointer owner, const char *topic, GBytes *payload)
{
    const Scene *scene = owner;
    if (!scene->input && g_str_has_prefix(topic, TOPIC_PREFIX "/presence/"))
        piece_append(scene->births, topic, payload);
    if (scene->input)
        piece_append(scene->input, topic, payload);
}

static Scene *scene_new(void)
{
    static const WorldHooks hooks = {.broker = {.tap = on_publish}};
    Scene *scene = g_new0(Scene, 1);
    scene->births = g_byte_array_new();
    scene->world = world_new(state_network(), 1, &hooks, scene);
    world_start(scene->world);
    world_run(scene->world, 3 * G_TIME_SPAN_SECOND);
    return scene;
}

static void open_session(const Scene *scene)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = 256;
    qos.size_bits = 256;
    qos.buffer = 4;
    char *targets[] = {(char *)"sae-b"};
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)SESSION;
    open.initiator = (char *)"sae-a";
    open.n_targets = G_N_ELEMENTS(targets);
    open.targets = targets;
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)SESSION;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    application_say(world_find_application(scene->world, "sae-a"), KIND_SESSION, &session.base);
}

static void ask(const Scene *scene)
{
    WireRequest request = WIRE_REQUEST_INIT;
    char *targets[] = {(char *)"sae-b"};
    request.initiator = (char *)"sae-a";
    request.n_targets = G_N_ELEMENTS(targets);
    request.targets = targets;
    request.number = 2;
    request.size_bits = 256;
    request.timeout_ms = 10000;
    application_ask(world_find_application(scene->world, "sae-a"), &request);
}

// From now on.
static void write_down(Scene *scene)
{
    scene->input = g_byte_array_new();
    for (guint i = 0; i < scene->world->nodes->len; i++)
        state_append(scene->input, scene->world->nodes->pdata[i]);
    g_byte_array_append(scene->input, scene->births->data, scene->births->len);
}

static gboolean keep(const char *directory, const char *name, const GByteArray *input)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autoptr(GError) error = NULL;
    if (g_file_set_contents(path, (const char *)input->data, input->len, &error))
        return TRUE;
    fprintf(stderr, "%s\n", error->message);
    return FALSE;
}

static gboolean scene_end(Scene *scene, const char *directory, const char *name)
{
    gboolean is_kept = keep(directory, name, scene->input);
    world_free(scene->world);
    g_byte_array_unref(scene->births);
    g_byte_array_unref(scene->input);
    g_free(scene);
    return is_kept;
}

// Nothing stands there yet but members; a session is opened, and filled.
static gboolean write_opening(const char *directory)
{
    Scene *scene = scene_new();
    write_down(scene);
    open_session(scene);
    world_run(scene->world, 100 * G_TIME_SPAN_MILLISECOND);
    return scene_end(scene, directory, "state/session-opening");
}

// One that is open, with keys; somebody fetches some, and asks for others.
static gboolean write_open(const char *directory)
{
    static const char *const targets[] = {"sae-b", NULL};
    Scene *scene = scene_new();
    open_session(scene);
    world_run(scene->world, 2 * G_TIME_SPAN_SECOND);
    write_down(scene);
    ask(scene);
    KeyQuery query = {{.sae = "sae-a"}, targets, 3, 256, 1, NULL, NULL, SESSION};
    world_get_keys(scene->world, "alpha", &query);
    world_run(scene->world, 2 * G_TIME_SPAN_SECOND);
    return scene_end(scene, directory, "state/session-open");
}

// A request of which one order is done.
static gboolean write_request(const char *directory, const char *name, gint64 after_us)
{
    Scene *scene = scene_new();
    ask(scene);
    world_run(scene->world, after_us);
    write_down(scene);
    world_run(scene->world, 100 * G_TIME_SPAN_MILLISECOND);
    return scene_end(scene, directory, name);
}

static gboolean write_births(const char *directory)
{
    gboolean are_kept = TRUE;
    for (guint i = 0; i < N_SEED_BIRTHS; i++) {
        g_autoptr(GByteArray) input = g_byte_array_new();
        g_autofree char *name = g_strdup_printf("birth/%u", i);
        seed_birth(input, i);
        are_kept = keep(directory, name, input) && are_kept;
    }
    return are_kept;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    return write_births(argv[1]) && write_opening(argv[1]) && write_open(argv[1]) &&
                   write_request(argv[1], "state/request-begun", 3 * WORLD_HOP_US) &&
                   write_request(argv[1], "state/request-done", G_TIME_SPAN_SECOND)
               ? 0
               : 1;
}

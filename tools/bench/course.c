// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/course.h"

#include "tools/bench/request.h"
#include "tools/bench/traffic.h"
#include "tools/qkdnf/access.h"
#include "tools/qkdnf/json-read.h"
#include "topics/mqtt/pki.h"

// The members of the floor's chain, as the broker lets them act; nobody else has these IDs.
static const struct {
    const char *id;
    Roles roles;
} floor_members[COURSE_ROLES] = {
    {"floor-application", ROLE_BIT(ROLE_APPLICATION)},
    {"floor-platform", ROLE_BIT(ROLE_PLATFORM)},
    {"floor-initiator", ROLE_BIT(ROLE_AGENT)},
    {"floor-target", ROLE_BIT(ROLE_AGENT)},
};

static const FloorHop request_hops[COURSE_HOPS] = {
    {KIND_REQUEST, 0, 1, 160}, {KIND_ORDER, 1, 2, 380}, {KIND_RELAY, 2, 3, 220},
    {KIND_OUTCOME, 3, 1, 120}, {KIND_REPLY, 1, 0, 420},
};

const CourseClient course_clients[N_COURSE_FLOORS] = {
    {"bare", &floor_raw, FALSE}, {"paho", &floor_paho, FALSE}, {"durable", &floor_paho, TRUE}};

FloorChain course_chain(const Course *course, const CourseClient *client)
{
    FloorChain chain = course->chain;
    chain.journals = client->is_durable ? course->dir : NULL;
    return chain;
}

static char *keep(Course *course, char *text)
{
    g_ptr_array_add(course->strings, text);
    return text;
}

void course_clear(Course *course)
{
    g_clear_pointer(&course->strings, g_ptr_array_unref);
}

static gboolean certify_roles(Course *course, const char *url, const char *ca_file, GError **error)
{
    char *pki = keep(course, g_path_get_dirname(ca_file));
    g_autoptr(PkiCa) ca = pki_create_ca(pki, error);
    for (guint i = 0; ca && i < COURSE_ROLES; i++) {
        const char *id = floor_members[i].id;
        if (!pki_issue(ca, id, PKI_USAGE_CLIENT, floor_members[i].roles, pki, error))
            return FALSE;
        course->roles[i] = (FloorRole){
            id,
            {
                .url = keep(course, g_strdup(url)),
                .ca = keep(course, g_strdup(ca_file)),
                .certificate = keep(course, g_strdup_printf("%s/%s.crt", pki, id)),
                .key = keep(course, g_strdup_printf("%s/%s.key", pki, id)),
            },
        };
    }
    return ca != NULL;
}

gboolean course_prepare(Course *course, const char *dir, const json_t *traffic,
                        const BenchSettings *settings, GError **error)
{
    json_t *description = access_load(dir, error);
    if (!description)
        return FALSE;
    course->strings = g_ptr_array_new_with_free_func(g_free);
    course->dir = keep(course, g_strdup(dir));
    const char *url = json_read_text(json_object_get(description, "broker"), "url");
    gboolean done = certify_roles(course, url, json_read_text(description, "ca"), error);
    json_decref(description);
    for (guint i = 0; i < COURSE_HOPS; i++) {
        course->hops[i] = request_hops[i];
        course->hops[i].n_bytes =
            traffic_mean_bytes(traffic, request_hops[i].kind, request_hops[i].n_bytes);
    }
    course->chain = (FloorChain){
        .roles = course->roles,
        .n_roles = COURSE_ROLES,
        .hops = course->hops,
        .n_hops = COURSE_HOPS,
        .n_rounds = (guint)settings->n_rounds,
        .gap_us = (guint)settings->gap_us,
    };
    return done;
}

gboolean course_explore(const char *dir, json_t **ret_pairs, json_t **ret_traffic, GError **error)
{
    InChild *counter = in_child_start(traffic_count, (gpointer)dir);
    gboolean counts = in_child_wait_ready(counter);
    *ret_pairs = counts ? in_child(request_find_pairs, (gpointer)dir, error) : NULL;
    *ret_traffic = in_child_finish(counter, TRUE, *ret_pairs || !counts ? error : NULL);
    return *ret_pairs && *ret_traffic;
}

json_t *course_floors_to_json(guint n_clients)
{
    json_t *array = json_array();
    for (guint i = 0; i < n_clients; i++)
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:i, s:i, s:[]}", "client", course_clients[i].name, "what",
                             course_clients[i].ops->name, "hops", COURSE_HOPS, "commits",
                             course_clients[i].is_durable ? COURSE_COMMITS : 0, "runs"));
    return array;
}

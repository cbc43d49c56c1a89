#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The floor of a key request through the broker of a running federation.

#include "tools/bench/bench.h"

// The hops that a request waits for, whatever the number of providers: all of them act at once.
#define COURSE_HOPS 5
// And the commits that stand between them, one after the other; the rest are beside the way. None
// of these can be spared as long as nothing is said before it is durable: the platform has given
// slots to the request before it orders, an agent has used its slots up before it sends what they
// encrypt, the target's agent has the key before it says so, and the platform has granted the
// request before it answers. So no request can be faster than these hops and so many times what the
// disk takes.
#define COURSE_COMMITS 4
#define COURSE_ROLES   4

typedef struct {
    const char *name; // in reports
    const FloorOps *ops;
    gboolean is_durable; // whatever is passed on
} CourseClient;

// Of many requests at a time, the first ones; of one after the other, all.
#define N_COURSE_CLIENTS 2
#define N_COURSE_FLOORS  3
extern const CourseClient course_clients[N_COURSE_FLOORS];

// The chain as one federation's broker, authority and traffic make it.
typedef struct {
    FloorRole roles[COURSE_ROLES];
    FloorHop hops[COURSE_HOPS];
    GPtrArray *strings; // that the roles point at
    FloorChain chain;
    const char *dir; // of the federation
} Course;

// Certifies the roles in the directory of the federation; the hops are as large as they are in the
// traffic, if there is any.
gboolean course_prepare(Course *course, const char *dir, const json_t *traffic,
                        const BenchSettings *settings, GError **error);
void course_clear(Course *course);

// Finds the pairs of applications to measure, as request_find_pairs(), and counts the traffic of
// doing so.
gboolean course_explore(const char *dir, json_t **ret_pairs, json_t **ret_traffic, GError **error);

// The chain as the client walks it.
FloorChain course_chain(const Course *course, const CourseClient *client);

// `[{"client", "what", "hops", "commits", "runs": []}]`, of the first clients.
json_t *course_floors_to_json(guint n_clients);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Course, course_clear)

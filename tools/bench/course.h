#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The floor of a key request through the broker of a running federation.

#include "tools/bench/bench.h"

// The hops that a request waits for, whatever the number of providers: all of them act at once.
#define COURSE_HOPS  5
#define COURSE_ROLES 4

typedef struct {
    const char *name; // in reports
    const FloorOps *ops;
} CourseClient;

#define N_COURSE_CLIENTS 2
extern const CourseClient course_clients[N_COURSE_CLIENTS];

// The chain as one federation's broker, authority and traffic make it.
typedef struct {
    FloorRole roles[COURSE_ROLES];
    FloorHop hops[COURSE_HOPS];
    GPtrArray *strings; // that the roles point at
    FloorChain chain;
} Course;

// Certifies the roles in the directory of the federation; the hops are as large as they are in the
// traffic, if there is any.
gboolean course_prepare(Course *course, const char *dir, const json_t *traffic,
                        const BenchSettings *settings, GError **error);
void course_clear(Course *course);

// Finds the pairs of applications to measure, as request_find_pairs(), and counts the traffic of
// doing so.
gboolean course_explore(const char *dir, json_t **ret_pairs, json_t **ret_traffic, GError **error);

// `[{"client", "what", "hops", "runs": []}]`.
json_t *course_floors_to_json(void);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Course, course_clear)

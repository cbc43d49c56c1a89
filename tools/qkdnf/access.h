#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How a verb reaches the bus: the options that are the same everywhere, and the description of a
// running federation (federation.json) that `qkdnf up` writes.

#include "topics/mqtt/session.h"

#include <argp.h>
#include <jansson.h>

#define ACCESS_FILE "federation.json"

// The lists of members in the description.
#define ACCESS_MONITORS  "monitors"
#define ACCESS_OPERATORS "operators"
#define ACCESS_SAES      "saes"

typedef struct {
    char *federation; // DIR, or NULL
    char *id;         // who connects; from --as, else the first of the list
    char *platform;   // its member ID
    Connection connection;
} Access;

// A child of a verb's parser, with an Access, zero at first, as input.
extern const struct argp access_argp;
// The same for a verb that asks the platform.
extern const struct argp access_asking_argp;

// What it is when the options do not say, or say wrongly, how to connect.
#define ACCESS_ERROR (g_quark_from_static_string("access"))

// Completes what the options left open, from the federation's description if one was given: `list`
// is where the member is found. All its errors are ACCESS_ERROR.
gboolean access_resolve(Access *access, const char *list, GError **error);
void access_clear(Access *access);

// The description of the federation in a directory; release with json_decref().
json_t *access_load(const char *dir, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Access, access_clear)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The command line of `qkdnf session`.

#include "schemas/wire.h"
#include "tools/qkdnf/access.h"

typedef enum {
    SESSION_ACTION_NONE,
    SESSION_ACTION_OPEN,
    SESSION_ACTION_LIST,
    SESSION_ACTION_SHOW,
    SESSION_ACTION_MOVE,
    SESSION_ACTION_CLOSE,
} SessionAction;

// What was not given is NULL or 0.
typedef struct {
    Access access;
    SessionAction action;
    const char *session; // to be shown or closed
    const char *id;      // of the session to be opened
    char **targets;
    char **exclude;
    WireSessionQos qos;
    const char *sae; // that an operator asks about, or moves
    const char *provider;
    const char *node;
    const char *region;
    guint timeout_ms;
    gboolean json;
    guint given; // a bit for each option
} SessionArguments;

// With SessionArguments as input, zero but for the defaults of `qos`. Checks all of it.
extern const struct argp session_argp;
void session_arguments_clear(SessionArguments *arguments);

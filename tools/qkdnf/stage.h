#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation for a while: `qkdnf up` runs it in a temporary directory, something is done with it,
// and both end, also on SIGINT, SIGTERM and SIGHUP.

#include <glib.h>

typedef enum {
    STAGE_REMOVE,       // the directory goes in any case
    STAGE_KEEP_FAILED,  // it stays, for its logs, when the act's exit code is not 0
    STAGE_KEEP_RUNNING, // it stays, and the federation runs until it is interrupted
} StageEnd;

typedef struct {
    const char *name; // of the program, in what is said and in the directory's name
    const char *file; // the federation's description
    StageEnd end;
    // What is done, in a process of its own, which a signal may end at any time; its exit code.
    int (*act)(gpointer data, const char *dir);
    gpointer data;
} Play;

// The act's exit code, or -1 and an error, of which G_FILE_ERROR_INVAL says that the description is
// wrong. The caller must not have threads.
int stage_run(const Play *play, GError **error);

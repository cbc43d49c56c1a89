#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation to measure, started by `qkdnf up` in a temporary directory that goes with it.

#include <glib.h>

typedef struct Stage Stage;

// Starts what the file describes and waits until it is ready. NULL on failure.
Stage *stage_new(const char *file, GError **error);
// Stops it; takes NULL.
void stage_free(Stage *stage);

const char *stage_dir(const Stage *stage);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stage, stage_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Where the programs are that this one starts.

#include <glib.h>

// Beside this program, else in `build_dir` of the build tree that this program is in, else on the
// PATH or among the system's daemons. Free with g_free().
char *program_find(const char *name, const char *build_dir, GError **error);

// The broker's plugin: in the build tree that this program is in, else where it is installed. NULL
// when it is in neither; free with g_free().
char *program_find_plugin(void);

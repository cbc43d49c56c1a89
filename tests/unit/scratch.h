#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A directory of a test's own.

#include <glib.h>
#include <glib/gstdio.h>

// A new one under that for temporary files.
static inline char *scratch_new(void)
{
    g_autoptr(GError) error = NULL;
    char *dir = g_dir_make_tmp("qkdnf-test-XXXXXX", &error);
    g_assert_no_error(error);
    return dir;
}

// Removes it with the files in it, and frees the path. Nothing else must be there.
static inline void scratch_free(char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_unlink(file);
    }
    g_assert_cmpint(g_rmdir(path), ==, 0);
    g_free(path);
}

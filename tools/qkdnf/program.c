// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/program.h"

static gboolean is_program(const char *path)
{
    return g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test(path, G_FILE_TEST_IS_DIR);
}

static char *own_directory(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    return g_path_get_dirname(self ? self : "");
}

char *program_find_plugin(void)
{
    g_autofree char *here = own_directory();
    g_autofree char *built =
        g_build_filename(here, "..", "..", "topics", "mqtt", "plugin", QKDNF_PLUGIN, NULL);
    if (g_file_test(built, G_FILE_TEST_IS_REGULAR))
        return g_canonicalize_filename(built, NULL);
    const char *installed = QKDNF_LIB_DIR "/" QKDNF_PLUGIN;
    return g_file_test(installed, G_FILE_TEST_IS_REGULAR) ? g_strdup(installed) : NULL;
}

char *program_find(const char *name, const char *build_dir, GError **error)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *here = g_path_get_dirname(self ? self : "");
    g_autofree char *beside = g_build_filename(here, name, NULL);
    g_autofree char *in_sbin = g_build_filename(here, "..", "sbin", name, NULL);
    g_autofree char *built = g_build_filename(here, "..", "..", build_dir, name, NULL);
    g_autofree char *system = g_build_filename("/usr/sbin", name, NULL);
    if (is_program(beside))
        return g_steal_pointer(&beside);
    if (is_program(in_sbin))
        return g_canonicalize_filename(in_sbin, NULL);
    if (is_program(built))
        return g_canonicalize_filename(built, NULL);
    char *found = g_find_program_in_path(name);
    if (found)
        return found;
    if (is_program(system))
        return g_steal_pointer(&system);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                "there is no program '%s' beside %s, on the PATH or in /usr/sbin; install it", name,
                self ? self : "this one");
    return NULL;
}

// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/directory.h"

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    if (key != 'f')
        return ARGP_ERR_UNKNOWN;
    *(const char **)state->input = value;
    return 0;
}

static const struct argp_option options[] = {
    {"federation", 'f', "DIR", 0, "the directory that `qkdnf up` was given", 0},
    {0},
};
const struct argp directory_argp = {.options = options, .parser = parse_option};

char *directory_resolve(const char *option, GError **error)
{
    const char *dir = option ? option : g_getenv("QKDNF_FEDERATION");
    if (!dir)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "give --federation DIR");
    else if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "there is no directory %s", dir);
    else
        return g_canonicalize_filename(dir, NULL);
    return NULL;
}

// SPDX-License-Identifier: Apache-2.0
//
// qkdnf bench: a program of its own, because it holds what it measures against.

#include "tools/qkdnf/program.h"
#include "tools/qkdnf/verb.h"

#include <errno.h>
#include <unistd.h>

int verb_bench(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = program_find("qkdnf-bench", "tools/bench", &error);
    if (!program)
        return verb_fail(argv[0], EXIT_REFUSED, error);
    execv(program, argv);
    g_set_error(&error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", program,
                g_strerror(errno));
    return verb_fail(argv[0], EXIT_REFUSED, error);
}

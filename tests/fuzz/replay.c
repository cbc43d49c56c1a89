// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target on every file of a corpus: `fuzz-x DIRECTORY`, where libFuzzer is not linked.

#include "tests/fuzz/fuzz.h"

#include <stdio.h>

static gboolean replay_file(const char *path)
{
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize n_bytes;
    if (!g_file_get_contents(path, &bytes, &n_bytes, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return FALSE;
    }
    // An exact copy, so that a read past the end is seen by the sanitizers.
    g_autofree guint8 *exact = g_memdup2(bytes, n_bytes);
    return LLVMFuzzerTestOneInput(exact, n_bytes) == 0;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) corpus = argc == 2 ? g_dir_open(argv[1], 0, &error) : NULL;
    if (!corpus) {
        fprintf(stderr, "%s: %s\n", argv[0], error ? error->message : "give one directory");
        return 2;
    }
    guint n = 0, n_failed = 0;
    for (const char *name = g_dir_read_name(corpus); name; name = g_dir_read_name(corpus)) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        printf("%s\n", path);
        fflush(stdout);
        n++;
        n_failed += !replay_file(path);
    }
    printf("%u inputs, %u failed\n", n, n_failed);
    return n == 0 || n_failed > 0;
}

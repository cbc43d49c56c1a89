// SPDX-License-Identifier: Apache-2.0
//
// The corpus of fuzz-frame follows the table of kinds: `test-seeds DIRECTORY` compares, `test-seeds
// --write DIRECTORY` writes it anew.

#include "tests/fuzz/seed.h"
#include "topics/frame.h"

#include <stdio.h>
#include <string.h>

// One after the other in one input, so that what one leaves behind meets the next.
#define ALL_KINDS "kinds"

static gboolean keep(const char *directory, const char *name, const GByteArray *seed,
                     gboolean write)
{
    g_autofree char *path = g_build_filename(directory, name, NULL), *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize n_bytes = 0;
    if (write && !g_file_set_contents(path, (const char *)seed->data, seed->len, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return FALSE;
    }
    gboolean is_same = g_file_get_contents(path, &bytes, &n_bytes, NULL) && n_bytes == seed->len &&
                       memcmp(bytes, seed->data, n_bytes) == 0;
    if (!is_same)
        fprintf(stderr, "%s does not follow the table of kinds: run test-seeds --write\n", path);
    return is_same;
}

// A seed that is refused would hide what follows from the fuzzer.
static gboolean is_taken(const GByteArray *seed)
{
    const guint8 *end = memchr(seed->data, '\n', seed->len);
    g_autofree char *text = g_strndup((const char *)seed->data, (gsize)(end - seed->data));
    gsize n_before = strlen(text) + 1 + sizeof(guint32);
    Topic topic;
    Refusal refusal = REFUSAL_TOPIC;
    g_autoptr(Frame) frame = NULL;
    if (topic_parse(text, &topic))
        frame = frame_parse(&topic, seed->data + n_before, seed->len - n_before, &refusal);
    if (!frame)
        fprintf(stderr, "the seed on %s is refused: %s\n", text, refusal_name(refusal));
    return frame != NULL;
}

int main(int argc, char **argv)
{
    gboolean write = argc == 3 && strcmp(argv[1], "--write") == 0, is_well = TRUE;
    if (argc != 2 && !write)
        return 2;
    g_autoptr(GByteArray) all = g_byte_array_new();
    for (guint i = 0; i < N_KINDS; i++) {
        g_autoptr(GByteArray) seed = g_byte_array_new();
        seed_append(seed, i);
        seed_append(all, i);
        g_autofree char *name = g_strconcat("kind-", kind_get(i)->name, NULL);
        is_well = keep(argv[argc - 1], name, seed, write) && is_taken(seed) && is_well;
    }
    return keep(argv[argc - 1], ALL_KINDS, all, write) && is_well ? 0 : 1;
}

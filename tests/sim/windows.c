// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/windows.h"

#include <string.h>

#define INITIAL_BITS 12

// Open addressing; 0 is no element, and eight zero bytes are no secret.
struct Windows {
    guint64 *slots;
    guint n_bits;
    gsize n_used;
};

Windows *windows_new(void)
{
    Windows *windows = g_new0(Windows, 1);
    windows->n_bits = INITIAL_BITS;
    windows->slots = g_new0(guint64, (gsize)1 << INITIAL_BITS);
    return windows;
}

void windows_free(Windows *windows)
{
    if (!windows)
        return;
    g_free(windows->slots);
    g_free(windows);
}

static guint64 *find(const Windows *windows, guint64 word)
{
    gsize mask = ((gsize)1 << windows->n_bits) - 1;
    gsize at = (gsize)((word * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)) >> (64 - windows->n_bits));
    while (windows->slots[at] && windows->slots[at] != word)
        at = (at + 1) & mask;
    return &windows->slots[at];
}

static void grow(Windows *windows)
{
    g_autofree guint64 *old = windows->slots;
    gsize n_old = (gsize)1 << windows->n_bits++;
    windows->slots = g_new0(guint64, 2 * n_old);
    for (gsize i = 0; i < n_old; i++) {
        if (old[i])
            *find(windows, old[i]) = old[i];
    }
}

static guint64 word_at(const guint8 *bytes)
{
    guint64 word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

void windows_add(Windows *windows, const guint8 *bytes, gsize n_bytes)
{
    for (gsize i = 0; i + WINDOW_BYTES <= n_bytes; i++) {
        guint64 word = word_at(bytes + i), *slot = find(windows, word);
        if (!word || *slot)
            continue;
        *slot = word;
        if (++windows->n_used > (gsize)1 << (windows->n_bits - 1))
            grow(windows);
    }
}

gboolean windows_are_in(const Windows *windows, const guint8 *bytes, gsize n_bytes)
{
    for (gsize i = 0; i + WINDOW_BYTES <= n_bytes; i++) {
        guint64 word = word_at(bytes + i);
        if (word && *find(windows, word))
            return TRUE;
    }
    return FALSE;
}

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Randomness is a parameter of the cores: the daemons give OpenSSL's generator, the simulator and
// the tests one that a seed determines.

#include <glib.h>

typedef struct {
    // Fills `n_bytes` at `ret_bytes`; must not fail (a daemon without randomness ends itself).
    void (*fill)(gpointer data, guint8 *ret_bytes, gsize n_bytes);
    gpointer data;
} Random;

static inline void random_fill(const Random *random, guint8 *ret_bytes, gsize n_bytes)
{
    random->fill(random->data, ret_bytes, n_bytes);
}

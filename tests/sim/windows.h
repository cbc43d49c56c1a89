#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A set of all runs of eight bytes of many secrets, to ask whether some bytes show any of them.

#include <glib.h>

#define WINDOW_BYTES 8

typedef struct Windows Windows;

Windows *windows_new(void);
void windows_free(Windows *windows);

void windows_add(Windows *windows, const guint8 *bytes, gsize n_bytes);
gboolean windows_are_in(const Windows *windows, const guint8 *bytes, gsize n_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Windows, windows_free)

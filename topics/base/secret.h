#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Bytes that must not be seen: keys, slots, payloads, master keys. A Secret wipes itself when it is
// freed; nothing prints it; comparing takes the same time whatever differs. Any thread, no locking.

#include <glib.h>

typedef struct {
    guint8 *data;
    gsize n_bytes;
} Secret;

// All zero bytes. Never fails (memory exhaustion ends the process, as everywhere with GLib).
Secret *secret_new(gsize n_bytes);

// A copy of `n_bytes` at `bytes`; the caller still owns and wipes the original.
Secret *secret_new_copy(const guint8 *bytes, gsize n_bytes);

// Wipes and frees; takes NULL.
void secret_free(Secret *secret);

// XORs `n_bytes` at `bytes` into the secret from `offset` on; the range must lie within it.
void secret_xor(Secret *secret, gsize offset, const guint8 *bytes, gsize n_bytes);

// In constant time for equal lengths.
gboolean secret_equal(const Secret *a, const Secret *b);

// Wipes any memory, also where the compiler could prove that nobody reads it again.
void secret_wipe(void *bytes, gsize n_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Secret, secret_free)

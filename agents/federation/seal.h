#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Secrets at rest: AES-256-GCM under the agent's master key, a fresh random nonce each time, and a
// text that binds the record to its place (link and slot, key ID and applications), so that records
// cannot be swapped. Pure functions.

#include "topics/base/random.h"
#include "topics/base/secret.h"

#define SEAL_KEY_BYTES 32

// nonce (12) ‖ ciphertext ‖ tag (16).
GBytes *seal(const Secret *master_key, const Random *random, const char *place,
             const Secret *secret);

// NULL when the record was not sealed under this key for this place, or was changed since.
Secret *unseal(const Secret *master_key, const char *place, const guint8 *sealed, gsize n_bytes);

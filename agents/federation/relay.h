#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of the key relay: payloads, how many slots carry them, the one-time
// authentication. Pure functions; what they protect and why is said in the key plane's description
// in README.md and at relay_tag().
//
// For N keys of S bits the payload is P = K1 ‖ … ‖ KN ‖ A, where A is a 32-byte one-time Poly1305
// key, fresh for every attempt and every target. With k disjoint paths, P is the XOR of k shares.
// Copies of keys have marks between keys and A: a bit for each key, the lowest of the first byte
// for the first, set if it was there to be copied; else its bytes are random and mean nothing.

#include "schemas/slot.h"
#include "schemas/wire.h"
#include "topics/base/id.h"
#include "topics/base/secret.h"

#define SLOT_BYTES                (SLOT_BITS / 8)
#define RELAY_AUTHENTICATOR_BYTES 32
#define RELAY_TAG_BYTES           16

// The bytes of all keys of an order together, with their marks, and of its payload; the slots that
// carry a payload.
gsize relay_keys_bytes(const WireOrder *order);
gsize relay_payload_bytes(const WireOrder *order);
gsize relay_slots(const WireOrder *order);

// The marks among these bytes; NULL where there are none.
guint8 *relay_marks(const WireOrder *order, const Secret *keys);
void relay_mark(guint8 *marks, guint index, gboolean is_there);
gboolean relay_is_marked(const guint8 *marks, guint index);

// The tag over what the keys are for and the keys: one tag per A, ever, which makes Poly1305 an
// information-theoretic authentication. `target` counts the order's targets; the paths to it are
// taken from the order's branches. `payload` is P.
void relay_tag(const WireOrder *order, guint target, const Secret *payload,
               guint8 ret_tag[RELAY_TAG_BYTES]);

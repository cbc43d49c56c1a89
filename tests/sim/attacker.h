#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Somebody who wants the keys of others: taps the bus, and has all border key that some providers
// were ever given, also what these have wiped since. What can be computed from that by XOR, in
// whatever combination, is compared with keys that were delivered.

#include "agents/qkdn/driver.h"

#include <glib.h>

typedef struct Attacker Attacker;

Attacker *attacker_new(void);
void attacker_free(Attacker *attacker);

// All that ever happens is recorded; what of it is used is chosen with each attack.
void attacker_on_publish(Attacker *attacker, const char *topic, GBytes *payload);
void attacker_on_block(Attacker *attacker, const char *agent, const DriverBlock *block);

// Whether a provider was ordered to take part in the making of a key.
gboolean attacker_has_order(const Attacker *attacker, const char *provider, const char *key_id);

// Of how many of these keys (DeliveredKey) somebody learns any eight bytes who taps the bus and
// has all border key of these providers (NULL-terminated).
guint attacker_count_learnt(const Attacker *attacker, const char *const *providers,
                            const GPtrArray *keys);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attacker, attacker_free)

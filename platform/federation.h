#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The federation core: the platform's whole state and rules. No I/O, no clock, no thread: messages
// come in with the time, what is to be published goes to the outbox, what must survive to the
// store. Runs unchanged in the daemon, the simulator, fuzzers and benchmarks. It never sees a key
// bit.

#include "platform/config.h"
#include "topics/base/random.h"
#include "topics/base/store.h"
#include "topics/core.h"
#include "topics/dispatch.h"

typedef struct Federation Federation;

// `config`, `store` and `random` outlive the federation.
Federation *federation_new(const FederationConfig *config, Store *store, const Random *random,
                           gint64 now_us, GError **error);
void federation_free(Federation *federation);

Refusal federation_receive(Federation *federation, const char *topic, const guint8 *payload,
                           gsize n_bytes, gint64 now_us);
// Does what is due; returns when it wants to be called next.
gint64 federation_tick(Federation *federation, gint64 now_us);
// The bus is there, for the first time or again.
void federation_connected(Federation *federation, gint64 now_us);
Outbox *federation_outbox(Federation *federation);
// What it counts of itself.
void federation_measure(const Federation *federation, Metrics *metrics);
// These five, and what authenticates frames, for a shell.
extern const CoreOps federation_ops;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Federation, federation_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// From a publish to the handlers of a core: topic, address, use for the kind, role, state, quota,
// size, header, authenticity, decoding and expiry are checked here, once, in this order, by the
// table of kinds: what is cheap first, and nothing is unpacked that is forged or beyond a sender's
// quota. A handler holds only meaning. No I/O; loop thread only.

#include "topics/authentication.h"

// Who sent a message: its ID and role as its certificate and the broker guarantee them.
typedef struct {
    const char *id;
    Role role;
    guint64 incarnation;
    const guint8 *certificate_sha256; // by which it was authenticated; NULL: it was not
} Sender;

#define ROLE_BY_CERTIFICATE ((Role)0)

// `message` is of the kind's type and belongs to the dispatcher.
typedef void (*HandlerFn)(gpointer core, const Sender *sender, gconstpointer message);

typedef struct {
    // Indexed by kind; NULL where this core has no use for a kind.
    HandlerFn handlers[N_KINDS];
    // The role of a member ID as this core knows it, and what it takes unknown senders for;
    // ROLE_BY_CERTIFICATE where it is content with what the certificate says.
    Role (*role_of)(gpointer core, const char *member);
    // The state of an agent's membership, where this core takes messages by it; NULL: it does not.
    Qkdnf__V1__MemberState (*state_of)(gpointer core, const char *agent);
} DispatchTable;

typedef struct Dispatcher Dispatcher;

Dispatcher *dispatcher_new(const char *self, const DispatchTable *table, gpointer core);
void dispatcher_free(Dispatcher *dispatcher);

// By which every frame is checked from now on; the caller's. Learns from presence whether the core
// has a use for it or not.
void dispatcher_set_authentication(Dispatcher *dispatcher, Authentication *authentication);

// Calls the handler for each message of a publish, or refuses all of it.
Refusal dispatcher_receive(Dispatcher *dispatcher, const char *text, const guint8 *payload,
                           gsize n_bytes, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dispatcher, dispatcher_free)

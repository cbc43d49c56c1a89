#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a core wants published. Messages of one pass to the same topic share a frame, so that load
// batches itself; within a topic they keep their order. Loop thread only, no I/O.

#include "topics/authentication.h"

typedef struct Outbox Outbox;

// One publish, ready for the bus.
typedef struct {
    KindId kind;
    const char *topic;
    GBytes *payload;
} Publish;

typedef void (*OutboxSendFn)(gpointer data, const Publish *publish);

// `from` is the member that sends; `incarnation` grows with every start of it.
Outbox *outbox_new(const char *from, guint64 incarnation);
void outbox_free(Outbox *outbox);

const char *outbox_from(const Outbox *outbox);
guint64 outbox_incarnation(const Outbox *outbox);

// Packs the message at once: the caller keeps what it points at. `to` is a member ID, ignored for a
// kind that is addressed to all.
void outbox_add(Outbox *outbox, KindId kind, const char *to, const ProtobufCMessage *message);

// Nothing shall be retained any more on the topic of a retained kind.
void outbox_clear(Outbox *outbox, KindId kind, const char *to);

// What authenticates the frames from now on; the caller's. Without, they are as good as unsigned
// letters. A frame to a member whose presence is not known yet stays in the outbox for a moment.
void outbox_set_authentication(Outbox *outbox, Authentication *authentication);
// How many messages of a kind were ever added.
guint64 outbox_n_added(const Outbox *outbox, KindId kind);

gboolean outbox_is_empty(const Outbox *outbox);

// Hands over everything as frames, oldest topic first, and empties the outbox, but for what waits
// for its receiver's presence. `now_us` becomes the frames' time of sending.
void outbox_flush(Outbox *outbox, gint64 now_us, OutboxSendFn send, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbox, outbox_free)

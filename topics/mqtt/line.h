#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The Paho side of a session: one MQTT client, and the thread in which everything that may block
// happens (resolving, connecting, subscribing, frames larger than the kernel's buffers,
// disconnecting).
//
// The client belongs to one thread at a time: to the line's own until it is connected, subscribed
// and announced; then to the loop thread, which publishes without a detour; and to the line's own
// again when the loop thread has taken note that the connection is lost.
//
// All functions are for the loop thread.

#include "topics/mqtt/inbox.h"
#include "topics/mqtt/session.h"

typedef struct Line Line;

// Copies what it is given and starts to connect. NULL when the URL is unusable.
Line *line_new(const Connection *connection, const Identity *identity, GError **error);

// Disconnects, which makes the broker publish the will, and frees. Leaves a line that hangs on a
// dead network to its own thread after a second. Takes NULL.
void line_close(Line *line);

// What arrived; also woken when there is news or when a publish may be sent that had to wait.
Inbox *line_inbox(Line *line);

typedef enum {
    LINE_NEWS_NONE,
    LINE_NEWS_UP,   // the loop thread may publish now
    LINE_NEWS_DOWN, // the connection is lost, or an attempt to connect failed
} LineNews;

// What has changed since the last call, and for DOWN why; free the cause with g_free().
LineNews line_take_news(Line *line, char **ret_cause);

// Publishes; only between UP and DOWN. Never blocks: FALSE when it must wait, for an
// acknowledgement, for room in the kernel's buffers or for the end of a large publish.
gboolean line_send(Line *line, const Publish *publish);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Line, line_close)

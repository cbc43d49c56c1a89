#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A real broker for a test: mosquitto on a free loopback port with a certification authority of
// its own, in a directory that is removed with it. It dies with the test.

#include "topics/mqtt/broker.h"
#include "topics/mqtt/pki.h"
#include "topics/mqtt/session.h"

typedef struct event_base EventBase;

// The monitor that the access rules know.
#define LIVE_MONITOR "watcher"

typedef struct {
    char *dir;
    char *url;
    guint16 port;
    PkiCa *ca;
    GPid pid;
    GPtrArray *strings; // of the connections that were handed out
} LiveBroker;

// Started, and ready for connections.
LiveBroker *live_broker_new(void);
void live_broker_free(LiveBroker *broker);

void live_broker_start(LiveBroker *broker);
// SIGKILL, and waits.
void live_broker_kill(LiveBroker *broker);

// How `id` connects, with a certificate made for it; belongs to the broker.
Connection live_broker_connection(LiveBroker *broker, const char *id);

// A child of this process that dies with it.
GPid live_spawn(const char *const *argv);

// A loopback port that was free a moment ago.
guint16 live_free_port(void);

// Runs the loop until `*counter` is at least `goal`; fails the test after ten seconds.
void live_wait(EventBase *base, const guint *counter, guint goal);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventBase, event_base_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveBroker, live_broker_free)

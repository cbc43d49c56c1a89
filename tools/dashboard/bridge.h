#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One page's connection to the broker: what the broker sends goes to the page in binary frames, and
// what the page may say goes to the broker. Who is slow slows the other down: nothing piles up
// here. Loop thread only.

#include "tools/dashboard/upstream.h"

#include <event2/http.h>

typedef struct Bridge Bridge;

// It has ended: its owner frees it.
typedef void (*BridgeEndedFn)(gpointer data, Bridge *bridge);

// Takes over an HTTP connection whose request asked for the upgrade, and answers it; `accept` is
// what Sec-WebSocket-Accept says.
Bridge *bridge_new(struct event_base *base, const Upstream *upstream,
                   struct evhttp_connection *page, const char *accept, BridgeEndedFn ended,
                   gpointer data);
// Both connections end at once; takes NULL.
void bridge_free(Bridge *bridge);

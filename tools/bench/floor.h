#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The floor: what a chain of publishes costs through the same broker, with the same access rules,
// sizes and qualities of service, when every handler is trivial. What the fabric costs above it is
// the fabric's own to explain.

#include "tools/bench/samples.h"
#include "topics/kind.h"
#include "topics/mqtt/session.h"

// An MQTT client as a floor has it. One process each; everything from one thread but `arrived`.
typedef struct FloorClient FloorClient;

typedef void (*FloorArrivedFn)(gpointer data, const guint8 *payload, gsize n_bytes);

typedef struct {
    const char *name;
    // Connects; `arrived` may publish.
    FloorClient *(*open)(const Connection *connection, const char *id, FloorArrivedFn arrived,
                         gpointer data, GError **error);
    gboolean (*subscribe)(FloorClient *client, const char *filter, GError **error);
    void (*publish)(FloorClient *client, const char *topic, const guint8 *payload, gsize n_bytes,
                    int qos);
    // Until another publish was handled; FALSE after `timeout_ms`, or when the connection is lost.
    gboolean (*wait)(FloorClient *client, guint timeout_ms);
    void (*close)(FloorClient *client);
} FloorOps;

// Minimal MQTT 5 over one blocking TLS socket.
extern const FloorOps floor_raw;
// Paho MQTTClient as it is shipped, and TCP_NODELAY.
extern const FloorOps floor_paho;

// Such as "1.3.12".
const char *floor_paho_version(void);

typedef struct {
    const char *id; // the common name of the certificate
    Connection connection;
} FloorRole;

// One publish of the chain; roles by their place.
typedef struct {
    KindId kind;
    guint from;
    guint to;
    gsize n_bytes; // at least FLOOR_MIN_BYTES
} FloorHop;

#define FLOOR_MIN_BYTES 1

// The first hop is from role 0, and the last to it.
typedef struct {
    const FloorRole *roles;
    guint n_roles;
    const FloorHop *hops;
    guint n_hops;
    guint n_rounds;
    guint gap_us;        // the mean pause between two rounds: low load
    guint n_outstanding; // 0: one round after the other; else so many at a time, without pauses
    // Whoever passes something on makes it durable before, in a file of its own in this directory:
    // one page, overwritten in place, and one fdatasync(2). NULL: nothing is.
    const char *journals;
} FloorChain;

// Runs one process for each role and measures rounds from the first publish to the last arrival, or
// with `n_outstanding` one sample: the time of all of them together. Blocks; the caller must not
// have threads. NULL on failure.
Samples *floor_measure(const FloorOps *ops, const FloorChain *chain, GError **error);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The shell around a core: bus session, timers, durable state. One pass of the loop is: drain what
// has arrived (bounded), let the core handle all of it, commit the store once, then publish the
// outbox. So what is promised on the bus was durable first, and a busy daemon batches by itself.

#include "topics/base/random.h"
#include "topics/core.h"
#include "topics/mqtt/exporter.h"
#include "topics/mqtt/settings.h"

typedef struct {
    const char *id;
    Role role;
    const Connection *connection;
    const char *pre_shared; // the directory of keys that it shares with others; or NULL
    const CoreOps *core_ops;
    gpointer core;
    // The pass is durable: what was held back for that may go (HTTP answers). May be NULL.
    void (*committed)(gpointer server);
    // The operator has changed certificate files, and says so with SIGHUP: those of the bus are
    // read again by the daemon itself. On failure everything stays as it was. May be NULL.
    gboolean (*reload)(gpointer server, GError **error);
    gpointer server; // passed to both
    Store *store;
    const ExporterSettings *metrics; // NULL: said on the bus only
    struct event_base *base;
} DaemonSetup;

// The store as the settings say, for `owner`, such as "agent vienna". One that a power cut can take
// promises from is said to be so in the log.
Store *daemon_open_store(const DaemonSettings *settings, const char *owner, GError **error);

// The loop of a daemon. What its events add and remove in one round reaches the kernel together.
struct event_base *daemon_base_new(void);

// Runs until SIGINT or SIGTERM (returns TRUE), or until something of ours fails for good, such as a
// commit (FALSE; nothing of that pass was published). Tells the service manager through sd_notify's
// protocol when the bus is reached first, and prints one line on standard output then:
// "ready ID". Certificates of the bus are read with every connection, and with SIGHUP: presence is
// then signed anew. A certificate that was renewed should be revoked only when the others had a
// moment to hear of the new one: from revocation to presence they refuse its holder.
// Says on the bus every ten seconds what it and the core count, and exports it.
// Logs refusals once per sender, kind and reason, rate-limited, and
// how many publishes were dropped while the bus was there.
gboolean daemon_run(const DaemonSetup *setup, GError **error);

// Microseconds since 1970-01-01 UTC that never go back while the process lives.
gint64 daemon_now_us(void);

// OpenSSL's generator; ends the process when it fails.
const Random *daemon_random(void);

// Structured log lines `TIME LEVEL message key=value ...` on standard error, or the journal when
// started by it; where SIGPIPE or SIGXFSZ would kill, writing fails; gives up what privilege.h
// says. Before anything secret is read.
void daemon_init(const char *program);

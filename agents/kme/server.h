#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Serves ETSI GS QKD 014 V1.1.1 over mutual TLS to a provider's users: HTTP on one side, the agent
// core behind KeyService on the other. Loop thread only. It decides nothing about keys.
//
// Who calls is the common name of the client's certificate, established once per connection;
// whether it may have what it asks for is the agent's to decide at each call.
//
// Answers of the agent wait for kme_server_flush(), because the pass in which they arose must be
// durable before a key leaves. What keeps the standard's rules or the limits from being met is
// answered at once and never reaches the agent.
//
// Key bytes exist here only in the body of an answer, which is wiped once OpenSSL has encrypted it.
// Out of reach are the records that OpenSSL encrypts in place, which hold the text of a key for
// as long as that takes.
//
// The process must ignore SIGPIPE (daemon_init() does).

#include "agents/federation/agent.h"
#include "agents/kme/settings.h"

#include <event2/event.h>

// What the server needs of the agent core; `agent` is passed to each. As the agent_ functions of
// the same names, with the time filled in. Whoever provides them sees to it that a pass of the loop
// follows each call, because a call may have changed the agent's state.
typedef struct {
    void (*status)(gpointer agent, guint64 call, const KeyCaller *caller, const char *target);
    void (*get)(gpointer agent, guint64 call, const KeyQuery *query);
    void (*get_by_id)(gpointer agent, guint64 call, const KeyCaller *caller, const char *initiator,
                      const char *const *key_ids);
    void (*cancel)(gpointer agent, guint64 call);
} KeyService;

typedef struct KmeServer KmeServer;

// Listens at once. `settings`, `limits`, `service` and `agent` outlive the server. Fails on files
// that cannot be used and on an address that cannot be listened to.
KmeServer *kme_server_new(struct event_base *base, const KmeSettings *settings,
                          const KeyLimits *limits, const KeyService *service, gpointer agent,
                          GError **error);
// Closes all connections, which cancels the open calls; takes NULL.
void kme_server_free(KmeServer *server);

// The port that it listens on, whichever was asked for.
guint16 kme_server_port(const KmeServer *server);

// Reads the certificate files again; connections that are open keep what they have, but clients
// whose certificates are not valid any more get nothing. On failure everything stays as it was.
gboolean kme_server_reload(KmeServer *server, GError **error);

// The agent's answer to a call, a KeyAnswerFn; a call that is not open any more is ignored.
void kme_server_answer(gpointer server, guint64 call, const KeyAnswer *answer);

// Sends what was answered since; DaemonSetup.committed.
void kme_server_flush(gpointer server);

// Calls that wait for the agent or for kme_server_flush().
guint kme_server_n_open(const KmeServer *server);
guint kme_server_n_connections(const KmeServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KmeServer, kme_server_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A connected application; for the sources of this folder only.

#include "agents/application/application.h"
#include "agents/application/qkdnf.h"
#include "topics/mqtt/session.h"

struct qkdnf {
    char *sae;
    char *ca;
    char *certificate;
    char *key;
    char *kme_url; // NULL: not known
    char *kme_id;  // NULL: any
    // Where it was before a handover, and which: it may fall back.
    char *last_kme_url;
    char *last_kme_id;
    char *follows;
    qkdnf_handover_fn moved; // tells of handovers that others ask for; or NULL
    void *moved_data;
    Application *application;
    Authentication *authentication;
    Session *session;
    struct event_base *base;
    int is_processing; // callbacks may run: what they ask for leaves together, after them
    int fd;            // an epoll set of what the loop waits for
    gint64 offset_us;  // from the monotonic clock to this handle's, which never goes back
    char *trouble;     // why the bus is not there; NULL while it is
};

// Microseconds since 1970-01-01 UTC.
gint64 handle_now(const struct qkdnf *q);
// Publishes what the core wants published.
void handle_flush(struct qkdnf *q);
// Hears of handovers from here on.
void handle_watch(struct qkdnf *q);
// Shows the KME that this application is there; what it answers is of no interest.
void handle_call(struct qkdnf_kme *kme, const char *sae);

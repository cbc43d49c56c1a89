#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A real key delivery server on a free loopback port with a fake agent behind it, and libcurl as
// its clients, in one thread: whoever waits turns both loops.

#include "agents/kme/server.h"

#include <curl/curl.h>

// The one key that the fake agent has.
#define FAKE_KEY_ID "0123abcd-0000-4000-8000-00000000000a"
#define FAKE_CONTAINER                                                                             \
    "{\"keys\":[{\"key_ID\":\"" FAKE_KEY_ID "\",\"key\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}]}"

extern const KeyLimits fake_limits;

// What the fake agent does with a call.
typedef enum { ANSWER_AT_ONCE, ANSWER_UNAUTHORIZED, HOLD } Behaviour;

typedef struct {
    char *dir; // certificates
    struct event_base *base;
    KmeSettings settings;
    KmeServer *server;
    CURLM *multi;
    Behaviour behaviour;
    gboolean flushes;                             // after each turn of the loop, as the daemon does
    GString *calls;                               // what reached the agent
    guint8 certificate[CERTIFICATE_SHA256_BYTES]; // of the last that asked for status
    guint64 last_call;
    guint n_cancelled;
} KmeFixture;

// One HTTP exchange.
typedef struct {
    CURL *easy;
    struct curl_slist *headers;
    GString *body;
    GString *head;
    gboolean done;
    CURLcode result;
    long code;
} Exchange;

extern const KeyService fake_service; // its agent is a KmeFixture

// `dir` has ca, kme and the clients' certificates.
void kme_fixture_set_up(KmeFixture *f, gconstpointer dir);
void kme_fixture_tear_down(KmeFixture *f, gconstpointer dir);
// What the fake agent does when it is not to hold.
void kme_fixture_answer(KmeFixture *f, guint64 call);
// One turn of both loops; waits a moment for the sockets of the client.
void kme_fixture_turn(KmeFixture *f);

// `client` names its certificate; NULL: none.
Exchange *exchange_new(KmeFixture *f, const char *client, const char *path);
void exchange_free(Exchange *x);
void exchange_post(Exchange *x, const char *body);
// Starts it and waits for its end.
void exchange_run(KmeFixture *f, Exchange *x);

// A whole exchange.
Exchange *kme_get(KmeFixture *f, const char *client, const char *path);
Exchange *kme_post(KmeFixture *f, const char *client, const char *path, const char *body);
// One that has reached the agent, which holds it, on a connection of its own.
Exchange *kme_start_held(KmeFixture *f);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Exchange, exchange_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How the calls of libqkdnf ask the platform, with a callback or waiting; for the sources of this
// folder only.

#include "agents/application/handle.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_SIZE_BITS  256

// The platform's own answer, that the time was up, is worth waiting for: it says why.
#define GRACE_MS 1000

// One thing that was asked.
typedef struct {
    struct qkdnf *q;
    char id[UUID_CHARS + 1];
    ApplicationAnswerFn answer;
    gboolean is_cancelled;
    union {
        qkdnf_reply_fn reply;
        qkdnf_registration_fn registration;
        qkdnf_services_fn services;
        qkdnf_sessions_fn sessions;
        qkdnf_handover_fn handover;
    } callback;
    void *data;
    gpointer *ret_result;  // who waits gets the result here, instead of the callback
    struct qkdnf_kme *kme; // of who waits for a handover, or NULL
    int phase;             // of a handover, the last that was heard of
} Operation;

// Asks; the operation is copied. The library gives up `grace_ms` after `timeout_ms`. Who waits is
// answered, with no message, also when the question is cancelled.
void ask(const Operation *operation, Question question, guint timeout_ms, guint grace_ms);
// Turns the handle until there is a result.
gpointer ask_wait(struct qkdnf *q, gpointer *result);

// Why there is no answer.
enum qkdnf_status ask_silence(const Operation *operation, const char **ret_text);
// Why `ids` cannot be put on the bus, for a person (free with g_free()), or NULL.
char *ask_find_bad_id(const char *what, const char *const *ids, gsize n);
// The same of the sizes and IDs that every kind of request for keys has.
char *ask_find_fault(const char *const *targets, gsize n_targets, const char *const *exclude,
                     gsize n_exclude, unsigned size_bits);
void ask_new_id(char ret_id[UUID_CHARS + 1]);

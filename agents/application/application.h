#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An application's side of the bus: questions to the platform, each repeated with the same ID and
// growing pauses until it is answered or its time is up. No I/O, no clock, no thread: messages and
// questions come in with the time, what is to be published goes to the outbox.

#include "topics/dispatch.h"
#include "topics/outbox.h"

typedef struct Application Application;

// `answer` is NULL when the time was up; else of the type that answers the question, valid until
// the call returns. A handover has an answer for each of its phases that is heard of, in their
// order and none twice; everything else has one. The callback may ask and cancel.
typedef void (*ApplicationAnswerFn)(gpointer data, const char *id, const ProtobufCMessage *answer);

// Somebody else lets this application move: each phase that is heard of, once.
typedef void (*ApplicationMovedFn)(gpointer data, const WireHandoverState *state);

// No two programs of an application have the same `incarnation`. `platform` is who is asked, and
// the only one who may answer.
Application *application_new(const char *id, const char *platform, guint64 incarnation);
// What is open is dropped, unanswered; takes NULL.
void application_free(Application *application);

typedef struct {
    KindId kind;                     // that has an answer
    const ProtobufCMessage *message; // of that kind; copied
    const char *id;                  // as in the message; unique among what is open
    gint64 deadline_us;
    ApplicationAnswerFn answer;
    gpointer data;
    GDestroyNotify free_data; // after the answer, or when there will be none; may be NULL
} Question;

void application_ask(Application *application, const Question *question, gint64 now_us);
// FALSE when it is not open. Its callback does not come any more.
gboolean application_cancel(Application *application, const char *id);

// `moved` may be NULL.
void application_watch(Application *application, ApplicationMovedFn moved, gpointer data);

Refusal application_receive(Application *application, const char *topic, const guint8 *payload,
                            gsize n_bytes, gint64 now_us);
// Repeats and gives up what is due; returns when it wants to be called next.
gint64 application_tick(Application *application, gint64 now_us);
// When that would be.
gint64 application_next(const Application *application);
// The bus is there, for the first time or again: what is open is sent at once.
void application_connected(Application *application, gint64 now_us);
Outbox *application_outbox(Application *application);
// By which frames are checked and sealed from now on; the caller's.
void application_authenticate(Application *application, Authentication *authentication);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Application, application_free)

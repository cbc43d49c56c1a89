#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One program that runs under this one and ends with it, whatever ends it. What it prints is
// appended to a log. Loop thread only; its owner calls child_reap() on SIGCHLD.

#include <event2/event.h>
#include <glib.h>
#include <sys/types.h>

typedef struct Child Child;

typedef struct {
    const char *id;
    const char *const *argv; // the program's path first; NULL-terminated
    const char *log;         // a file
    guint16 port; // ready when it listens there on 127.0.0.1; 0: when it prints `ready ID`
} ChildSpec;

typedef struct {
    void (*ready)(gpointer data, Child *child);
    // It ended, whoever wanted it; `how` is for people, such as "ended by signal 9 (Killed)". A
    // program that is not ready in time is ended.
    void (*ended)(gpointer data, Child *child, const char *how);
} ChildListener;

// Copies the spec.
Child *child_new(struct event_base *base, const ChildSpec *spec, const ChildListener *listener,
                 gpointer data);
// Kills what still runs; takes NULL.
void child_free(Child *child);

// Only while it does not run.
gboolean child_start(Child *child, GError **error);

// Asks it to end, and kills it when it does not.
void child_stop(Child *child);

// Calls the listener if it has ended.
void child_reap(Child *child);

const char *child_id(const Child *child);
// 0 when it does not run.
pid_t child_pid(const Child *child);
gboolean child_is_ready(const Child *child);
const char *child_log(const Child *child);

// The last lines of its log, each indented; free with g_free().
char *child_log_tail(const Child *child);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Child, child_free)

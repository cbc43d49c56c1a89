#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Work in a process of its own, whose result is JSON. The libraries that the benchmarks measure
// make threads and keep connections; here they end with the work, so that each measurement starts
// alike and this process can fork.

#include <glib.h>
#include <jansson.h>

typedef struct InChild InChild;

// Runs in the child; what it returns belongs to the caller.
typedef json_t *(*InChildFn)(gpointer data, InChild *self, GError **error);

InChild *in_child_start(InChildFn fn, gpointer data);

// In the child: it is ready for what it was started for.
void in_child_say_ready(InChild *self);
// In the parent: waits for that; FALSE when the child ended before.
gboolean in_child_wait_ready(InChild *child);

// Waits for the result and frees the child; with `stop`, it is sent SIGTERM first. NULL on failure.
json_t *in_child_finish(InChild *child, gboolean stop, GError **error);

// Both at once.
json_t *in_child(InChildFn fn, gpointer data, GError **error);

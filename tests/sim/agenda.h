#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What will happen in a virtual world, and its clock: the time is that of what happens. Things at
// the same time happen in the order in which they were put down, so that a run depends on nothing
// but its seed.

#include <glib.h>

typedef struct Agenda Agenda;

typedef void (*AgendaFn)(gpointer owner, gpointer data);

Agenda *agenda_new(gint64 start_us);
void agenda_free(Agenda *agenda);

gint64 agenda_now(const Agenda *agenda);

// Calls `fn` at that time, or at once when it has passed; `free_data` in any case, or NULL.
void agenda_add(Agenda *agenda, gint64 at_us, AgendaFn fn, gpointer owner, gpointer data,
                GDestroyNotify free_data);

// Makes the next thing happen. FALSE when there is none until then; and then it is that time.
gboolean agenda_step(Agenda *agenda, gint64 until_us);

// How many things have happened.
guint64 agenda_n_steps(const Agenda *agenda);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agenda, agenda_free)

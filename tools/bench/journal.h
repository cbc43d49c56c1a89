#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The least that makes something durable: a page of a file that has its full size, and one
// fdatasync(2). What stores cost above it is theirs to explain.

#include <glib.h>

typedef struct Journal Journal;

// In the directory, without a name: it goes with the process.
Journal *journal_open(const char *dir, GError **error);
// FALSE when the disk fails.
gboolean journal_commit(Journal *journal);
void journal_free(Journal *journal);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_free)

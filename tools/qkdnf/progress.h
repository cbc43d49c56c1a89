#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Tells a person at a terminal what a blocking call waits for, once it takes longer than a second.
// Says nothing when standard error is not a terminal.

#include <glib.h>

typedef struct Progress Progress;

// `text` must outlive it. NULL when there is nobody to tell.
Progress *progress_new(const char *text);
// Takes back what it said; takes NULL.
void progress_free(Progress *progress);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One `qkdnf up` for each directory: it holds a lock on a file there as long as it lives, whatever
// ends it, and the system knows who holds it.

#include <glib.h>
#include <sys/types.h>

// Held until the process ends. The error says who has it.
gboolean lock_take(const char *dir, GError **error);

// 0: nobody.
pid_t lock_holder(const char *dir);

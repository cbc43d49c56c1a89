#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Agreements for a person or a program, and the questions about them.

#include "tools/qkdnf/access.h"

#include <glib.h>

// All agreements that this member knows, one a line; an exit code.
int agreement_print_all(Access *access, const char *member, gboolean json, const char *verb);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What fields mean wherever they stand, so that not every schema says it again.

#include <glib.h>

// For a field without a comment of its own; NULL: it needs one.
const char *glossary_find(const char *field);

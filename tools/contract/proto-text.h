#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A message type as one self-contained schema, for tools that take no imports.

#include "tools/contract/schema.h"

// proto3 text of the type `name` and all types that it needs, with comments; the type itself is the
// last, and marked with `@RootNode`, by which AsyncAPI tools find it. Free with g_free().
char *proto_text_format(const Schema *schema, const char *name);

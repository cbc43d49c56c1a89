#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// jansson as the rest of the code frees things.

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The option of the verbs that need nothing but a directory made by `qkdnf up`.

#include <argp.h>
#include <glib.h>

// A child of a verb's parser, with a `char *`, NULL at first, as input.
extern const struct argp directory_argp;

// The absolute path of what the option gave, or the environment; NULL when it is not there. Free
// with g_free().
char *directory_resolve(const char *option, GError **error);

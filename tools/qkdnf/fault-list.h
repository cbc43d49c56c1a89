#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The faults that a member of the bus knows of: the platform all, an agent those that it was told.

#include "tools/qkdnf/access.h"

// An array of objects; NULL and an error without an answer. Release with json_decref().
json_t *fault_list_ask(Access *access, const char *member, GError **error);
// One line each on standard output.
void fault_list_print(const json_t *faults);

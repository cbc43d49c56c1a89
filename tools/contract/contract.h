#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What is published for those who write programs against the bus without a file of ours.

#include "tools/contract/schema.h"

// The schemas that the program was built with.
Schema *contract_load_schema(void);

// Calls for each file of what is published, with its path; texts are the caller's only until it
// returns.
typedef void (*ContractFileFn)(gpointer data, const char *path, const char *text);
void contract_for_each(ContractFileFn take, gpointer data);

// Writes README.md, asyncapi.json, kinds.md, messages.md, vectors.json and schemas/*.proto into a
// directory, which is made if need be; files of these names are replaced.
gboolean contract_write(const char *dir, GError **error);

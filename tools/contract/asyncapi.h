#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The bus as an AsyncAPI 3 document: servers, a channel for each row of the table of kinds, what
// each role sends and receives, messages with schema and example. No I/O.

#include "tools/contract/schema.h"
#include "topics/kind.h"

#include <jansson.h>

json_t *asyncapi_make(const Schema *schema);

// `platform`, `agent`, ...: the roles as documents name them, lowest bit first; NULL after the
// last.
const char *asyncapi_role_name(guint index, Role *ret_role);

// The states of membership in which an agent may say a kind, by name; NULL where its state does
// not matter. Release with json_decref().
json_t *asyncapi_list_states(const Kind *kind);

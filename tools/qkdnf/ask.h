#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An operator's question to a member, and its answer.

#include "schemas/status.h"
#include "schemas/wire.h"
#include "tools/qkdnf/access.h"

// Asks `member` as the operator that `access` names, repeating the question until it is answered or
// 10 seconds are over. The ID of the question is filled in. NULL and an error without an answer;
// the answer, of whatever status, is freed with wire_free().
WireAdminReply *ask_admin(Access *access, const char *member, WireAdmin *question, GError **error);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Answers of the platform as libqkdnf gives them away: plain C that owns all it points at.

#include "agents/application/qkdnf.h"
#include "schemas/wire.h"

// Each from the platform's answer; `message` may be NULL, then `status` and `text` say why there is
// none.
struct qkdnf_reply *reply_new(const char *id, const WireReply *message, enum qkdnf_status status,
                              const char *text);
struct qkdnf_registration *registration_new(const WireRegistered *message, enum qkdnf_status status,
                                            const char *text);
struct qkdnf_services *services_new(const WireServices *message, enum qkdnf_status status,
                                    const char *text);

// Cuts the text to what an error holds; `ret_error` may be NULL. Frees `error`.
void error_give(struct qkdnf_error *ret_error, GError *error);

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
struct qkdnf_sessions *sessions_new(const WireSessionState *message, enum qkdnf_status status,
                                    const char *text);
// `phase` is that of a handover of which nothing more is heard.
struct qkdnf_handover_state *handover_state_new(const char *id, const WireHandoverState *message,
                                                int phase, enum qkdnf_status status,
                                                const char *text);

// Parts of them: copies, and their release. Everything in what is given away was allocated here,
// whatever `const` it carries for its reader.
char **result_copy_texts(char *const *texts, gsize n);
struct qkdnf_path *result_copy_paths(WireProviderPath *const *paths, gsize n);
struct qkdnf_delivery *result_copy_deliveries(WireDelivery *const *deliveries, gsize n);
void result_release(const void *memory);
void result_release_paths(const struct qkdnf_path *paths, gsize n);
void result_release_deliveries(const struct qkdnf_delivery *deliveries, gsize n);
// What is said, or what the status says by itself.
const char *result_choose_text(const char *text, enum qkdnf_status status);

// Cuts the text to what an error holds; `ret_error` may be NULL. Frees `error`.
void error_give(struct qkdnf_error *ret_error, GError *error);

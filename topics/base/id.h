#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// IDs of members, applications, nodes and links.

#include "topics/base/random.h"

// The longest ID, in bytes; the shortest is one.
#define ID_MAX_BYTES 64

// What stands for every member where a member's ID is expected, and so can be nobody's.
#define ID_ALL "all"

// Whether `id` is `[a-z0-9]([-a-z0-9.]{0,62}[a-z0-9])?`: legal in topics, URLs and certificates
// (the ID pattern of GSMA OPG.04, with dots), and not `all`.
gboolean id_is_valid(const char *id);

// Orders texts by their bytes, for g_tree_new_full(): what a core does must not depend on hashing.
int id_compare(gconstpointer a, gconstpointer b, gpointer unused);

// The length of a UUID as text.
#define UUID_CHARS 36

// Whether `text` is a UUID in lower case.
gboolean uuid_is_valid(const char *text);

// A fresh random UUID (version 4, RFC 9562).
void uuid_new(const Random *random, char ret_uuid[UUID_CHARS + 1]);

// The UUID of version 5 (RFC 9562) that a name has within another UUID, which must be valid.
void uuid_derive(const char *name_space, const char *name, char ret_uuid[UUID_CHARS + 1]);

// key_ID = UUIDv5(namespace = request ID, name = "<attempt>/<index>"): all ends derive the same IDs
// with no message, and a retry can never give one ID two values. The request must be a valid UUID.
void key_id_derive(const char *request, guint attempt, guint index, char ret_id[UUID_CHARS + 1]);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Credentials and pre-shared keys from the files that the configuration names. Any thread.

#include "topics/authentication.h"
#include "topics/mqtt/session.h"

// Those of `id`. Errors name the file.
Credentials *credentials_load(const Connection *connection, const char *id, GError **error);

// The keys in a directory: one file for each member with whom there is one, named by its ID, of 32
// to 1024 random bytes, as they are. Nobody but its owner may read or write any of them (mode
// 0600). Any common secret of the two members will do; two agents that have a QKD link, or any
// other source of ETSI GS QKD 014 keys between their gateways, can take theirs from it:
//
//   first gateway:   curl ... https://KME/api/v1/keys/PEER/enc_keys?size=256
//   second gateway:  curl ... https://KME/api/v1/keys/PEER/dec_keys?key_ID=...
//   each:            ... | jq -r '.keys[0].key' | base64 -d > DIRECTORY/PEER
//
// Both ends must have the same key when they start, or each refuses the other's frames with reason
// `pre-shared-key`.
gboolean pre_shared_load(const char *directory, Authentication *authentication, GError **error);

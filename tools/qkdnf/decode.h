#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A publish as JSON, by the table of kinds and the descriptors of the schemas, so that a new field
// or kind needs no line here. Bytes in, JSON out; no I/O.

#include "topics/frame.h"

#include <jansson.h>

// Every field under its name in the schema: enums by name (by number when unknown), bytes as hex,
// integers as integers (as text when larger than JSON here can hold), repeated fields as arrays;
// what is unset of a message or a choice is left out.
json_t *decode_message(const ProtobufCMessage *message);

// A publish as `{"topic": …, "kind", "from", "to", "incarnation", "sequence", "sent_at_us",
// "expires_at_us", "receiver", "messages": […]}`; what is not readable as `{"topic": …, "refused":
// WHY, "n_bytes": …}`. Never NULL.
json_t *decode_publish(const char *topic, const guint8 *payload, gsize n_bytes);

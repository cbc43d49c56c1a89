#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// An example of every message, with all its fields set to something sensible; of a choice, the
// first. Made from the descriptors, so that a new field or kind needs no line here.

#include "topics/frame.h"

#include <jansson.h>

// A message in protobuf's JSON mapping, and the same on the wire if `ret_wire` is not NULL.
json_t *example_message(const ProtobufCMessageDescriptor *type, GBytes **ret_wire);

// Who sends the example of a kind, and to whom: `all`, or a member whose role may read it.
const char *example_from(const Kind *kind);
const char *example_to(const Kind *kind);

// A whole publish: topic, header, message, and the payload in hexadecimal.
json_t *example_publish(KindId kind);

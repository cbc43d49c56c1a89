#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a member says and takes, as lines of its log: each event that it says; and, where debug
// lines are written, each message, with the IDs by which one conversation is found in the logs of
// all members. Frames of anybody may be given. Loop thread only.

#include "topics/outbox.h"

// After it has become durable.
void chronicle_said(const char *member, const Publish *publish);
// After the core has taken it.
void chronicle_heard(const char *member, const char *topic, const guint8 *payload, gsize n_bytes);

#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a core published, as its receiver takes it apart.

#include "topics/frame.h"
#include "topics/outbox.h"

// Must be a frame; free with frame_free().
static inline Frame *published_frame(const Publish *publish, Topic *ret_topic)
{
    Refusal refusal = REFUSAL_NONE;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(publish->payload, &n_bytes);
    g_assert_true(topic_parse(publish->topic, ret_topic));
    Frame *frame = frame_parse(ret_topic, bytes, n_bytes, &refusal);
    g_assert_cmpstr(refusal_name(refusal), ==, "none");
    return frame;
}

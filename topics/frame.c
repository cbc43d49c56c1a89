// SPDX-License-Identifier: Apache-2.0

#include "topics/frame.h"

#include <string.h>

static const char *const refusal_names[N_REFUSALS] = {
    [REFUSAL_NONE] = "none",
    [REFUSAL_TOPIC] = "topic",
    [REFUSAL_ADDRESS] = "address",
    [REFUSAL_SIZE] = "size",
    [REFUSAL_DECODE] = "decode",
    [REFUSAL_MISMATCH] = "mismatch",
    [REFUSAL_EXPIRED] = "expired",
    [REFUSAL_STRANGER] = "stranger",
    [REFUSAL_CERTIFICATE] = "certificate",
    [REFUSAL_INCARNATION] = "incarnation",
    [REFUSAL_PRE_SHARED] = "pre-shared-key",
    [REFUSAL_TAG] = "tag",
    [REFUSAL_REPLAY] = "replay",
    [REFUSAL_ROLE] = "role",
    [REFUSAL_STATE] = "state",
    [REFUSAL_UNHANDLED] = "unhandled",
    [REFUSAL_QUOTA] = "quota",
};

const char *refusal_name(Refusal refusal)
{
    g_assert(refusal < N_REFUSALS);
    return refusal_names[refusal];
}

// protobuf-c does not check that strings are UTF-8; everything that logs, quotes or exports them
// relies on it. And it takes field number 0, which there is not, where that is written in more
// bytes than it needs, but not what itself packs of that again: what it took could not be copied.
// No message type contains itself, so the depth is that of the schema.
static gboolean is_well_formed(const ProtobufCMessage *message);

static gboolean field_is_well_formed(const ProtobufCFieldDescriptor *field, const void *value)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return g_utf8_validate(*(char *const *)value, -1, NULL);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *inner = *(ProtobufCMessage *const *)value;
        return !inner || is_well_formed(inner);
    }
    return TRUE;
}

static gboolean is_well_formed(const ProtobufCMessage *message)
{
    const guint8 *base = (const guint8 *)message;
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        if (message->unknown_fields[i].tag == 0)
            return FALSE;
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const void *member = base + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            gboolean in_oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
            if (in_oneof && *(const guint32 *)(base + field->quantifier_offset) != field->id)
                continue;
            if (!field_is_well_formed(field, member))
                return FALSE;
            continue;
        }
        gsize n = *(const gsize *)(base + field->quantifier_offset);
        for (gsize j = 0; j < n; j++) {
            if (!field_is_well_formed(field, *(void *const *const *)member + j))
                return FALSE;
        }
    }
    return TRUE;
}

gpointer message_unpack(const ProtobufCMessageDescriptor *type, const guint8 *bytes, gsize n_bytes)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, n_bytes, bytes);
    if (message && is_well_formed(message))
        return message;
    wire_free(message);
    return NULL;
}

static Refusal unpack_messages(const Kind *kind, const WireFrame *wire, Frame *frame)
{
    if (wire->n_messages == 0)
        return REFUSAL_DECODE;
    if (wire->n_messages > FRAME_MAX_MESSAGES)
        return REFUSAL_SIZE;
    frame->messages = g_new0(ProtobufCMessage *, wire->n_messages);
    for (gsize i = 0; i < wire->n_messages; i++) {
        if (wire->messages[i].len > kind->max_bytes)
            return REFUSAL_SIZE;
        ProtobufCMessage *message =
            message_unpack(kind->message, wire->messages[i].data, wire->messages[i].len);
        if (!message)
            return REFUSAL_DECODE;
        frame->messages[frame->n_messages++] = message;
    }
    return REFUSAL_NONE;
}

static gboolean header_matches(const WireHeader *header, const Topic *topic)
{
    return strcmp(header->kind, kind_get(topic->kind)->name) == 0 &&
           strcmp(header->from, topic->from) == 0 && strcmp(header->to, topic->to) == 0;
}

static Refusal read_frame(const Topic *topic, const WireFrame *wire, FrameCheckFn check,
                          gpointer data, Frame *frame)
{
    frame->header =
        message_unpack(&qkdnf__v1__header__descriptor, wire->header.data, wire->header.len);
    if (!frame->header)
        return REFUSAL_DECODE;
    if (!header_matches(frame->header, topic))
        return REFUSAL_MISMATCH;
    Refusal refusal = check ? check(data, topic, wire, frame->header) : REFUSAL_NONE;
    return refusal == REFUSAL_NONE ? unpack_messages(kind_get(topic->kind), wire, frame) : refusal;
}

Frame *frame_parse_checked(const Topic *topic, const guint8 *bytes, gsize n_bytes,
                           FrameCheckFn check, gpointer data, Refusal *ret_refusal)
{
    g_autoptr(Frame) frame = g_new0(Frame, 1);
    *ret_refusal = n_bytes > FRAME_MAX_BYTES ? REFUSAL_SIZE : REFUSAL_DECODE;
    if (n_bytes > FRAME_MAX_BYTES)
        return NULL;
    WireFrame *wire = qkdnf__v1__frame__unpack(NULL, n_bytes, bytes);
    if (!wire)
        return NULL;
    *ret_refusal = read_frame(topic, wire, check, data, frame);
    wire_free(wire);
    return *ret_refusal == REFUSAL_NONE ? g_steal_pointer(&frame) : NULL;
}

Frame *frame_parse(const Topic *topic, const guint8 *bytes, gsize n_bytes, Refusal *ret_refusal)
{
    return frame_parse_checked(topic, bytes, n_bytes, NULL, NULL, ret_refusal);
}

void frame_free(Frame *frame)
{
    if (!frame)
        return;
    for (gsize i = 0; i < frame->n_messages; i++)
        wire_free(frame->messages[i]);
    g_free(frame->messages);
    wire_free(frame->header);
    g_free(frame);
}

GBytes *message_pack(const ProtobufCMessage *message)
{
    gsize n_bytes = protobuf_c_message_get_packed_size(message);
    guint8 *bytes = g_malloc(n_bytes);
    protobuf_c_message_pack(message, bytes);
    return g_bytes_new_take(bytes, n_bytes);
}

static ProtobufCBinaryData bytes_view(GBytes *bytes)
{
    gsize n_bytes = 0;
    gconstpointer data = g_bytes_get_data(bytes, &n_bytes);
    return (ProtobufCBinaryData){.len = n_bytes, .data = (guint8 *)data};
}

static GBytes *header_pack(const FrameHead *head)
{
    const Kind *kind = kind_get(head->kind);
    WireHeader header = WIRE_HEADER_INIT;
    header.kind = (char *)kind->name;
    header.from = (char *)head->from;
    header.to = (char *)head->to;
    header.incarnation = head->incarnation;
    header.sequence = head->sequence;
    header.sent_at_us = (guint64)head->sent_at_us;
    header.expires_at_us =
        kind->expiry_ms > 0 ? header.sent_at_us + kind->expiry_ms * G_GUINT64_CONSTANT(1000) : 0;
    header.receiver = head->receiver;
    return message_pack(&header.base);
}

static void seal_frame(WireFrame *frame, const FrameSeal *seal, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    frame->algorithm = seal->algorithm;
    frame->pre_shared = seal->pre_shared;
    if (seal->introduction)
        frame->introduction = bytes_view(seal->introduction);
    frame->tag.len = seal->make(seal->data, frame, ret_tag);
    frame->tag.data = ret_tag;
}

GBytes *frame_pack_sealed(const FrameHead *head, GBytes *const *messages, gsize n_messages,
                          const FrameSeal *seal)
{
    g_autoptr(GBytes) packed_header = header_pack(head);
    g_autofree ProtobufCBinaryData *views = g_new(ProtobufCBinaryData, n_messages);
    for (gsize i = 0; i < n_messages; i++)
        views[i] = bytes_view(messages[i]);
    WireFrame frame = WIRE_FRAME_INIT;
    frame.header = bytes_view(packed_header);
    frame.n_messages = n_messages;
    frame.messages = views;
    guint8 tag[FRAME_TAG_MAX_BYTES];
    if (seal)
        seal_frame(&frame, seal, tag);
    return message_pack(&frame.base);
}

GBytes *frame_pack(const FrameHead *head, GBytes *const *messages, gsize n_messages)
{
    return frame_pack_sealed(head, messages, n_messages, NULL);
}

static void feed_number(guint64 number, FrameFeedFn feed, gpointer data)
{
    guint64 bytes = GUINT64_TO_BE(number);
    feed(data, (const guint8 *)&bytes, sizeof bytes);
}

static void feed_part(const ProtobufCBinaryData *part, FrameFeedFn feed, gpointer data)
{
    feed_number(part->len, feed, data);
    feed(data, part->data, part->len);
}

void frame_feed(const WireFrame *frame, FrameFeedFn feed, gpointer data)
{
    static const char domain[] = "qkdnf v1 frame";
    feed(data, (const guint8 *)domain, sizeof domain);
    feed_number((guint64)frame->algorithm, feed, data);
    feed_number(frame->pre_shared, feed, data);
    feed_part(&frame->header, feed, data);
    feed_part(&frame->introduction, feed, data);
    feed_number(frame->n_messages, feed, data);
    for (gsize i = 0; i < frame->n_messages; i++)
        feed_part(&frame->messages[i], feed, data);
}

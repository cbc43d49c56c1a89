// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/seed.h"

#include "topics/frame.h"

#include <string.h>

#define UUID "01234567-89ab-4cde-8f01-23456789abcd"

// --- a message of a descriptor, in the wire format -----------------------------------------------

static void append_message(GByteArray *out, const ProtobufCMessageDescriptor *message);

static void append_varint(GByteArray *out, guint64 value)
{
    for (; value >= 0x80; value >>= 7)
        g_byte_array_append(out, &(guint8){(guint8)(value | 0x80)}, 1);
    g_byte_array_append(out, &(guint8){(guint8)value}, 1);
}

static void append_bytes(GByteArray *out, gconstpointer bytes, gsize n_bytes)
{
    append_varint(out, n_bytes);
    g_byte_array_append(out, bytes, (guint)n_bytes);
}

// What most handlers would refuse otherwise.
static const char *text_for(const char *field)
{
    gboolean is_uuid =
        strcmp(field, "id") == 0 || strcmp(field, "request") == 0 || strcmp(field, "session") == 0;
    return is_uuid ? UUID : SEED_NEIGHBOR;
}

static void append_value(GByteArray *out, const ProtobufCFieldDescriptor *field)
{
    static const guint8 zeros[32] = {0};
    g_autoptr(GByteArray) inner = g_byte_array_new();
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        append_bytes(out, text_for(field->name), strlen(text_for(field->name)));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        append_bytes(out, zeros, sizeof zeros);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        append_message(inner, field->descriptor);
        append_bytes(out, inner->data, inner->len);
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        g_byte_array_append(out, zeros, 4);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        g_byte_array_append(out, zeros, 8);
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        append_varint(out, 1);
        break;
    }
}

static guint wire_type(ProtobufCType type)
{
    static const guint types[] = {
        [PROTOBUF_C_TYPE_FIXED32] = 5,  [PROTOBUF_C_TYPE_SFIXED32] = 5,
        [PROTOBUF_C_TYPE_FLOAT] = 5,    [PROTOBUF_C_TYPE_FIXED64] = 1,
        [PROTOBUF_C_TYPE_SFIXED64] = 1, [PROTOBUF_C_TYPE_DOUBLE] = 1,
        [PROTOBUF_C_TYPE_STRING] = 2,   [PROTOBUF_C_TYPE_BYTES] = 2,
        [PROTOBUF_C_TYPE_MESSAGE] = 2,
    };
    return types[type];
}

// The wire has no recursive messages, so this ends.
static void append_message(GByteArray *out, const ProtobufCMessageDescriptor *message)
{
    for (guint i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        append_varint(out, (guint64)field->id << 3 | wire_type(field->type));
        append_value(out, field);
    }
}

// --- a publish -----------------------------------------------------------------------------------

// The two cores first: they do the most with it.
static const char *member_of(Roles roles, const char *agent)
{
    return roles & ROLE_BIT(ROLE_AGENT)      ? agent
           : roles & ROLE_BIT(ROLE_PLATFORM) ? SEED_PLATFORM
           : roles & ROLE_BIT(ROLE_OPERATOR) ? SEED_OPERATOR
                                             : "bank";
}

static void append_publish(GByteArray *seed, const char *topic, GBytes *payload)
{
    guint32 n_bytes = (guint32)g_bytes_get_size(payload), length = GUINT32_TO_LE(n_bytes);
    g_byte_array_append(seed, (const guint8 *)topic, (guint)strlen(topic));
    g_byte_array_append(seed, (const guint8 *)"\n", 1);
    g_byte_array_append(seed, (const guint8 *)&length, sizeof length);
    g_byte_array_append(seed, g_bytes_get_data(payload, NULL), n_bytes);
}

void seed_append(GByteArray *seed, KindId id)
{
    const Kind *kind = kind_get(id);
    const char *from = member_of(kind->from, SEED_NEIGHBOR);
    const char *to = kind->to_all ? ID_ALL : member_of(kind->to, SEED_AGENT);
    GByteArray *bytes = g_byte_array_new();
    append_message(bytes, kind->message);
    g_autoptr(GBytes) message = g_byte_array_free_to_bytes(bytes);
    FrameHead head = {id, from, to, 1, 1, SEED_NOW_US};
    g_autoptr(GBytes) payload = frame_pack(&head, &message, 1);
    g_autofree char *topic = topic_format(id, from, to);
    append_publish(seed, topic, payload);
}

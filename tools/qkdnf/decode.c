// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/decode.h"

static json_t *decode_unsigned(guint64 value)
{
    if (value <= G_MAXINT64)
        return json_integer((json_int_t)value);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return json_string(text);
}

static json_t *decode_bytes(const ProtobufCBinaryData *bytes)
{
    g_autoptr(GString) text = g_string_sized_new(2 * bytes->len);
    for (gsize i = 0; i < bytes->len; i++)
        g_string_append_printf(text, "%02x", bytes->data[i]);
    return json_string(text->str);
}

static json_t *decode_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    return json_string(valid);
}

static json_t *decode_enum(const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    return value ? json_string(value->name) : json_integer(number);
}

static json_t *decode_value(const ProtobufCFieldDescriptor *field, const void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const gint32 *)value);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const guint32 *)value);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return json_integer(*(const gint64 *)value);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return decode_unsigned(*(const guint64 *)value);
    case PROTOBUF_C_TYPE_FLOAT:
        return json_real((double)*(const float *)value);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_real(*(const double *)value);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)value);
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(field->descriptor, *(const int *)value);
    case PROTOBUF_C_TYPE_STRING:
        return decode_text(*(char *const *)value);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(value);
    case PROTOBUF_C_TYPE_MESSAGE:
        return decode_message(*(ProtobufCMessage *const *)value);
    }
    return json_null();
}

static json_t *decode_repeated(const ProtobufCFieldDescriptor *field, const guint8 *base)
{
    json_t *array = json_array();
    gsize n = *(const gsize *)(base + field->quantifier_offset);
    const guint8 *values = *(guint8 *const *)(base + field->offset);
    for (gsize i = 0; i < n; i++)
        json_array_append_new(array,
                              decode_value(field, values + i * message_element_bytes(field->type)));
    return array;
}

static gboolean is_set(const ProtobufCFieldDescriptor *field, const guint8 *base)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const guint32 *)(base + field->quantifier_offset) == field->id;
    return field->type != PROTOBUF_C_TYPE_MESSAGE || *(void *const *)(base + field->offset) != NULL;
}

json_t *decode_message(const ProtobufCMessage *message)
{
    json_t *object = json_object();
    const guint8 *base = (const guint8 *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            json_object_set_new(object, field->name, decode_repeated(field, base));
        else if (is_set(field, base))
            json_object_set_new(object, field->name, decode_value(field, base + field->offset));
    }
    return object;
}

static json_t *decode_refused(const char *topic, Refusal refusal, gsize n_bytes)
{
    json_t *object = json_object();
    json_object_set_new(object, "topic", decode_text(topic));
    json_object_set_new(object, "refused", json_string(refusal_name(refusal)));
    json_object_set_new(object, "n_bytes", decode_unsigned(n_bytes));
    return object;
}

json_t *decode_publish(const char *topic, const guint8 *payload, gsize n_bytes)
{
    Topic parsed;
    Refusal refusal = REFUSAL_TOPIC;
    if (!topic_parse(topic, &parsed))
        return decode_refused(topic, refusal, n_bytes);
    g_autoptr(Frame) frame = frame_parse(&parsed, payload, n_bytes, &refusal);
    if (!frame)
        return decode_refused(topic, refusal, n_bytes);
    json_t *object = json_object();
    json_t *header = decode_message(&frame->header->base);
    json_object_set_new(object, "topic", json_string(topic));
    json_object_update_new(object, header);
    json_t *messages = json_array();
    for (gsize i = 0; i < frame->n_messages; i++)
        json_array_append_new(messages, decode_message(frame->messages[i]));
    json_object_set_new(object, "messages", messages);
    return object;
}

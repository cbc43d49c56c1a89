// SPDX-License-Identifier: Apache-2.0
//
// Copies of messages, field by field: what packing and unpacking again would give, for less than
// half of what that costs.

#include "topics/frame.h"

gsize message_element_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(guint32);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(guint64);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(gpointer);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    return 0;
}

static void copy_bytes(ProtobufCBinaryData *bytes)
{
    bytes->data = bytes->len > 0 ? g_memdup2(bytes->data, bytes->len) : NULL;
}

// What the copy points at until now is the other message's.
static void copy_elements(const ProtobufCFieldDescriptor *field, guint8 *copy)
{
    gsize n = *(const gsize *)(copy + field->quantifier_offset);
    gpointer *elements = (gpointer *)(copy + field->offset);
    *elements = n > 0 ? g_memdup2(*elements, n * message_element_bytes(field->type)) : NULL;
    for (gsize i = 0; i < n; i++) {
        if (field->type == PROTOBUF_C_TYPE_STRING)
            ((char **)*elements)[i] = g_strdup(((char **)*elements)[i]);
        else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            ((gpointer *)*elements)[i] = message_copy(((gpointer *)*elements)[i]);
        else if (field->type == PROTOBUF_C_TYPE_BYTES)
            copy_bytes(&((ProtobufCBinaryData *)*elements)[i]);
    }
}

// FALSE when there is nothing in it, which a choice then does not say either.
static gboolean copy_pointer(const ProtobufCFieldDescriptor *field, gpointer *pointer)
{
    if (!*pointer || *pointer == field->default_value) {
        *pointer = (gpointer)field->default_value;
        return FALSE;
    }
    *pointer = field->type == PROTOBUF_C_TYPE_STRING ? (gpointer)g_strdup(*pointer)
                                                     : message_copy(*pointer);
    return TRUE;
}

static void copy_field(const ProtobufCFieldDescriptor *field, guint8 *copy)
{
    guint32 *chosen = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF
                          ? (guint32 *)(copy + field->quantifier_offset)
                          : NULL;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        copy_elements(field, copy);
    else if (chosen && *chosen != field->id)
        return;
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        copy_bytes((ProtobufCBinaryData *)(copy + field->offset));
    else if ((field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) &&
             !copy_pointer(field, (gpointer *)(copy + field->offset)) && chosen)
        *chosen = 0;
}

static void copy_unknown_fields(ProtobufCMessage *copy)
{
    copy->unknown_fields =
        g_memdup2(copy->unknown_fields, copy->n_unknown_fields * sizeof *copy->unknown_fields);
    for (unsigned i = 0; i < copy->n_unknown_fields; i++)
        copy->unknown_fields[i].data =
            g_memdup2(copy->unknown_fields[i].data, copy->unknown_fields[i].len);
}

gpointer message_copy(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    ProtobufCMessage *copy = g_memdup2(message, type->sizeof_message);
    copy_unknown_fields(copy);
    for (unsigned i = 0; i < type->n_fields; i++)
        copy_field(&type->fields[i], (guint8 *)copy);
    return copy;
}

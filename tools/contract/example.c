// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/example.h"

#include "topics/topic.h"

#include <string.h>

#define UUID      "01234567-89ab-4cde-8f01-23456789abcd"
#define AT_US     (G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC)
#define N_OCTETS  32
#define ANY_COUNT 1

// What a field of this name, or this field of this type, holds; else its own name or `ANY_COUNT`.
static const struct {
    const char *field;
    const char *text;
} texts[] = {
    {"Node.id", "sie"},
    {"BorderLink.id", "vienna-tokyo"},
    {"id", UUID},
    {"request", UUID},
    {"session", UUID},
    {"key_ids", "89abcdef-0123-5456-8789-abcdef012345"},
    {"initiator", "bank-vienna"},
    {"sae", "bank-vienna"},
    {"target", "ministry-tokyo"},
    {"targets", "ministry-tokyo"},
    {"initiator_agent", "vienna"},
    {"target_agent", "tokyo"},
    {"providers", "vienna"},
    {"provider", "vienna"},
    {"home", "vienna"},
    {"member", "vienna"},
    {"peer", "tokyo"},
    {"exclude", "madrid"},
    {"may_serve_ours", "all"},
    {"serves", "all"},
    {"old_path", "vienna"},
    {"new_path", "vienna"},
    {"link", "vienna-tokyo"},
    {"subject", "vienna-tokyo"},
    {"node", "sie"},
    {"from_node", "sie"},
    {"to_node", "erd"},
    {"a", "sie"},
    {"b", "erd"},
    {"region", "AT"},
    {"service", "archive"},
    {"kme_id", "vienna-kme"},
    {"kme_url", "https://127.0.0.1:8443"},
    {"software", "qkdnf " QKDNF_VERSION},
    {"name", "request.granted"},
    {"text", "a sentence for a person"},
    {"cause", "a border link is down"},
};
static const struct {
    const char *field;
    guint64 number;
} numbers[] = {
    {"size_bits", 256},    {"number", 2},       {"timeout_ms", 10000},   {"available_in_ms", 800},
    {"duration_us", 4200}, {"at_us", AT_US},    {"opened_at_us", AT_US}, {"incarnation", AT_US},
    {"rate_bps", 20000},   {"fill_bps", 20000}, {"lifetime_ms", 600000}, {"latency_us", 1500},
    {"n_slots", 16},       {"n_open", 4000},    {"open_end", 8192},      {"first_open", 4192},
    {"capacity", 8192},    {"buffer", 64},
};

static const char *text_of(const ProtobufCMessageDescriptor *type,
                           const ProtobufCFieldDescriptor *field)
{
    g_autofree char *full = g_strconcat(type->short_name, ".", field->name, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (strcmp(texts[i].field, full) == 0 || strcmp(texts[i].field, field->name) == 0)
            return texts[i].text;
    }
    return field->name;
}

static guint64 number_of(const ProtobufCFieldDescriptor *field)
{
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (strcmp(numbers[i].field, field->name) == 0)
            return numbers[i].number;
    }
    return ANY_COUNT;
}

// --- a message, on the wire and as JSON ----------------------------------------------------------

static void append_varint(GByteArray *out, guint64 value)
{
    for (; value >= 0x80; value >>= 7)
        g_byte_array_append(out, &(guint8){(guint8)(value | 0x80)}, 1);
    g_byte_array_append(out, &(guint8){(guint8)value}, 1);
}

static void append_octets(GByteArray *out, gconstpointer octets, gsize n)
{
    append_varint(out, n);
    g_byte_array_append(out, octets, (guint)n);
}

static json_t *append_text(GByteArray *out, const char *text)
{
    append_octets(out, text, strlen(text));
    return json_string(text);
}

static json_t *append_random(GByteArray *out)
{
    guint8 octets[N_OCTETS];
    for (guint i = 0; i < N_OCTETS; i++)
        octets[i] = (guint8)(0xa5 ^ 13 * i);
    append_octets(out, octets, sizeof octets);
    g_autofree char *text = g_base64_encode(octets, sizeof octets);
    return json_string(text);
}

static json_t *append_enum(GByteArray *out, const ProtobufCEnumDescriptor *type)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, 1);
    g_assert(value);
    append_varint(out, (guint64)value->value);
    return json_string(value->name);
}

// The mapping has 64-bit integers as text, as numbers of JavaScript cannot hold them.
static json_t *append_long(GByteArray *out, guint64 value)
{
    append_varint(out, value);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return json_string(text);
}

// Zigzag: 1 goes as 2.
static json_t *append_signed_long(GByteArray *out, guint64 value)
{
    append_varint(out, 2 * value);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return json_string(text);
}

static json_t *append_double(GByteArray *out, double value)
{
    guint64 bits;
    memcpy(&bits, &value, sizeof bits);
    bits = GUINT64_TO_LE(bits);
    g_byte_array_append(out, (const guint8 *)&bits, sizeof bits);
    return json_real(value);
}

static json_t *append_fields(GByteArray *out, const ProtobufCMessageDescriptor *type);

static json_t *append_message(GByteArray *out, const ProtobufCMessageDescriptor *type)
{
    g_autoptr(GByteArray) inner = g_byte_array_new();
    json_t *object = append_fields(inner, type);
    append_octets(out, inner->data, inner->len);
    return object;
}

static json_t *append_value(GByteArray *out, const ProtobufCMessageDescriptor *type,
                            const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return append_text(out, text_of(type, field));
    case PROTOBUF_C_TYPE_BYTES:
        return append_random(out);
    case PROTOBUF_C_TYPE_MESSAGE:
        return append_message(out, field->descriptor);
    case PROTOBUF_C_TYPE_ENUM:
        return append_enum(out, field->descriptor);
    case PROTOBUF_C_TYPE_BOOL:
        append_varint(out, 1);
        return json_true();
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
        append_varint(out, number_of(field));
        return json_integer((json_int_t)number_of(field));
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return append_long(out, number_of(field));
    case PROTOBUF_C_TYPE_SINT64:
        return append_signed_long(out, number_of(field));
    case PROTOBUF_C_TYPE_DOUBLE:
        return append_double(out, (double)number_of(field));
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
        break;
    }
    g_error("the schemas use no field of the type of %s yet", field->name);
}

static guint wire_type(ProtobufCType type)
{
    if (type == PROTOBUF_C_TYPE_DOUBLE)
        return 1;
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
                   type == PROTOBUF_C_TYPE_MESSAGE
               ? 2
               : 0;
}

// The mapping's names: `size_bits` is `sizeBits`.
static char *mapped_name(const char *name)
{
    GString *mapped = g_string_new(NULL);
    for (const char *c = name; *c; c++) {
        if (*c == '_' && c[1])
            g_string_append_c(mapped, g_ascii_toupper(*++c));
        else
            g_string_append_c(mapped, *c);
    }
    return g_string_free(mapped, FALSE);
}

static gboolean is_later_choice(const ProtobufCMessageDescriptor *type, unsigned index)
{
    const ProtobufCFieldDescriptor *field = &type->fields[index];
    for (unsigned i = 0; (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && i < index; i++) {
        if ((type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            type->fields[i].quantifier_offset == field->quantifier_offset)
            return TRUE;
    }
    return FALSE;
}

// The wire has no recursive messages, so this ends.
static json_t *append_fields(GByteArray *out, const ProtobufCMessageDescriptor *type)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (is_later_choice(type, i))
            continue;
        append_varint(out, (guint64)field->id << 3 | wire_type(field->type));
        json_t *value = append_value(out, type, field);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            value = json_pack("[o]", value);
        g_autofree char *name = mapped_name(field->name);
        json_object_set_new(object, name, value);
    }
    return object;
}

json_t *example_message(const ProtobufCMessageDescriptor *type, GBytes **ret_wire)
{
    GByteArray *wire = g_byte_array_new();
    json_t *object = append_fields(wire, type);
    if (ret_wire)
        *ret_wire = g_byte_array_free_to_bytes(wire);
    else
        g_byte_array_unref(wire);
    return object;
}

// --- a publish -----------------------------------------------------------------------------------

static const char *member_of(Roles roles, const char *agent)
{
    return roles & ROLE_BIT(ROLE_APPLICATION) ? "bank-vienna"
           : roles & ROLE_BIT(ROLE_AGENT)     ? agent
           : roles & ROLE_BIT(ROLE_PLATFORM)  ? "platform"
                                              : "admin";
}

const char *example_from(const Kind *kind)
{
    return member_of(kind->from, "vienna");
}

const char *example_to(const Kind *kind)
{
    return kind->to_all ? ID_ALL : member_of(kind->to, "tokyo");
}

static json_t *map_header(const FrameHead *head)
{
    const Kind *kind = kind_get(head->kind);
    g_autofree char *incarnation = g_strdup_printf("%" G_GUINT64_FORMAT, head->incarnation);
    g_autofree char *sequence = g_strdup_printf("%" G_GUINT64_FORMAT, head->sequence);
    g_autofree char *sent = g_strdup_printf("%" G_GINT64_FORMAT, head->sent_at_us);
    g_autofree char *expires = g_strdup_printf(
        "%" G_GINT64_FORMAT, head->sent_at_us + kind->expiry_ms * G_TIME_SPAN_MILLISECOND);
    json_t *header =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", kind->name, "from", head->from, "to",
                  head->to, "incarnation", incarnation, "sequence", sequence, "sentAtUs", sent);
    if (kind->expiry_ms > 0)
        json_object_set_new(header, "expiresAtUs", json_string(expires));
    return header;
}

static json_t *as_hex(GBytes *bytes)
{
    gsize n_bytes = 0;
    const guint8 *octets = g_bytes_get_data(bytes, &n_bytes);
    g_autoptr(GString) text = g_string_sized_new(2 * n_bytes);
    for (gsize i = 0; i < n_bytes; i++)
        g_string_append_printf(text, "%02x", octets[i]);
    return json_string(text->str);
}

json_t *example_publish(KindId id)
{
    const Kind *kind = kind_get(id);
    g_autoptr(GBytes) wire = NULL;
    json_t *message = example_message(kind->message, &wire);
    FrameHead head = {id, example_from(kind), example_to(kind), AT_US, 7, AT_US};
    g_autoptr(GBytes) payload = frame_pack(&head, &wire, 1);
    g_autofree char *topic = topic_format(id, head.from, head.to);
    return json_pack("{s:s, s:o, s:[o], s:o}", "topic", topic, "header", map_header(&head),
                     "messages", message, "payload", as_hex(payload));
}

// SPDX-License-Identifier: Apache-2.0
//
// What is published follows the table of kinds and the schemas.

#include "tools/contract/asyncapi.h"
#include "tools/contract/contract.h"
#include "tools/contract/example.h"
#include "tools/contract/pages.h"
#include "tools/contract/proto-text.h"
#include "topics/frame.h"

#include <string.h>

static const json_t *find(const json_t *object, const char *section, const char *name)
{
    const json_t *found = json_object_get(json_object_get(object, section), name);
    g_assert_nonnull(found);
    return found;
}

static gint64 integer(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void assert_operation(const json_t *document, const Kind *kind, const char *role,
                             gboolean is_sent)
{
    g_autofree char *name =
        g_strdup_printf("%s-%s-%s", role, is_sent ? "sends" : "receives", kind->name);
    const json_t *operation = find(document, "operations", name);
    g_assert_cmpstr(json_string_value(json_object_get(operation, "action")), ==,
                    is_sent ? "send" : "receive");
    const json_t *mqtt = find(operation, "bindings", "mqtt");
    g_assert_cmpint(integer(mqtt, "qos"), ==, kind->qos);
    if (!is_sent)
        return;
    g_assert_cmpint(json_is_true(json_object_get(mqtt, "retain")), ==, kind->retained);
    g_assert_cmpint(integer(mqtt, "messageExpiryInterval") * 1000, ==, kind->expiry_ms);
}

// Returns how many operations the kind has.
static guint check_operations(const json_t *document, const Kind *kind)
{
    const char *name;
    Role role;
    guint n = 0;
    for (guint i = 0; (name = asyncapi_role_name(i, &role)); i++) {
        if (kind->from & ROLE_BIT(role)) {
            assert_operation(document, kind, name, TRUE);
            n++;
        }
        if (role == ROLE_MONITOR || (kind->to & ROLE_BIT(role))) {
            assert_operation(document, kind, name, FALSE);
            n++;
        }
    }
    return n;
}

static gsize count_states(const Kind *kind)
{
    gsize n = 0;
    for (guint bit = 0; kind->states != G_MAXUINT && bit < 32; bit++)
        n += kind->states >> bit & 1;
    return n;
}

static void test_the_document_follows_the_table(void)
{
    g_autoptr(Schema) schema = contract_load_schema();
    json_t *document = asyncapi_make(schema);
    guint n_operations = 0;
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = kind_get(id);
        const json_t *channel = find(document, "channels", kind->name);
        g_autofree char *address =
            g_strdup_printf("qkdnf/v1/%s/{from}/%s", kind->name, kind->to_all ? "all" : "{to}");
        g_assert_cmpstr(json_string_value(json_object_get(channel, "address")), ==, address);
        g_assert_cmpint(integer(channel, "x-max-message-bytes"), ==, (gint64)kind->max_bytes);
        g_assert_cmpint(integer(channel, "x-max-messages-per-second"), ==, kind->messages_per_s);
        g_assert_cmpuint(json_array_size(json_object_get(channel, "x-member-states")), ==,
                         count_states(kind));
        n_operations += check_operations(document, kind);
    }
    g_assert_cmpuint(json_object_size(json_object_get(document, "channels")), ==, N_KINDS);
    g_assert_cmpuint(json_object_size(json_object_get(document, "operations")), ==, n_operations);
    json_decref(document);
}

static void append_if_silent(GString *silent, const char *of, const char *name, const char *meaning)
{
    if (!meaning || !*meaning)
        g_string_append_printf(silent, "%s%s%s ", of, *of ? "." : "", name);
}

static void find_silent_in(GString *silent, const Schema *schema, const SchemaFile *file)
{
    append_if_silent(silent, "", file->name, schema_comment(schema, file));
    for (gsize i = 0; i < file->n_enums; i++)
        append_if_silent(silent, "", file->enums[i]->name, schema_comment(schema, file->enums[i]));
    for (gsize i = 0; i < file->n_types; i++) {
        const SchemaType *type = file->types[i];
        append_if_silent(silent, "", type->name, schema_comment(schema, type));
        for (gsize j = 0; j < type->n_fields; j++)
            append_if_silent(silent, type->name, type->fields[j]->name,
                             pages_field_meaning(schema, type->fields[j]));
    }
}

// A stranger has nothing else to go by: what these say is what is missing.
static void test_everything_is_explained(void)
{
    g_autoptr(Schema) schema = contract_load_schema();
    g_autoptr(GString) silent = g_string_new(NULL);
    for (gsize i = 0; i < schema_n_files(schema); i++)
        find_silent_in(silent, schema, schema_file(schema, i));
    g_assert_cmpstr(silent->str, ==, "");
}

static void test_comments_find_what_they_are_about(void)
{
    g_autoptr(Schema) schema = contract_load_schema();
    const SchemaType *order = schema_find_type(schema, "qkdnf.v1.Order");
    g_assert_nonnull(order);
    g_assert_true(schema_find_type(schema, ".qkdnf.v1.Order") == order);
    g_assert_null(schema_find_type(schema, "qkdnf.v1.Status"));
    g_assert_nonnull(schema_find_enum(schema, "qkdnf.v1.Status"));
    g_assert_true(g_str_has_prefix(schema_comment(schema, order), "Order is one provider's"));
    g_assert_cmpstr(order->fields[8]->name, ==, "timeout_ms");
    g_assert_cmpstr(schema_comment(schema, order->fields[8]), ==,
                    "How long the platform waits for the outcome.");
}

static void test_self_contained_schemas(void)
{
    g_autoptr(Schema) schema = contract_load_schema();
    g_autofree char *admin = proto_text_format(schema, "qkdnf.v1.Admin");
    g_assert_nonnull(strstr(admin, "// @RootNode\nmessage Admin {\n"));
    const char *choice = strstr(admin, "  oneof command {\n");
    g_assert_nonnull(choice);
    g_assert_nonnull(strstr(choice, "\n    Drill drill = 2;\n"));
    g_assert_nonnull(strstr(admin, "enum DrillAction {\n"));
    g_assert_null(strstr(admin, "import"));
    // Each once, and before what needs it.
    const char *drill = strstr(admin, "message Drill {");
    g_assert_true(drill < strstr(admin, "message Admin {"));
    g_assert_null(strstr(drill + 1, "message Drill {"));
}

static GBytes *from_hex(const char *text)
{
    GByteArray *bytes = g_byte_array_new();
    for (; *text; text += 2) {
        int octet = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
        g_byte_array_append(bytes, &(guint8){(guint8)octet}, 1);
    }
    return g_byte_array_free_to_bytes(bytes);
}

static void test_examples_are_taken(void)
{
    for (guint id = 0; id < N_KINDS; id++) {
        json_t *publish = example_publish(id);
        g_autoptr(GBytes) payload =
            from_hex(json_string_value(json_object_get(publish, "payload")));
        gsize n_bytes = 0;
        const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
        Topic topic;
        Refusal refusal;
        g_assert_true(topic_parse(json_string_value(json_object_get(publish, "topic")), &topic));
        g_autoptr(Frame) frame = frame_parse(&topic, bytes, n_bytes, &refusal);
        g_assert_nonnull(frame);
        g_assert_cmpuint(frame->n_messages, ==, 1);
        json_decref(publish);
    }
}

// A copy has all that there is of a message, and nothing that the other one owns.
static void test_examples_are_copied(void)
{
    for (guint id = 0; id < N_KINDS; id++) {
        g_autoptr(GBytes) wire = NULL;
        json_decref(example_message(kind_get(id)->message, &wire));
        gsize n_bytes = 0;
        const guint8 *bytes = g_bytes_get_data(wire, &n_bytes);
        ProtobufCMessage *message = message_unpack(kind_get(id)->message, bytes, n_bytes);
        g_assert_nonnull(message);
        g_autoptr(GBytes) packed = message_pack(message);
        ProtobufCMessage *copy = message_copy(message);
        wire_free(message);
        g_autoptr(GBytes) again = message_pack(copy);
        g_assert_true(g_bytes_equal(packed, again));
        wire_free(copy);
    }
}

static void test_pages_name_everything(void)
{
    g_autoptr(Schema) schema = contract_load_schema();
    g_autofree char *kinds = pages_format_kinds(schema);
    g_autofree char *messages = pages_format_messages(schema);
    for (guint id = 0; id < N_KINDS; id++) {
        g_autofree char *kind = g_strdup_printf("\n## %s\n", kind_get(id)->name);
        g_autofree char *type = g_strdup_printf("\n### %s\n", kind_get(id)->message->short_name);
        g_assert_nonnull(strstr(kinds, kind));
        g_assert_nonnull(strstr(messages, type));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/contract/the-document-follows-the-table",
                    test_the_document_follows_the_table);
    g_test_add_func("/contract/everything-is-explained", test_everything_is_explained);
    g_test_add_func("/contract/comments-find-what-they-are-about",
                    test_comments_find_what_they_are_about);
    g_test_add_func("/contract/self-contained-schemas", test_self_contained_schemas);
    g_test_add_func("/contract/examples-are-taken", test_examples_are_taken);
    g_test_add_func("/contract/examples-are-copied", test_examples_are_copied);
    g_test_add_func("/contract/pages-name-everything", test_pages_name_everything);
    return g_test_run();
}

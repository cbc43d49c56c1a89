// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/asyncapi.h"

#include "tools/contract/example.h"
#include "tools/contract/proto-text.h"
#include "topics/topic.h"

#define PROTOBUF_3 "application/vnd.google.protobuf;version=3"
#define CONTENT    "application/x-protobuf"

static const struct {
    Role role;
    const char *name;
} roles[] = {
    {ROLE_PLATFORM, "platform"}, {ROLE_AGENT, "agent"},       {ROLE_APPLICATION, "application"},
    {ROLE_MONITOR, "monitor"},   {ROLE_OPERATOR, "operator"},
};

const char *asyncapi_role_name(guint index, Role *ret_role)
{
    if (index >= G_N_ELEMENTS(roles))
        return NULL;
    *ret_role = roles[index].role;
    return roles[index].name;
}

json_t *asyncapi_list_states(const Kind *kind)
{
    const ProtobufCEnumDescriptor *type = &qkdnf__v1__member_state__descriptor;
    if (kind->states == 0 || kind->states == G_MAXUINT)
        return NULL;
    json_t *names = json_array();
    for (unsigned i = 0; i < type->n_values; i++) {
        if (kind->states & STATE_BIT(type->values[i].value))
            json_array_append_new(names, json_string(type->values[i].name));
    }
    return names;
}

static json_t *reference(const char *section, const char *name)
{
    g_autofree char *path = g_strdup_printf("#/%s/%s", section, name);
    return json_pack("{s:s}", "$ref", path);
}

// --- what all kinds share ------------------------------------------------------------------------

static json_t *make_info(void)
{
    return json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:s}", "title", "qkdnf bus", "version", QKDNF_VERSION, "license",
        "name", "Apache-2.0", "url", "https://www.apache.org/licenses/LICENSE-2.0", "description",
        "The message bus of a federation of QKD networks. The payload of every publish is one "
        "qkdnf.v1.Frame (schemas/frame.proto): a packed header and one or more packed messages of "
        "the channel's type. What is described as a channel's payload here is one such message. "
        "README.md says how to connect, what to say first, and what is guaranteed.");
}

static json_t *make_servers(void)
{
    json_t *variables = json_pack("{s:{s:s}, s:{s:s, s:s}}", "host", "description",
                                  "where the federation's broker is", "port", "default", "8883",
                                  "description", "as the federation has it");
    json_t *server =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:[o]}", "host", "{host}:{port}", "protocol", "mqtts",
                  "protocolVersion", "5.0", "description",
                  "TLS 1.3, both sides with certificates; MQTT 3.1.1 serves as well", "variables",
                  variables, "security", reference("components/securitySchemes", "certificate"));
    return json_pack("{s:o}", "broker", server);
}

static json_t *make_security(void)
{
    return json_pack("{s:{s:s, s:s}}", "certificate", "type", "X509", "description",
                     "A client certificate of the federation's CA, whose common name is the "
                     "member's ID. A member may write only to topics with its own ID as {from}.");
}

static json_t *make_parameters(const Kind *kind)
{
    json_t *parameters = json_pack("{s:{s:s, s:[s]}}", "from", "description",
                                   "ID of the member that sends", "examples", example_from(kind));
    if (!kind->to_all)
        json_object_set_new(parameters, "to",
                            json_pack("{s:s, s:[s]}", "description",
                                      "ID of the member that is to read it", "examples",
                                      example_to(kind)));
    return parameters;
}

// --- a kind --------------------------------------------------------------------------------------

static json_t *make_channel(const Kind *kind)
{
    g_autofree char *address =
        g_strdup_printf(TOPIC_PREFIX "/%s/{from}/%s", kind->name, kind->to_all ? ID_ALL : "{to}");
    json_t *messages = json_pack("{s:o}", kind->name, reference("components/messages", kind->name));
    json_t *channel =
        json_pack("{s:s, s:s, s:o, s:o, s:I}", "address", address, "summary", kind->carries,
                  "messages", messages, "parameters", make_parameters(kind), "x-max-message-bytes",
                  (json_int_t)kind->max_bytes);
    if (kind->messages_per_s > 0)
        json_object_set_new(channel, "x-max-messages-per-second",
                            json_integer(kind->messages_per_s));
    json_t *states = asyncapi_list_states(kind);
    if (states)
        json_object_set_new(channel, "x-member-states", states);
    return channel;
}

static json_t *make_bindings(const Kind *kind, gboolean is_sent)
{
    json_t *mqtt = json_pack("{s:i, s:s}", "qos", (int)kind->qos, "bindingVersion", "0.2.0");
    if (is_sent)
        json_object_set_new(mqtt, "retain", json_boolean(kind->retained));
    if (is_sent && kind->expiry_ms > 0)
        json_object_set_new(mqtt, "messageExpiryInterval", json_integer(kind->expiry_ms / 1000));
    return json_pack("{s:o}", "mqtt", mqtt);
}

static void add_operation(json_t *operations, const Kind *kind, const char *role, gboolean is_sent)
{
    g_autofree char *name =
        g_strdup_printf("%s-%s-%s", role, is_sent ? "sends" : "receives", kind->name);
    g_autofree char *messages = g_strdup_printf("channels/%s/messages", kind->name);
    json_t *operation = json_pack(
        "{s:s, s:o, s:s, s:[{s:s}], s:[o], s:o}", "action", is_sent ? "send" : "receive", "channel",
        reference("channels", kind->name), "summary", kind->carries, "tags", "name", role,
        "messages", reference(messages, kind->name), "bindings", make_bindings(kind, is_sent));
    json_object_set_new(operations, name, operation);
}

// A monitor reads everything.
static void add_operations(json_t *operations, const Kind *kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        if (kind->from & ROLE_BIT(roles[i].role))
            add_operation(operations, kind, roles[i].name, TRUE);
        if (roles[i].role == ROLE_MONITOR || (kind->to & ROLE_BIT(roles[i].role)))
            add_operation(operations, kind, roles[i].name, FALSE);
    }
}

static json_t *make_schema(const Schema *schema, const char *type)
{
    g_autofree char *text = proto_text_format(schema, type);
    return json_pack("{s:s, s:s}", "schemaFormat", PROTOBUF_3, "schema", text);
}

static json_t *make_message(const Schema *schema, const Kind *kind)
{
    const char *type = kind->message->name;
    const char *comment = schema_comment(schema, schema_find_type(schema, type));
    json_t *example = json_pack("{s:s, s:o}", "name", kind->name, "payload",
                                example_message(kind->message, NULL));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:[o]}", "name", type, "title",
                     kind->message->short_name, "summary", kind->carries, "description", comment,
                     "contentType", CONTENT, "payload", make_schema(schema, type), "examples",
                     example);
}

json_t *asyncapi_make(const Schema *schema)
{
    json_t *channels = json_object(), *operations = json_object(), *messages = json_object();
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = kind_get(id);
        json_object_set_new(channels, kind->name, make_channel(kind));
        json_object_set_new(messages, kind->name, make_message(schema, kind));
        add_operations(operations, kind);
    }
    json_t *schemas = json_pack("{s:o, s:o}", "frame", make_schema(schema, "qkdnf.v1.Frame"),
                                "header", make_schema(schema, "qkdnf.v1.Header"));
    json_t *components = json_pack("{s:o, s:o, s:o}", "messages", messages, "schemas", schemas,
                                   "securitySchemes", make_security());
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "asyncapi", "3.0.0", "info",
                     make_info(), "defaultContentType", CONTENT, "servers", make_servers(),
                     "channels", channels, "operations", operations, "components", components);
}

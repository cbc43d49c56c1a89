// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/decode.h"

#include "topics/outbox.h"

#include <string.h>

static void assert_json(json_t *value, const char *expected)
{
    g_autofree char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    g_assert_cmpstr(text, ==, expected);
    json_decref(value);
}

static void decode_sent(gpointer data, const Publish *publish)
{
    gsize n_bytes = 0;
    const guint8 *payload = g_bytes_get_data(publish->payload, &n_bytes);
    g_ptr_array_add(data, decode_publish(publish->topic, payload, n_bytes));
}

// The first of what the outbox sends.
static json_t *decode_outbox(Outbox *outbox)
{
    g_autoptr(GPtrArray) sent = g_ptr_array_new();
    outbox_flush(outbox, 1700000000000000, decode_sent, sent);
    g_assert_cmpuint(sent->len, ==, 1);
    return sent->pdata[0];
}

static void test_a_publish(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)"r1";
    outcome.attempt = 2;
    outcome.status = QKDNF__V1__STATUS__STATUS_NO_ROUTE;
    outcome.text = (char *)"no \"way\" – none";
    outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER;
    outbox_add(outbox, KIND_OUTCOME, "platform", &outcome.base);
    outcome.request = (char *)"r2";
    outcome.status = (Qkdnf__V1__Status)99;
    outbox_add(outbox, KIND_OUTCOME, "platform", &outcome.base);
    assert_json(
        decode_outbox(outbox),
        "{\"topic\":\"qkdnf/v1/outcome/vienna/platform\",\"kind\":\"outcome\",\"from\":\"vienna\","
        "\"to\":\"platform\",\"incarnation\":7,\"sequence\":1,\"sent_at_us\":1700000000000000,"
        "\"expires_at_us\":1700000030000000,\"receiver\":0,\"messages\":["
        "{\"request\":\"r1\",\"attempt\":2,\"status\":\"STATUS_NO_ROUTE\","
        "\"text\":\"no \\\"way\\\" – none\",\"stage\":\"OUTCOME_STAGE_ORDER\","
        "\"is_used\":false},"
        "{\"request\":\"r2\",\"attempt\":2,\"status\":99,"
        "\"text\":\"no \\\"way\\\" – none\",\"stage\":\"OUTCOME_STAGE_ORDER\","
        "\"is_used\":false}]}");
}

static void test_bytes_and_numbers(void)
{
    guint8 value[] = {0, 0x0f, 0xff};
    WireRelay relay = WIRE_RELAY_INIT;
    relay.request = (char *)"r";
    relay.value = (ProtobufCBinaryData){sizeof value, value};
    assert_json(decode_message(&relay.base),
                "{\"request\":\"r\",\"attempt\":0,\"target\":0,\"path\":0,\"place\":0,"
                "\"value\":\"000fff\",\"tag\":\"\"}");
    WireSlotRange range = WIRE_SLOT_RANGE_INIT;
    range.first = G_MAXUINT64;
    range.n_slots = G_MAXUINT32;
    assert_json(decode_message(&range.base),
                "{\"link\":\"\",\"first\":\"18446744073709551615\",\"n_slots\":4294967295}");
}

static void test_messages_within_messages(void)
{
    char *providers[] = {(char *)"vienna", (char *)"graz"};
    WireSlotRange range = WIRE_SLOT_RANGE_INIT;
    WireBranch first = WIRE_BRANCH_INIT, second = WIRE_BRANCH_INIT;
    WireBranch *branches[] = {&first, &second};
    WireOrder order = WIRE_ORDER_INIT;
    order.n_branches = 2;
    order.branches = branches;
    first.n_providers = 2;
    first.providers = providers;
    second.egress = &range;
    json_t *object = decode_message(&order.base);
    json_t *decoded = json_object_get(object, "branches");
    g_assert_cmpuint(json_array_size(decoded), ==, 2);
    assert_json(json_incref(json_object_get(json_array_get(decoded, 0), "providers")),
                "[\"vienna\",\"graz\"]");
    g_assert_null(json_object_get(json_array_get(decoded, 0), "egress"));
    g_assert_nonnull(json_object_get(json_array_get(decoded, 1), "egress"));
    g_assert_cmpuint(json_array_size(json_object_get(object, "targets")), ==, 0);
    json_decref(object);
}

static void test_a_choice(void)
{
    WireDrill drill = WIRE_DRILL_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    assert_json(decode_message(&admin.base), "{\"id\":\"\"}");
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_DRILL;
    admin.drill = &drill;
    assert_json(decode_message(&admin.base),
                "{\"id\":\"\",\"drill\":{\"action\":\"DRILL_ACTION_UNSPECIFIED\","
                "\"scope\":\"FAULT_SCOPE_UNSPECIFIED\",\"subject\":\"\"}}");
}

static void test_what_is_not_readable(void)
{
    static const guint8 junk[] = {0xff, 0xff, 0xff};
    assert_json(decode_publish("qkdnf/v1/order/platform/vienna", junk, sizeof junk),
                "{\"topic\":\"qkdnf/v1/order/platform/vienna\",\"refused\":\"decode\","
                "\"n_bytes\":3}");
    assert_json(decode_publish("else\xff", junk, 0),
                "{\"topic\":\"else\uFFFD\",\"refused\":\"topic\",\"n_bytes\":0}");
}

// Of every kind in the table, the empty message.
static void test_every_kind(void)
{
    for (guint kind = 0; kind < N_KINDS; kind++) {
        g_autoptr(Outbox) outbox = outbox_new("vienna", 1);
        ProtobufCMessage *message =
            protobuf_c_message_unpack(kind_get(kind)->message, NULL, 0, NULL);
        outbox_add(outbox, kind, "graz", message);
        wire_free(message);
        json_t *object = decode_outbox(outbox);
        g_assert_cmpstr(json_string_value(json_object_get(object, "kind")), ==,
                        kind_get(kind)->name);
        g_assert_cmpuint(json_array_size(json_object_get(object, "messages")), ==, 1);
        json_decref(object);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/decode/a-publish", test_a_publish);
    g_test_add_func("/decode/bytes-and-numbers", test_bytes_and_numbers);
    g_test_add_func("/decode/messages-within-messages", test_messages_within_messages);
    g_test_add_func("/decode/a-choice", test_a_choice);
    g_test_add_func("/decode/what-is-not-readable", test_what_is_not_readable);
    g_test_add_func("/decode/every-kind", test_every_kind);
    return g_test_run();
}

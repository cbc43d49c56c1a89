// SPDX-License-Identifier: Apache-2.0

#include "topics/frame.h"

#include <string.h>

static const Topic topic = {KIND_ADMIN, "ops", "platform"};

static GBytes *packed_admin(const char *text)
{
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)text;
    return message_pack(&admin.base);
}

static GBytes *pack(KindId kind, GBytes *const *messages, gsize n_messages)
{
    FrameHead head = {kind, "ops", "platform", 7, 8, 1700000000000000};
    return frame_pack(&head, messages, n_messages);
}

static Refusal parse(KindId kind, GBytes *payload, Frame **ret_frame)
{
    Topic on = topic;
    on.kind = kind;
    Refusal refusal = REFUSAL_NONE;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    g_autoptr(Frame) frame = frame_parse(&on, bytes, n_bytes, &refusal);
    g_assert_cmpint(frame != NULL, ==, refusal == REFUSAL_NONE);
    if (ret_frame)
        *ret_frame = g_steal_pointer(&frame);
    return refusal;
}

// What becomes of one message of the kind.
static void assert_packed(KindId kind, GBytes *message, Refusal expected)
{
    g_autoptr(GBytes) payload = pack(kind, &message, 1);
    g_assert_cmpstr(refusal_name(parse(kind, payload, NULL)), ==, refusal_name(expected));
}

static void assert_message(KindId kind, const ProtobufCMessage *message, Refusal expected)
{
    g_autoptr(GBytes) packed = message_pack(message);
    assert_packed(kind, packed, expected);
}

static void assert_bytes(const guint8 *bytes, gsize n_bytes, Refusal expected)
{
    g_autoptr(GBytes) payload = g_bytes_new(bytes, n_bytes);
    g_assert_cmpstr(refusal_name(parse(KIND_ADMIN, payload, NULL)), ==, refusal_name(expected));
}

static void test_round_trip(void)
{
    GBytes *messages[FRAME_MAX_MESSAGES];
    for (guint i = 0; i < FRAME_MAX_MESSAGES; i++) {
        g_autofree char *id = g_strdup_printf("%u", i);
        messages[i] = packed_admin(id);
    }
    g_autoptr(GBytes) payload = pack(KIND_ADMIN, messages, FRAME_MAX_MESSAGES);
    g_autoptr(Frame) frame = NULL;
    g_assert_cmpint(parse(KIND_ADMIN, payload, &frame), ==, REFUSAL_NONE);
    g_assert_cmpuint(frame->n_messages, ==, FRAME_MAX_MESSAGES);
    for (guint i = 0; i < FRAME_MAX_MESSAGES; i++) {
        g_assert_cmpuint(strtoul(((WireAdmin *)frame->messages[i])->id, NULL, 10), ==, i);
        g_bytes_unref(messages[i]);
    }
}

static void test_the_header(void)
{
    g_autoptr(GBytes) message = packed_admin("1");
    g_autoptr(GBytes) payload = pack(KIND_ADMIN, &message, 1);
    g_autoptr(Frame) frame = NULL;
    parse(KIND_ADMIN, payload, &frame);
    g_assert_cmpstr(frame->header->kind, ==, "admin");
    g_assert_cmpstr(frame->header->from, ==, "ops");
    g_assert_cmpstr(frame->header->to, ==, "platform");
    g_assert_cmpuint(frame->header->incarnation, ==, 7);
    g_assert_cmpuint(frame->header->sequence, ==, 8);
    g_assert_cmpuint(frame->header->sent_at_us, ==, 1700000000000000);
    g_assert_cmpuint(frame->header->expires_at_us, ==, 1700000030000000);
    // A kind that never expires says so.
    WireMember member = WIRE_MEMBER_INIT;
    g_autoptr(GBytes) state = message_pack(&member.base);
    g_autoptr(GBytes) retained = pack(KIND_MEMBER, &state, 1);
    g_autoptr(Frame) forever = NULL;
    parse(KIND_MEMBER, retained, &forever);
    g_assert_cmpuint(forever->header->expires_at_us, ==, 0);
}

static void test_truncated(void)
{
    g_autoptr(GBytes) message = packed_admin("a text");
    g_autoptr(GBytes) payload = pack(KIND_ADMIN, &message, 1);
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    for (gsize n = 0; n < n_bytes; n++) {
        g_autofree guint8 *exact = g_memdup2(bytes, n);
        Refusal refusal = REFUSAL_NONE;
        g_assert_null(frame_parse(&topic, exact, n, &refusal));
        g_assert_cmpint(refusal, !=, REFUSAL_NONE);
    }
}

// Whatever comes in: an answer, and nothing that the sanitizers object to.
static void test_every_changed_byte(void)
{
    g_autoptr(GBytes) message = packed_admin("a text");
    g_autoptr(GBytes) payload = pack(KIND_ADMIN, &message, 1);
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    g_autofree guint8 *changed = g_memdup2(bytes, n_bytes);
    for (gsize i = 0; i < 256 * n_bytes; i++) {
        changed[i / 256] = (guint8)i;
        Refusal refusal = REFUSAL_NONE;
        g_autoptr(Frame) frame = frame_parse(&topic, changed, n_bytes, &refusal);
        g_assert_cmpint(frame != NULL, ==, refusal == REFUSAL_NONE);
        changed[i / 256] = bytes[i / 256];
    }
}

static void test_nothing(void)
{
    assert_bytes((const guint8 *)"", 0, REFUSAL_MISMATCH);
    g_autoptr(GBytes) none = pack(KIND_ADMIN, NULL, 0);
    g_assert_cmpint(parse(KIND_ADMIN, none, NULL), ==, REFUSAL_DECODE);
}

static void test_too_large(void)
{
    g_autofree guint8 *bytes = g_malloc0(FRAME_MAX_BYTES + 1);
    assert_bytes(bytes, FRAME_MAX_BYTES, REFUSAL_DECODE);
    assert_bytes(bytes, FRAME_MAX_BYTES + 1, REFUSAL_SIZE);
    // A message of as many bytes as its kind may have, and one more.
    g_autofree char *text = g_strnfill(4096 - 3, 'x');
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = text;
    assert_message(KIND_ADMIN, &admin.base, REFUSAL_NONE);
    g_autofree char *longer = g_strnfill(4096 - 2, 'x');
    admin.id = longer;
    assert_message(KIND_ADMIN, &admin.base, REFUSAL_SIZE);
}

static void test_too_many(void)
{
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
    g_autofree GBytes **messages = g_new(GBytes *, FRAME_MAX_MESSAGES + 1);
    for (guint i = 0; i <= FRAME_MAX_MESSAGES; i++)
        messages[i] = empty;
    g_autoptr(GBytes) full = pack(KIND_ADMIN, messages, FRAME_MAX_MESSAGES);
    g_assert_cmpint(parse(KIND_ADMIN, full, NULL), ==, REFUSAL_NONE);
    g_autoptr(GBytes) over = pack(KIND_ADMIN, messages, FRAME_MAX_MESSAGES + 1);
    g_assert_cmpint(parse(KIND_ADMIN, over, NULL), ==, REFUSAL_SIZE);
}

static void test_header_and_topic(void)
{
    g_autoptr(GBytes) message = packed_admin("1");
    g_autoptr(GBytes) payload = pack(KIND_ADMIN, &message, 1);
    static const Topic others[] = {
        {KIND_ADMIN_REPLY, "ops", "platform"},
        {KIND_ADMIN, "ops2", "platform"},
        {KIND_ADMIN, "ops", "vienna"},
        {KIND_ADMIN, "platform", "ops"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        Refusal refusal = REFUSAL_NONE;
        g_assert_null(frame_parse(&others[i], g_bytes_get_data(payload, NULL),
                                  g_bytes_get_size(payload), &refusal));
        g_assert_cmpint(refusal, ==, REFUSAL_MISMATCH);
    }
}

static void test_a_message_that_is_cut(void)
{
    // A text of five bytes, of which one is there.
    g_autoptr(GBytes) message = g_bytes_new_static("\x0a\x05x", 3);
    g_autoptr(GBytes) good = packed_admin("1");
    GBytes *messages[] = {good, message};
    g_autoptr(GBytes) payload = pack(KIND_ADMIN, messages, 2);
    g_assert_cmpint(parse(KIND_ADMIN, payload, NULL), ==, REFUSAL_DECODE);
}

// Unknown fields stay with a message, so what is taken must be such that it can be said again.
static void test_unknown_fields(void)
{
    g_autoptr(GBytes) later = g_bytes_new_static("\xf8\x07\x01", 3);
    assert_packed(KIND_ADMIN, later, REFUSAL_NONE);
    // Number 0, of which there is none, in as many bytes as it needs and in more, also deep within.
    g_autoptr(GBytes) zero = g_bytes_new_static("\x00\x01", 2);
    g_autoptr(GBytes) long_zero = g_bytes_new_static("\x80\x80\x00\x01", 4);
    g_autoptr(GBytes) inner = g_bytes_new_static("\x12\x04\x80\x80\x00\x01", 6);
    assert_packed(KIND_ADMIN, zero, REFUSAL_DECODE);
    assert_packed(KIND_ADMIN, long_zero, REFUSAL_DECODE);
    assert_packed(KIND_ADMIN, inner, REFUSAL_DECODE);
}

static void test_text_that_is_not_utf8(void)
{
    char *bad = (char *)"gr\xfc\xdf";
    char *texts[] = {(char *)"grüß", bad};
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = texts[0];
    assert_message(KIND_ADMIN, &admin.base, REFUSAL_NONE);
    admin.id = bad;
    assert_message(KIND_ADMIN, &admin.base, REFUSAL_DECODE);
    WireDrill drill = WIRE_DRILL_INIT;
    drill.subject = bad;
    admin.id = texts[0];
    admin.drill = &drill;
    assert_message(KIND_ADMIN, &admin.base, REFUSAL_NONE);
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_DRILL;
    assert_message(KIND_ADMIN, &admin.base, REFUSAL_DECODE);
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.lines = texts;
    reply.n_lines = 1;
    assert_message(KIND_ADMIN_REPLY, &reply.base, REFUSAL_NONE);
    reply.n_lines = 2;
    assert_message(KIND_ADMIN_REPLY, &reply.base, REFUSAL_DECODE);
}

static void test_text_deep_within(void)
{
    char *providers[] = {(char *)"graz", (char *)"\xc3"};
    WireBranch branch = WIRE_BRANCH_INIT;
    branch.providers = providers;
    branch.n_providers = 2;
    WireBranch *branches[] = {&branch};
    WireOrder order = WIRE_ORDER_INIT;
    order.branches = branches;
    order.n_branches = 1;
    assert_message(KIND_ORDER, &order.base, REFUSAL_DECODE);
    branch.n_providers = 1;
    assert_message(KIND_ORDER, &order.base, REFUSAL_NONE);
    WireSlotRange range = WIRE_SLOT_RANGE_INIT;
    range.link = (char *)"\x80";
    branch.egress = &range;
    assert_message(KIND_ORDER, &order.base, REFUSAL_DECODE);
    // Bytes are bytes.
    WireRelay relay = WIRE_RELAY_INIT;
    relay.value = (ProtobufCBinaryData){2, (guint8 *)"\xff\xfe"};
    assert_message(KIND_RELAY, &relay.base, REFUSAL_NONE);
}

static void test_copies(void)
{
    WireDrill drill = WIRE_DRILL_INIT;
    drill.subject = (char *)"a/b";
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_DRILL;
    admin.drill = &drill;
    WireAdmin *copy = message_copy(&admin.base);
    g_assert_cmpstr(copy->drill->subject, ==, "a/b");
    g_assert_true(copy->drill != &drill);
    wire_free(copy);
    // A choice without what was chosen is none, and of what was not chosen nothing is copied.
    admin.drill = NULL;
    copy = message_copy(&admin.base);
    g_assert_cmpint(copy->command_case, ==, QKDNF__V1__ADMIN__COMMAND__NOT_SET);
    wire_free(copy);
    admin.command_case = QKDNF__V1__ADMIN__COMMAND__NOT_SET;
    admin.drill = (WireDrill *)"no message";
    copy = message_copy(&admin.base);
    wire_free(copy);
}

static void test_copies_of_nothing(void)
{
    char *lines[] = {(char *)"", (char *)"1"};
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.text = NULL;
    reply.lines = lines;
    WireAdminReply *copy = message_copy(&reply.base);
    g_assert_cmpstr(copy->text, ==, "");
    g_assert_null(copy->lines);
    wire_free(copy);
    reply.n_lines = 2;
    copy = message_copy(&reply.base);
    g_assert_cmpstr(copy->lines[0], ==, "");
    g_assert_cmpstr(copy->lines[1], ==, "1");
    wire_free(copy);
}

static void test_copies_of_unknown_fields(void)
{
    static const guint8 later[] = {0x0a, 0x01, 'x', 0xfa, 0x07, 0x02, 'y', 'z'};
    ProtobufCMessage *message = message_unpack(&qkdnf__v1__admin__descriptor, later, sizeof later);
    ProtobufCMessage *copy = message_copy(message);
    wire_free(message);
    g_autoptr(GBytes) packed = message_pack(copy);
    wire_free(copy);
    g_assert_cmpmem(later, sizeof later, g_bytes_get_data(packed, NULL), g_bytes_get_size(packed));
}

static void test_refusals_have_names(void)
{
    for (guint i = 0; i < N_REFUSALS; i++) {
        g_assert_nonnull(refusal_name(i));
        for (guint j = 0; j < i; j++)
            g_assert_cmpstr(refusal_name(i), !=, refusal_name(j));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/round-trip", test_round_trip);
    g_test_add_func("/frame/the-header", test_the_header);
    g_test_add_func("/frame/truncated", test_truncated);
    g_test_add_func("/frame/every-changed-byte", test_every_changed_byte);
    g_test_add_func("/frame/nothing", test_nothing);
    g_test_add_func("/frame/too-large", test_too_large);
    g_test_add_func("/frame/too-many", test_too_many);
    g_test_add_func("/frame/header-and-topic", test_header_and_topic);
    g_test_add_func("/frame/a-message-that-is-cut", test_a_message_that_is_cut);
    g_test_add_func("/frame/unknown-fields", test_unknown_fields);
    g_test_add_func("/frame/text-that-is-not-utf8", test_text_that_is_not_utf8);
    g_test_add_func("/frame/text-deep-within", test_text_deep_within);
    g_test_add_func("/frame/copies", test_copies);
    g_test_add_func("/frame/copies-of-nothing", test_copies_of_nothing);
    g_test_add_func("/frame/copies-of-unknown-fields", test_copies_of_unknown_fields);
    g_test_add_func("/frame/refusals-have-names", test_refusals_have_names);
    return g_test_run();
}

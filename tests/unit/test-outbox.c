// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/published.h"
#include "topics/outbox.h"

#include <string.h>

typedef struct {
    GString *text; // "topic[sequence]: ids; " for each frame
    guint64 incarnation;
    gsize n_messages;
} Sent;

static void on_send(gpointer data, const Publish *publish)
{
    Sent *sent = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    g_assert_cmpuint(topic.kind, ==, publish->kind);
    g_assert_cmpuint(frame->header->sent_at_us, ==, 42);
    sent->incarnation = frame->header->incarnation;
    sent->n_messages += frame->n_messages;
    g_string_append_printf(sent->text, "%s/%s[%" G_GUINT64_FORMAT "]:", kind_get(topic.kind)->name,
                           topic.to, frame->header->sequence);
    // The first field of all kinds here but events is a text.
    for (gsize i = 0; topic.kind != KIND_EVENT && i < frame->n_messages && i < 4; i++) {
        const char *id = *(char **)((guint8 *)frame->messages[i] + sizeof(ProtobufCMessage));
        g_string_append_printf(sent->text, " %.8s", id);
    }
    g_string_append(sent->text, "; ");
}

static void assert_sent(Outbox *outbox, const char *expected)
{
    Sent sent = {g_string_new(NULL), 0, 0};
    outbox_flush(outbox, 42, on_send, &sent);
    g_assert_cmpstr(sent.text->str, ==, expected);
    g_assert_true(outbox_is_empty(outbox));
    g_string_free(sent.text, TRUE);
}

static void add_outcome(Outbox *outbox, const char *to, const char *id)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)id;
    outbox_add(outbox, KIND_OUTCOME, to, &outcome.base);
}

static void add_filled(Outbox *outbox, const char *to, const char *link)
{
    WireFilled filled = WIRE_FILLED_INIT;
    filled.link = (char *)link;
    outbox_add(outbox, KIND_FILLED, to, &filled.base);
}

static void test_one_frame_for_a_topic(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    g_assert_true(outbox_is_empty(outbox));
    add_filled(outbox, "graz", "1");
    add_outcome(outbox, "platform", "2");
    add_filled(outbox, "linz", "3");
    add_filled(outbox, "graz", "4");
    add_outcome(outbox, "platform", "5");
    g_assert_false(outbox_is_empty(outbox));
    assert_sent(outbox, "filled/graz[1]: 1 4; outcome/platform[2]: 2 5; filled/linz[3]: 3; ");
    assert_sent(outbox, "");
}

static void test_numbers_grow_from_flush_to_flush(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    add_filled(outbox, "graz", "1");
    assert_sent(outbox, "filled/graz[1]: 1; ");
    add_filled(outbox, "graz", "2");
    add_filled(outbox, "linz", "3");
    assert_sent(outbox, "filled/graz[2]: 2; filled/linz[3]: 3; ");
    g_assert_cmpuint(outbox_incarnation(outbox), ==, 7);
    g_assert_cmpstr(outbox_from(outbox), ==, "vienna");
}

static void test_what_is_for_all(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    WireEvent event = WIRE_EVENT_INIT;
    event.text = (char *)"it is on";
    outbox_add(outbox, KIND_EVENT, "graz", &event.base);
    outbox_add(outbox, KIND_EVENT, NULL, &event.base);
    Sent sent = {g_string_new(NULL), 0, 0};
    outbox_flush(outbox, 42, on_send, &sent);
    g_assert_cmpstr(sent.text->str, ==, "event/all[1]:; ");
    g_assert_cmpuint(sent.n_messages, ==, 2);
    g_string_free(sent.text, TRUE);
}

static void test_a_full_frame_is_split(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    g_autofree char *large = g_strnfill(100 * 1024, 'a');
    g_autofree char *small = g_strnfill(4, 'b');
    add_outcome(outbox, "platform", small);
    WireRelay relay = WIRE_RELAY_INIT;
    relay.value = (ProtobufCBinaryData){100 * 1024, (guint8 *)large};
    static const char *const ids[] = {"1", "2", "3", "4", "5"};
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        relay.request = (char *)ids[i];
        outbox_add(outbox, KIND_RELAY, "graz", &relay.base);
    }
    assert_sent(outbox, "outcome/platform[1]: bbbb; relay/graz[2]: 1 2; relay/graz[3]: 3 4; "
                        "relay/graz[4]: 5; ");
}

static void test_many_messages_are_split(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    for (guint i = 0; i < 2 * FRAME_MAX_MESSAGES + 1; i++)
        add_filled(outbox, "graz", "x");
    Sent sent = {g_string_new(NULL), 0, 0};
    outbox_flush(outbox, 42, on_send, &sent);
    g_assert_cmpuint(sent.n_messages, ==, 2 * FRAME_MAX_MESSAGES + 1);
    g_assert_cmpuint(sent.incarnation, ==, 7);
    g_assert_cmpstr(sent.text->str, ==,
                    "filled/graz[1]: x x x x; filled/graz[2]: x x x x; filled/graz[3]: x; ");
    g_string_free(sent.text, TRUE);
}

// The caller may change what it pointed at as soon as the message is added.
static void test_packed_at_once(void)
{
    g_autoptr(Outbox) outbox = outbox_new("vienna", 7);
    char id[] = "early", to[] = "graz";
    add_filled(outbox, to, id);
    memcpy(id, "late!", 5);
    memcpy(to, "linz", 4);
    assert_sent(outbox, "filled/graz[1]: early; ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outbox/one-frame-for-a-topic", test_one_frame_for_a_topic);
    g_test_add_func("/outbox/numbers-grow-from-flush-to-flush",
                    test_numbers_grow_from_flush_to_flush);
    g_test_add_func("/outbox/what-is-for-all", test_what_is_for_all);
    g_test_add_func("/outbox/a-full-frame-is-split", test_a_full_frame_is_split);
    g_test_add_func("/outbox/many-messages-are-split", test_many_messages_are_split);
    g_test_add_func("/outbox/packed-at-once", test_packed_at_once);
    return g_test_run();
}

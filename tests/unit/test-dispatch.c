// SPDX-License-Identifier: Apache-2.0

#include "topics/dispatch.h"

#include <string.h>

#define NOW    (G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC)
#define MINUTE (60 * (gint64)G_USEC_PER_SEC)

// What the handlers were called with: "sender/role/incarnation:id ".
typedef struct {
    GString *calls;
    Role role; // of every sender
    Dispatcher *dispatcher;
} Fixture;

static void on_admin(gpointer core, const Sender *sender, gconstpointer message)
{
    Fixture *fixture = core;
    g_string_append_printf(fixture->calls, "%s/%d/%" G_GUINT64_FORMAT ":%s ", sender->id,
                           sender->role, sender->incarnation, ((const WireAdmin *)message)->id);
}

static void on_presence(gpointer core, const Sender *sender, gconstpointer message)
{
    g_string_append_printf(((Fixture *)core)->calls, "%s is there ", sender->id);
}

static Role role_of(gpointer core, const char *member)
{
    return ((Fixture *)core)->role;
}

static const DispatchTable table = {
    .handlers = {[KIND_ADMIN] = on_admin, [KIND_PRESENCE] = on_presence},
    .role_of = role_of,
};

static void set_up(Fixture *fixture, gconstpointer data)
{
    fixture->calls = g_string_new(NULL);
    fixture->role = ROLE_OPERATOR;
    fixture->dispatcher = dispatcher_new("platform", &table, fixture);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    dispatcher_free(fixture->dispatcher);
    g_string_free(fixture->calls, TRUE);
}

static GBytes *admin_frame(const char *from, const char *ids, gint64 sent_at_us)
{
    g_auto(GStrv) split = g_strsplit(ids, ",", -1);
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (char **id = split; *id; id++) {
        WireAdmin admin = WIRE_ADMIN_INIT;
        admin.id = *id;
        g_ptr_array_add(messages, message_pack(&admin.base));
    }
    FrameHead head = {KIND_ADMIN, from, "platform", 5, 1, sent_at_us};
    return frame_pack(&head, (GBytes *const *)messages->pdata, messages->len);
}

static Refusal receive(Fixture *fixture, const char *topic, GBytes *payload, gint64 now_us)
{
    return dispatcher_receive(fixture->dispatcher, topic, g_bytes_get_data(payload, NULL),
                              g_bytes_get_size(payload), now_us);
}

static void assert_refused(Fixture *fixture, const char *topic, GBytes *payload, Refusal expected)
{
    g_assert_cmpstr(refusal_name(receive(fixture, topic, payload, NOW)), ==,
                    refusal_name(expected));
    g_assert_cmpstr(fixture->calls->str, ==, "");
}

static void test_every_message_is_handled(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GBytes) payload = admin_frame("ops", "1,2,3", NOW);
    g_assert_cmpint(receive(fixture, "qkdnf/v1/admin/ops/platform", payload, NOW), ==,
                    REFUSAL_NONE);
    g_assert_cmpstr(fixture->calls->str, ==, "ops/5/5:1 ops/5/5:2 ops/5/5:3 ");
}

static void test_what_is_for_all(Fixture *fixture, gconstpointer data)
{
    WirePresence presence = WIRE_PRESENCE_INIT;
    g_autoptr(GBytes) message = message_pack(&presence.base);
    FrameHead head = {KIND_PRESENCE, "ops", ID_ALL, 5, 1, NOW};
    g_autoptr(GBytes) payload = frame_pack(&head, &message, 1);
    assert_refused(fixture, "qkdnf/v1/presence/ops/platform", payload, REFUSAL_ADDRESS);
    g_assert_cmpint(receive(fixture, "qkdnf/v1/presence/ops/all", payload, NOW), ==, REFUSAL_NONE);
    g_assert_cmpstr(fixture->calls->str, ==, "ops is there ");
}

static void test_every_reason(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GBytes) good = admin_frame("ops", "1", NOW);
    g_autoptr(GBytes) noise = g_bytes_new_static("\xff", 1);
    g_autofree guint8 *zeros = g_malloc0(FRAME_MAX_BYTES + 1);
    g_autoptr(GBytes) large = g_bytes_new_static(zeros, FRAME_MAX_BYTES + 1);
    g_autoptr(GBytes) old = admin_frame("ops", "1", NOW - 30 * G_USEC_PER_SEC - MINUTE - 1);
    const char *topic = "qkdnf/v1/admin/ops/platform";
    assert_refused(fixture, "qkdnf/v1/nothing/ops/platform", good, REFUSAL_TOPIC);
    assert_refused(fixture, "qkdnf/v1/admin/ops/vienna", good, REFUSAL_ADDRESS);
    assert_refused(fixture, "qkdnf/v1/admin/ops/all", good, REFUSAL_ADDRESS);
    assert_refused(fixture, "qkdnf/v1/stock/ops/platform", good, REFUSAL_UNHANDLED);
    assert_refused(fixture, topic, noise, REFUSAL_DECODE);
    assert_refused(fixture, topic, large, REFUSAL_SIZE);
    assert_refused(fixture, "qkdnf/v1/admin/ops2/platform", good, REFUSAL_MISMATCH);
    assert_refused(fixture, topic, old, REFUSAL_EXPIRED);
    for (Role role = ROLE_PLATFORM; role < ROLE_OPERATOR; role++) {
        fixture->role = role;
        assert_refused(fixture, topic, good, REFUSAL_ROLE);
    }
}

// One bad message: none of the frame is handled.
static void test_all_or_nothing(Fixture *fixture, gconstpointer data)
{
    WireAdmin admin = WIRE_ADMIN_INIT;
    g_autoptr(GBytes) good = message_pack(&admin.base);
    g_autoptr(GBytes) bad = g_bytes_new_static("\x0a\x01\xff", 3);
    GBytes *messages[] = {good, bad};
    FrameHead head = {KIND_ADMIN, "ops", "platform", 5, 1, NOW};
    g_autoptr(GBytes) payload = frame_pack(&head, messages, 2);
    assert_refused(fixture, "qkdnf/v1/admin/ops/platform", payload, REFUSAL_DECODE);
}

// What is cheap is checked first.
static void test_the_order(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GBytes) noise = g_bytes_new_static("\xff", 1);
    fixture->role = ROLE_MONITOR;
    assert_refused(fixture, "qkdnf/v1/stock/ops/vienna", noise, REFUSAL_ADDRESS);
    assert_refused(fixture, "qkdnf/v1/stock/ops/platform", noise, REFUSAL_UNHANDLED);
    assert_refused(fixture, "qkdnf/v1/admin/ops/platform", noise, REFUSAL_ROLE);
}

static void test_clocks_that_differ(Fixture *fixture, gconstpointer data)
{
    const char *topic = "qkdnf/v1/admin/ops/platform";
    g_autoptr(GBytes) payload = admin_frame("ops", "1", NOW);
    gint64 latest = NOW + 30 * G_USEC_PER_SEC + MINUTE;
    g_assert_cmpint(receive(fixture, topic, payload, latest), ==, REFUSAL_NONE);
    g_assert_cmpint(receive(fixture, topic, payload, latest + 1), ==, REFUSAL_EXPIRED);
    // A receiver far behind, or that has no clock yet.
    g_assert_cmpint(receive(fixture, topic, payload, NOW - 1000 * MINUTE), ==, REFUSAL_NONE);
    g_assert_cmpint(receive(fixture, topic, payload, 0), ==, REFUSAL_NONE);
}

static void assert_quota(Fixture *fixture, const char *from, gint64 now_us, guint expected)
{
    g_autoptr(GBytes) payload = admin_frame(from, "1", NOW);
    g_autofree char *topic = topic_format(KIND_ADMIN, from, "platform");
    guint n_taken = 0;
    for (guint i = 0; i < 2 * kind_get(KIND_ADMIN)->messages_per_s; i++)
        n_taken += receive(fixture, topic, payload, now_us) == REFUSAL_NONE;
    g_assert_cmpuint(n_taken, ==, expected);
}

static void test_quotas(Fixture *fixture, gconstpointer data)
{
    guint quota = kind_get(KIND_ADMIN)->messages_per_s;
    assert_quota(fixture, "ops", NOW, quota);
    // Each sender has its own, and each second a new one.
    assert_quota(fixture, "ops2", NOW, quota);
    assert_quota(fixture, "ops", NOW + G_USEC_PER_SEC - 1, 0);
    assert_quota(fixture, "ops", NOW + G_USEC_PER_SEC, quota);
    // A clock that was set back does not lock anybody out.
    assert_quota(fixture, "ops", NOW - MINUTE, quota);
}

static Refusal receive_many(Fixture *fixture, const char *from, guint n_messages)
{
    g_autoptr(GString) ids = g_string_new("1");
    for (guint i = 1; i < n_messages; i++)
        g_string_append(ids, ",1");
    g_autoptr(GBytes) payload = admin_frame(from, ids->str, NOW);
    g_autofree char *topic = topic_format(KIND_ADMIN, from, "platform");
    return receive(fixture, topic, payload, NOW);
}

// However they are packed into frames.
static void test_every_message_costs_quota(Fixture *fixture, gconstpointer data)
{
    guint quota = kind_get(KIND_ADMIN)->messages_per_s;
    g_assert_cmpint(receive_many(fixture, "ops", quota - 1), ==, REFUSAL_NONE);
    g_assert_cmpint(receive_many(fixture, "ops", 1), ==, REFUSAL_NONE);
    g_assert_cmpint(receive_many(fixture, "ops", 1), ==, REFUSAL_QUOTA);
    g_string_truncate(fixture->calls, 0);
    g_assert_cmpint(receive_many(fixture, "ops2", quota + 1), ==, REFUSAL_QUOTA);
    g_assert_cmpstr(fixture->calls->str, ==, "");
}

// What is refused costs quota as well: it had to be looked at.
static void test_noise_costs_quota(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GBytes) noise = g_bytes_new_static("\xff", 1);
    for (guint i = 0; i < kind_get(KIND_ADMIN)->messages_per_s; i++)
        assert_refused(fixture, "qkdnf/v1/admin/ops/platform", noise, REFUSAL_DECODE);
    assert_refused(fixture, "qkdnf/v1/admin/ops/platform", noise, REFUSAL_QUOTA);
}

#define ADD(name, fn) g_test_add("/dispatch/" name, Fixture, NULL, set_up, fn, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("every-message-is-handled", test_every_message_is_handled);
    ADD("what-is-for-all", test_what_is_for_all);
    ADD("every-reason", test_every_reason);
    ADD("all-or-nothing", test_all_or_nothing);
    ADD("the-order", test_the_order);
    ADD("clocks-that-differ", test_clocks_that_differ);
    ADD("quotas", test_quotas);
    ADD("every-message-costs-quota", test_every_message_costs_quota);
    ADD("noise-costs-quota", test_noise_costs_quota);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/plugin/gate.h"

#include <string.h>

#define NOW         (1000 * G_TIME_SPAN_SECOND)
#define STATE(name) QKDNF__V1__MEMBER_STATE__MEMBER_STATE_##name

// One member of each role, by its name.
static Gate *gate_with_all(void)
{
    Gate *gate = gate_new();
    gate_admit(gate, "platform", ROLE_BIT(ROLE_PLATFORM));
    gate_admit(gate, "vienna", ROLE_BIT(ROLE_AGENT));
    gate_admit(gate, "tokyo", ROLE_BIT(ROLE_AGENT));
    gate_admit(gate, "alice", ROLE_BIT(ROLE_APPLICATION));
    gate_admit(gate, "admin", ROLE_BIT(ROLE_OPERATOR));
    gate_admit(gate, "wall", ROLE_BIT(ROLE_MONITOR));
    return gate;
}

static Refusal say(Gate *gate, const char *member, const char *topic)
{
    GatePublish publish = {topic, (const guint8 *)"x", 1, FALSE};
    return gate_publish(gate, member, &publish, NOW);
}

static Refusal leave(Gate *gate, const char *member, const char *topic, gsize n_bytes)
{
    GatePublish publish = {topic, (const guint8 *)"x", n_bytes, TRUE};
    return gate_publish(gate, member, &publish, NOW);
}

// What `from` says of the state of a member.
static char *learn_from(Gate *gate, const char *from, const char *member,
                        Qkdnf__V1__MemberState state)
{
    WireMember message = WIRE_MEMBER_INIT;
    message.state = state;
    g_autoptr(GBytes) packed = message_pack(&message.base);
    FrameHead head = {KIND_MEMBER, from, member, 1, 1, NOW};
    g_autoptr(GBytes) frame = frame_pack(&head, &packed, 1);
    g_autofree char *topic = topic_format(KIND_MEMBER, from, member);
    GatePublish publish = {topic, NULL, 0, TRUE};
    publish.payload = g_bytes_get_data(frame, &publish.n_bytes);
    return gate_learn(gate, from, &publish);
}

static void learn(Gate *gate, const char *member, Qkdnf__V1__MemberState state,
                  const char *expected)
{
    g_autofree char *out = learn_from(gate, "platform", member, state);
    g_assert_cmpstr(out, ==, expected);
}

static void test_who_is_who(void)
{
    g_autoptr(Gate) gate = gate_with_all();
    g_assert_cmpint(say(gate, "alice", "qkdnf/v1/request/alice/platform"), ==, REFUSAL_NONE);
    g_assert_cmpint(say(gate, "alice", "qkdnf/v1/request/bob/platform"), ==, REFUSAL_MISMATCH);
    g_assert_cmpint(say(gate, "mallory", "qkdnf/v1/request/mallory/platform"), ==,
                    REFUSAL_STRANGER);
    g_assert_cmpint(say(gate, "alice", "qkdnf/v1/order/alice/vienna"), ==, REFUSAL_ROLE);
    g_assert_cmpint(say(gate, "vienna", "qkdnf/v1/order/vienna/tokyo"), ==, REFUSAL_ROLE);
    g_assert_cmpint(say(gate, "platform", "qkdnf/v1/order/platform/tokyo"), ==, REFUSAL_NONE);
    g_assert_cmpint(say(gate, "wall", "qkdnf/v1/presence/wall/all"), ==, REFUSAL_ROLE);
    // Whose certificate has no role.
    gate_admit(gate, "nobody", 0);
    g_assert_cmpint(say(gate, "nobody", "qkdnf/v1/presence/nobody/all"), ==, REFUSAL_ROLE);
    // No name that is legal on the bus.
    gate_admit(gate, "a/b", ROLE_BIT(ROLE_PLATFORM));
    g_assert_cmpint(say(gate, "a/b", "qkdnf/v1/presence/a/b/all"), ==, REFUSAL_STRANGER);
}

static void test_to_whom(void)
{
    g_autoptr(Gate) gate = gate_with_all();
    g_assert_cmpint(say(gate, "alice", "qkdnf/v1/request/alice/vienna"), ==, REFUSAL_ADDRESS);
    g_assert_cmpint(say(gate, "alice", "qkdnf/v1/request/alice/all"), ==, REFUSAL_ADDRESS);
    g_assert_cmpint(say(gate, "vienna", "qkdnf/v1/event/vienna/platform"), ==, REFUSAL_ADDRESS);
    g_assert_cmpint(say(gate, "vienna", "qkdnf/v1/relay/vienna/vienna"), ==, REFUSAL_ADDRESS);
    g_assert_cmpint(say(gate, "vienna", "qkdnf/v1/relay/vienna/tokyo"), ==, REFUSAL_NONE);
    // Who was not here yet may be of the right role.
    g_assert_cmpint(say(gate, "vienna", "qkdnf/v1/relay/vienna/madrid"), ==, REFUSAL_NONE);
    for (const char *const *topic =
             (const char *const[]){"", "qkdnf", "qkdnf/v1/request/alice", "qkdnf/v2/a/alice/b",
                                   "qkdnf/v1/request/alice/platform/x", "$SYS/broker", NULL};
         *topic; topic++)
        g_assert_cmpint(say(gate, "alice", *topic), ==, REFUSAL_TOPIC);
}

static void test_state_is_what_the_platform_says(void)
{
    static const char stock[] = "qkdnf/v1/stock/vienna/platform";
    static const char presence[] = "qkdnf/v1/presence/vienna/all";
    g_autoptr(Gate) gate = gate_with_all();
    // Nothing has been said.
    g_assert_cmpint(say(gate, "vienna", stock), ==, REFUSAL_NONE);
    learn(gate, "vienna", STATE(SUSPENDED), NULL);
    g_assert_cmpint(say(gate, "vienna", stock), ==, REFUSAL_STATE);
    g_assert_cmpint(say(gate, "tokyo", "qkdnf/v1/stock/tokyo/platform"), ==, REFUSAL_NONE);
    learn(gate, "vienna", STATE(ACTIVE), NULL);
    g_assert_cmpint(say(gate, "vienna", stock), ==, REFUSAL_NONE);
    learn(gate, "vienna", STATE(SUSPENDED), "vienna");
    g_assert_cmpint(say(gate, "vienna", stock), ==, REFUSAL_STATE);
    g_assert_cmpint(say(gate, "vienna", presence), ==, REFUSAL_NONE);
    // Once is enough.
    learn(gate, "vienna", STATE(SUSPENDED), NULL);
    learn(gate, "vienna", STATE(EXPELLED), NULL);
    learn(gate, "tokyo", STATE(WITHDRAWING), NULL);
    learn(gate, "tokyo", STATE(EXPELLED), "tokyo");
    g_assert_cmpint(say(gate, "tokyo", "qkdnf/v1/withdraw/tokyo/platform"), ==, REFUSAL_STATE);
}

static void test_only_the_platform_says_it(void)
{
    g_autoptr(Gate) gate = gate_with_all();
    learn(gate, "vienna", STATE(ACTIVE), NULL);
    for (const char *const *from = (const char *const[]){"tokyo", "alice", "wall", "x", NULL};
         *from; from++) {
        g_autofree char *out = learn_from(gate, *from, "vienna", STATE(EXPELLED));
        g_assert_null(out);
    }
    // One that is no state.
    learn(gate, "vienna", (Qkdnf__V1__MemberState)17, NULL);
    GatePublish noise = {"qkdnf/v1/member/platform/vienna", (const guint8 *)"noise", 5, TRUE};
    g_assert_null(gate_learn(gate, "platform", &noise));
    g_assert_cmpint(say(gate, "vienna", "qkdnf/v1/stock/vienna/platform"), ==, REFUSAL_NONE);
}

static void test_what_may_stay(void)
{
    g_autoptr(Gate) gate = gate_with_all();
    g_assert_cmpint(leave(gate, "alice", "qkdnf/v1/presence/alice/all", 1), ==, REFUSAL_NONE);
    g_assert_cmpint(leave(gate, "alice", "qkdnf/v1/request/alice/platform", 1), ==,
                    REFUSAL_UNHANDLED);
    guint n_taken = 0;
    for (guint i = 0; i < 100; i++) {
        g_autofree char *topic = g_strdup_printf("qkdnf/v1/resource/vienna/p%u", i);
        Refusal refusal = leave(gate, "vienna", topic, 1);
        g_assert_true(refusal == REFUSAL_NONE || refusal == REFUSAL_QUOTA);
        n_taken += refusal == REFUSAL_NONE;
    }
    g_assert_cmpuint(n_taken, ==, GATE_RETAINED_MAX);
}

static void test_what_was_left_can_be_taken_back(void)
{
    static const char resource[] = "qkdnf/v1/resource/vienna/platform";
    g_autoptr(Gate) gate = gate_with_all();
    learn(gate, "vienna", STATE(WITHDRAWN), NULL);
    g_assert_cmpint(leave(gate, "vienna", resource, 1), ==, REFUSAL_STATE);
    g_assert_cmpint(leave(gate, "vienna", resource, 0), ==, REFUSAL_NONE);
    g_assert_cmpint(leave(gate, "vienna", "qkdnf/v1/stock/vienna/platform", 0), ==, REFUSAL_STATE);
}

static guint n_taken(Gate *gate, const char *member, const char *topic, guint n, gint64 now_us)
{
    guint n_passed = 0;
    GatePublish publish = {topic, (const guint8 *)"x", 1, FALSE};
    for (guint i = 0; i < n; i++)
        n_passed += gate_publish(gate, member, &publish, now_us) == REFUSAL_NONE;
    return n_passed;
}

static void test_quotas_are_those_of_the_table(void)
{
    static const char discover[] = "qkdnf/v1/discover/alice/platform";
    guint quota = kind_get(KIND_DISCOVER)->messages_per_s;
    g_autoptr(Gate) gate = gate_with_all();
    g_assert_cmpuint(n_taken(gate, "alice", discover, 2 * quota, NOW), ==, quota);
    g_assert_cmpint(say(gate, "alice", "qkdnf/v1/request/alice/platform"), ==, REFUSAL_NONE);
    g_assert_cmpuint(n_taken(gate, "alice", discover, 1, NOW + G_USEC_PER_SEC), ==, 1);
    // Of each receiver's, each receiver judges.
    guint fills = kind_get(KIND_FILL)->messages_per_s + 1;
    g_assert_cmpuint(n_taken(gate, "vienna", "qkdnf/v1/fill/vienna/tokyo", fills, NOW), ==, fills);
}

static void test_a_flood_is_seen(void)
{
    static const char request[] = "qkdnf/v1/request/alice/platform";
    g_autoptr(Gate) gate = gate_with_all();
    n_taken(gate, "alice", "noise", GATE_FRAMES_PER_S, NOW);
    g_assert_false(gate_is_flooded(gate, "alice", NOW));
    n_taken(gate, "alice", "noise", 1, NOW);
    g_assert_true(gate_is_flooded(gate, "alice", NOW));
    g_assert_cmpint(say(gate, "alice", request), ==, REFUSAL_QUOTA);
    g_assert_cmpuint(n_taken(gate, "alice", request, 1, NOW + GATE_PENALTY_US - 1), ==, 0);
    g_assert_cmpint(
        gate_subscribe(gate, "alice", "qkdnf/v1/+/+/alice", 0, NOW + GATE_PENALTY_US - 1), ==,
        REFUSAL_QUOTA);
    g_assert_false(gate_is_flooded(gate, "alice", NOW + GATE_PENALTY_US));
    g_assert_cmpuint(n_taken(gate, "alice", request, 1, NOW + GATE_PENALTY_US), ==, 1);
    GatePublish large = {"noise", NULL, GATE_BYTES_PER_S + 1, FALSE};
    gate_publish(gate, "vienna", &large, NOW);
    g_assert_true(gate_is_flooded(gate, "vienna", NOW));
    for (guint i = 0; i <= GATE_FRAMES_PER_S; i++)
        gate_subscribe(gate, "wall", "#", 0, NOW);
    g_assert_true(gate_is_flooded(gate, "wall", NOW));
    // Everyone speaks with the platform.
    n_taken(gate, "platform", "qkdnf/v1/order/platform/vienna", GATE_FRAMES_PER_S + 1, NOW);
    g_assert_false(gate_is_flooded(gate, "platform", NOW));
}

static void test_refusals_are_told_once_a_minute(void)
{
    guint64 n = 0;
    g_autoptr(Gate) gate = gate_with_all();
    say(gate, "alice", "noise");
    g_assert_true(gate_tell(gate, "alice", NOW, &n));
    g_assert_cmpuint(n, ==, 1);
    n_taken(gate, "alice", "noise", 5, NOW);
    g_assert_false(gate_tell(gate, "alice", NOW + G_TIME_SPAN_SECOND, &n));
    g_assert_true(gate_tell(gate, "alice", NOW + G_TIME_SPAN_MINUTE, &n));
    g_assert_cmpuint(n, ==, 5);
    g_assert_false(gate_tell(gate, "x", NOW, &n));
}

// What members themselves subscribe to is theirs to hear, and nothing else.
static void test_who_hears_what(void)
{
    static const struct {
        const char *member;
        Role role;
    } members[] = {{"platform", ROLE_PLATFORM},
                   {"vienna", ROLE_AGENT},
                   {"alice", ROLE_APPLICATION},
                   {"admin", ROLE_OPERATOR},
                   {"wall", ROLE_MONITOR}};
    static const char *const others[] = {"qkdnf/v1/+/+/bob",
                                         "qkdnf/v1/#",
                                         "#",
                                         "$SYS/#",
                                         "+/+/+",
                                         "qkdnf/v1/+/+/+",
                                         "qkdnf/v1/+/+/#",
                                         "qkdnf/v1/event/+/all",
                                         "$share/x/qkdnf/v1/+/+/alice",
                                         "",
                                         "a/b"};
    g_autoptr(Gate) gate = gate_with_all();
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        g_auto(GStrv) own = topic_filters(members[i].member, members[i].role);
        for (char **filter = own; *filter; filter++)
            g_assert_cmpint(gate_subscribe(gate, members[i].member, *filter, 0, NOW), ==,
                            REFUSAL_NONE);
        for (gsize j = 0; j < G_N_ELEMENTS(others); j++) {
            Refusal refusal = gate_subscribe(gate, members[i].member, others[j], 0, NOW);
            g_assert_cmpint(refusal == REFUSAL_NONE, ==, members[i].role == ROLE_MONITOR);
        }
    }
    g_assert_cmpint(gate_subscribe(gate, "alice", "qkdnf/v1/reply/platform/alice", 0, NOW), ==,
                    REFUSAL_NONE);
    g_assert_cmpint(
        gate_subscribe(gate, "alice", "qkdnf/v1/reply/platform/alice", GATE_SUBSCRIPTIONS_MAX, NOW),
        ==, REFUSAL_QUOTA);
    g_assert_cmpint(gate_subscribe(gate, "x", "qkdnf/v1/+/+/x", 0, NOW), ==, REFUSAL_STRANGER);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gate/who-is-who", test_who_is_who);
    g_test_add_func("/gate/to-whom", test_to_whom);
    g_test_add_func("/gate/state-is-what-the-platform-says", test_state_is_what_the_platform_says);
    g_test_add_func("/gate/only-the-platform-says-it", test_only_the_platform_says_it);
    g_test_add_func("/gate/what-may-stay", test_what_may_stay);
    g_test_add_func("/gate/what-was-left-can-be-taken-back", test_what_was_left_can_be_taken_back);
    g_test_add_func("/gate/quotas-are-those-of-the-table", test_quotas_are_those_of_the_table);
    g_test_add_func("/gate/a-flood-is-seen", test_a_flood_is_seen);
    g_test_add_func("/gate/refusals-are-told-once-a-minute", test_refusals_are_told_once_a_minute);
    g_test_add_func("/gate/who-hears-what", test_who_hears_what);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "platform/agreement.h"
#include "tests/unit/stream-fixture.h"

#include <string.h>

// a - b - d, a way round over c, and a longer one over e and f.
static const GraphLink links[] = {
    {"a-b", "a", "b", 900}, {"b-d", "b", "d", 900}, {"a-c", "a", "c", 900}, {"c-d", "c", "d", 900},
    {"a-e", "a", "e", 900}, {"e-f", "e", "f", 900}, {"f-d", "f", "d", 900},
};

static StreamFixture *fixture_new(void)
{
    return stream_fixture_new(links, G_N_ELEMENTS(links));
}

static Stream *start(StreamFixture *fixture, guint number, guint priority, gboolean is_protected)
{
    Asked asked;
    stream_fixture_ask(&asked, number);
    asked.qos.priority = priority;
    asked.qos.protected_ = is_protected;
    return stream_fixture_start(fixture, &asked);
}

static Link *find_link(StreamFixture *fixture, const char *id)
{
    return graph_link(fixture->federation->federation->topology, id);
}

static void assert_rerouted(StreamFixture *fixture, const char *expected)
{
    g_autofree char *text = stream_fixture_events(fixture, "session.rerouted");
    g_assert_cmpstr(text, ==, expected);
}

static void test_most_important_first(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    // So that all take the same way, whatever others have taken of it.
    for (guint i = 0; i < 2; i++) {
        Link *link = find_link(fixture, links[i].id);
        link->ends[0].open_end = link->ends[1].open_end = 1000000;
    }
    start(fixture, 1, 0, FALSE);
    start(fixture, 2, 7, FALSE);
    start(fixture, 3, 0, TRUE);
    start(fixture, 4, 7, FALSE);
    g_assert_cmpuint(find_link(fixture, "a-b")->reserved_bps, >, 4000);
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "a-b", FALSE);
    assert_rerouted(fixture, "s2:a-c-d s4:a-c-d s3:a-c-d s1:a-c-d");
    g_assert_cmpuint(find_link(fixture, "a-b")->reserved_bps, ==, 0);
}

// Whoever does not use what failed is not looked at, however many there are.
static void test_only_those_concerned_are_touched(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    start(fixture, 1, 0, FALSE);
    stream_fixture_link(fixture, "a-b", FALSE);
    Stream *other = start(fixture, 2, 0, FALSE);
    stream_fixture_link(fixture, "a-b", TRUE);
    start(fixture, 3, 0, FALSE);
    stream_fixture_clear(fixture);
    // Nobody can look at this and live.
    GPtrArray *ways = other->ways;
    other->ways = NULL;
    stream_fixture_link(fixture, "b-d", FALSE);
    other->ways = ways;
    assert_rerouted(fixture, "s3:a-c-d");
}

// Both ends of a link that is down hold the slots that were given out: nothing is made twice, and
// only what comes next goes another way.
static void test_what_is_under_way(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, FALSE);
    fixture->mute = "d";
    fixture->delivered = 4;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE,
                             1);
    stream_fixture_run(fixture);
    g_assert_cmpuint(stream_granted(stream), ==, 8);
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "b-d", FALSE);
    assert_rerouted(fixture, "s1:a-c-d");
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_ORDER), ==, 0);
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_RELEASE), ==, 0);
    fixture->mute = NULL;
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stream_granted(stream), ==, 12);
    g_assert_cmpuint(find_link(fixture, "c-d")->next, ==, 0);
    fixture->delivered = 6;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE,
                             1);
    stream_fixture_run(fixture);
    g_assert_cmpuint(stream_granted(stream), ==, 14);
    g_assert_cmpuint(find_link(fixture, "c-d")->next, ==, 3);
}

// Who cannot do its part says so, and the next attempt is made at once, without it.
static void test_what_cannot_be_done(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, FALSE);
    fixture->fails = "b";
    fixture->delivered = 4;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE,
                             1);
    stream_fixture_run(fixture);
    g_assert_cmpuint(stream_granted(stream), ==, 12);
    g_assert_cmpuint(find_link(fixture, "c-d")->next, ==, 6);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

static void test_protected(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, TRUE);
    g_assert_cmpuint(stream_n_ways(stream, 0, FALSE), ==, 1);
    g_assert_cmpuint(stream_n_ways(stream, 0, TRUE), ==, 1);
    g_assert_cmpuint(find_link(fixture, "c-d")->reserved_bps, ==,
                     find_link(fixture, "b-d")->reserved_bps);
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "b-d", FALSE);
    assert_rerouted(fixture, "s1:a-c-d");
    const WireEvent *event = NULL;
    for (guint i = 0; !event && i < fixture->said->len; i++) {
        const Said *said = fixture->said->pdata[i];
        if (said->kind == KIND_EVENT &&
            strcmp(((WireEvent *)said->message)->name, "session.rerouted") == 0)
            event = said->message;
    }
    g_assert_nonnull(event);
    g_assert_cmpuint(event->duration_us, ==, 0);
    g_assert_cmpstr(event->cause, ==, "border link b-d is down");
    g_assert_cmpstr(event->old_path[1], ==, "b");
    // And the next one is reserved.
    g_assert_cmpuint(stream_n_ways(stream, 0, TRUE), ==, 1);
    g_assert_cmpuint(find_link(fixture, "e-f")->reserved_bps, >, 0);
}

static void test_a_member_is_gone(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, FALSE);
    Provider *b = topology_find(fixture->federation->federation->topology, "b");
    b->is_usable = FALSE;
    stream_fixture_clear(fixture);
    stream_on_member_lost(fixture->federation->federation, b, "silence");
    stream_fixture_hear(fixture);
    assert_rerouted(fixture, "s1:a-c-d");
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

static void test_no_way_and_back(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, FALSE);
    stream_fixture_link(fixture, "a-c", FALSE);
    stream_fixture_link(fixture, "a-e", FALSE);
    stream_fixture_link(fixture, "a-b", FALSE);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    g_assert_nonnull(strstr(stream->text, "a - b - d is cut"));
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "a-b", TRUE);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    assert_rerouted(fixture, "");
    // Over another way, after a while.
    stream_fixture_link(fixture, "a-b", FALSE);
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    stream_fixture_link(fixture, "a-e", TRUE);
    stream_fixture_wait(fixture, 20 * G_TIME_SPAN_SECOND);
    assert_rerouted(fixture, "s1:a-e-f-d");
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

static void test_hold_down(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    start(fixture, 1, 0, FALSE);
    stream_fixture_link(fixture, "a-c", FALSE);
    stream_fixture_link(fixture, "a-b", FALSE);
    assert_rerouted(fixture, "s1:a-e-f-d");
    stream_fixture_link(fixture, "a-b", TRUE);
    stream_fixture_wait(fixture, 29 * G_TIME_SPAN_SECOND);
    assert_rerouted(fixture, "");
    // It was away once more: the time begins again.
    stream_fixture_link(fixture, "a-b", FALSE);
    stream_fixture_link(fixture, "a-b", TRUE);
    stream_fixture_wait(fixture, 29 * G_TIME_SPAN_SECOND);
    assert_rerouted(fixture, "");
    stream_fixture_wait(fixture, 2 * G_TIME_SPAN_SECOND);
    assert_rerouted(fixture, "s1:a-b-d");
}

// Where nothing is held down, a spare way that cannot be had is not looked for all the time.
static void test_no_hold_down(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Federation *federation = fixture->federation->federation;
    Stream *stream = start(fixture, 1, 0, TRUE);
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    fixture->federation->config.hold_down_ms = 0;
    stream_fixture_link(fixture, "a-e", FALSE);
    stream_fixture_link(fixture, "a-c", FALSE);
    g_assert_cmpuint(stream_n_ways(stream, 0, TRUE), ==, 0);
    g_assert_cmpint(timers_next(federation->timers), >, federation->now);
    stream_revert(federation, stream);
    g_assert_cmpint(timers_next(federation->timers), >, federation->now);
    stream_fixture_link(fixture, "a-e", TRUE);
    stream_fixture_wait(fixture, 2 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stream_n_ways(stream, 0, TRUE), ==, 1);
}

// Nobody is moved for that, and what was reserved for it is given back.
static void test_a_spare_alone_is_lost(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, TRUE);
    guint64 reserved = find_link(fixture, "b-d")->reserved_bps;
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "c-d", FALSE);
    assert_rerouted(fixture, "");
    g_assert_cmpuint(stream_n_ways(stream, 0, TRUE), ==, 1);
    g_assert_cmpuint(find_link(fixture, "a-c")->reserved_bps, ==, 0);
    g_assert_cmpuint(find_link(fixture, "e-f")->reserved_bps, ==, reserved);
    g_assert_cmpuint(find_link(fixture, "b-d")->reserved_bps, ==, reserved);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

static void test_a_spare_is_lost_without_the_platform(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    start(fixture, 1, 0, TRUE);
    stream_fixture_restart(fixture);
    find_link(fixture, "c-d")->ends[0].is_up = FALSE;
    stream_fixture_wait(fixture, 31 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(find_link(fixture, "a-c")->reserved_bps, ==, 0);
    g_assert_cmpuint(find_link(fixture, "e-f")->reserved_bps, >, 0);
}

static Stream *start_on_two_paths(StreamFixture *fixture)
{
    Asked asked;
    stream_fixture_ask(&asked, 1);
    asked.qos.paths = 2;
    return stream_fixture_start(fixture, &asked);
}

static void test_two_paths(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start_on_two_paths(fixture);
    g_assert_cmpuint(stream_n_ways(stream, 0, FALSE), ==, 2);
    g_assert_cmpuint(find_link(fixture, "a-c")->reserved_bps, >, 0);
    stream_fixture_link(fixture, "a-c", FALSE);
    g_assert_cmpuint(stream_n_ways(stream, 0, FALSE), ==, 2);
    g_assert_cmpuint(find_link(fixture, "a-c")->reserved_bps, ==, 0);
    g_assert_cmpuint(find_link(fixture, "e-f")->reserved_bps, >, 0);
    // One path is not enough: it would see the keys.
    stream_fixture_link(fixture, "a-e", FALSE);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    stream_fixture_clear(fixture);
    fixture->delivered = 4;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE,
                             1);
    stream_fixture_run(fixture);
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_ORDER), ==, 0);
    stream_fixture_link(fixture, "a-c", TRUE);
    stream_fixture_wait(fixture, 20 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    g_assert_cmpuint(stream_granted(stream), ==, 12);
}

// Only the ways to a target that has lost its own are changed.
static void test_several_targets(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    asked.open.n_targets = 2;
    asked.targets[1] = (char *)"sae-f";
    Stream *stream = stream_fixture_start(fixture, &asked);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    guint64 reserved = find_link(fixture, "a-e")->reserved_bps;
    g_assert_cmpuint(reserved, >, 0);
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "b-d", FALSE);
    assert_rerouted(fixture, "s1:a-c-d");
    g_assert_cmpuint(find_link(fixture, "a-e")->reserved_bps, ==, reserved);
    stream_fixture_clear(fixture);
    stream_fixture_link(fixture, "e-f", FALSE);
    assert_rerouted(fixture, "s1:a-c-d-f");
    // Both of its ways are on these links now.
    g_assert_cmpuint(find_link(fixture, "a-c")->reserved_bps, ==, 2 * reserved);
    stream_close(fixture->federation->federation, stream, "enough");
    for (guint i = 0; i < G_N_ELEMENTS(links); i++)
        g_assert_cmpuint(find_link(fixture, links[i].id)->reserved_bps, ==, 0);
}

// A provider does not offer a border any more, and offers it again.
static void test_other_resources(void)
{
    static const GraphLink less[] = {{"a-b", "a", "b", 900}};
    g_autoptr(StreamFixture) fixture = fixture_new();
    Federation *federation = fixture->federation->federation;
    Provider *b = topology_find(federation->topology, "b");
    start(fixture, 1, 0, FALSE);
    stream_fixture_clear(fixture);
    topology_register(federation->topology, b, graph_resource("b", less, G_N_ELEMENTS(less)));
    directory_update(federation, b);
    stream_on_resource(federation, b);
    stream_fixture_hear(fixture);
    assert_rerouted(fixture, "s1:a-c-d");
    g_assert_cmpuint(find_link(fixture, "a-b")->reserved_bps, ==, 0);
}

// Sessions go by the agreements of the home of whoever asked for them, wherever that one is.
static void test_the_buyer_is_suspended(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Federation *federation = fixture->federation->federation;
    Provider *home = topology_find(federation->topology, "a");
    attachment_move(federation, directory_find(federation, "sae-a"),
                    topology_find(federation->topology, "e"), "home");
    Stream *away = start(fixture, 1, 0, FALSE);
    g_assert_cmpint(away->phase, ==, STREAM_ACTIVE);
    g_assert_cmpstr(((StreamWay *)away->ways->pdata[0])->providers[0], ==, "e");
    agreement_enter(federation, agreement_standing_of(federation, home),
                    &(AgreementChange){AGREEMENT(LOCKED), "op", "suspend", "why"});
    g_assert_cmpint(away->phase, ==, STREAM_DEGRADED);
}

static void test_exhaustion(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1, 0, FALSE);
    find_link(fixture, "b-d")->next = 899;
    stream_fixture_clear(fixture);
    fixture->delivered = 4;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE,
                             1);
    stream_fixture_run(fixture);
    assert_rerouted(fixture, "s1:a-c-d");
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    g_assert_cmpuint(stream_granted(stream), ==, 12);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-fault/most-important-first", test_most_important_first);
    g_test_add_func("/stream-fault/only-those-concerned-are-touched",
                    test_only_those_concerned_are_touched);
    g_test_add_func("/stream-fault/what-is-under-way", test_what_is_under_way);
    g_test_add_func("/stream-fault/what-cannot-be-done", test_what_cannot_be_done);
    g_test_add_func("/stream-fault/protected", test_protected);
    g_test_add_func("/stream-fault/a-member-is-gone", test_a_member_is_gone);
    g_test_add_func("/stream-fault/no-way-and-back", test_no_way_and_back);
    g_test_add_func("/stream-fault/hold-down", test_hold_down);
    g_test_add_func("/stream-fault/no-hold-down", test_no_hold_down);
    g_test_add_func("/stream-fault/a-spare-alone-is-lost", test_a_spare_alone_is_lost);
    g_test_add_func("/stream-fault/a-spare-is-lost-without-the-platform",
                    test_a_spare_is_lost_without_the_platform);
    g_test_add_func("/stream-fault/two-paths", test_two_paths);
    g_test_add_func("/stream-fault/several-targets", test_several_targets);
    g_test_add_func("/stream-fault/other-resources", test_other_resources);
    g_test_add_func("/stream-fault/the-buyer-is-suspended", test_the_buyer_is_suspended);
    g_test_add_func("/stream-fault/exhaustion", test_exhaustion);
    return g_test_run();
}

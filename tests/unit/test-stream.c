// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/stream-fixture.h"

#include <string.h>

#define LEG_PHASE(phase) QKDNF__V1__LEG_PHASE__LEG_PHASE_##phase

// a - b - d, and a way round over c.
static const GraphLink links[] = {
    {"a-b", "a", "b", 900},
    {"b-d", "b", "d", 900},
    {"a-c", "a", "c", 900},
    {"c-d", "c", "d", 900},
};

static StreamFixture *fixture_new(void)
{
    return stream_fixture_new(links, G_N_ELEMENTS(links));
}

static Stream *start(StreamFixture *fixture, guint number)
{
    Asked asked;
    stream_fixture_ask(&asked, number);
    return stream_fixture_start(fixture, &asked);
}

// The numbers of the keys that are ordered from the initiator's agent, such as "0+2 2+2".
static char *ordered(const StreamFixture *fixture)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < fixture->said->len; i++) {
        const Said *said = fixture->said->pdata[i];
        const WireOrder *order = said->message;
        if (said->kind == KIND_ORDER && strcmp(said->to, "a") == 0)
            g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "+%u", text->len > 0 ? " " : "",
                                   order->session->first, order->number);
    }
    return g_string_free(text, FALSE);
}

static void assert_ordered(const StreamFixture *fixture, const char *expected)
{
    g_autofree char *text = ordered(fixture);
    g_assert_cmpstr(text, ==, expected);
}

// --- filling -------------------------------------------------------------------------------------

static void test_open(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    const WireSessionState *state = stream_fixture_open(fixture, &asked, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_OK);
    g_assert_cmpuint(state->n_sessions, ==, 1);
    const WireSessionInfo *info = state->sessions[0];
    g_assert_cmpint(info->phase, ==, STREAM_OPENING);
    g_assert_cmpstr(info->paths[0]->providers[1], ==, "b");
    g_assert_cmpstr(info->deliveries[0]->provider, ==, "a");
    g_assert_cmpstr(info->deliveries[1]->provider, ==, "d");
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_LEG), ==, 2);
    Stream *stream = stream_fixture_find(fixture, 1);
    // Nothing is ordered before both ends are ready.
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
    stream_fixture_hear(fixture);
    assert_ordered(fixture, "");
    stream_fixture_leg_state(fixture, stream, "sae-d", "d", LEG_PHASE(SERVE), 1);
    stream_fixture_hear(fixture);
    assert_ordered(fixture, "0+2 2+2 4+2 6+2");
    stream_fixture_run(fixture);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    g_assert_cmpuint(stream_granted(stream), ==, 8);
    // Nobody asked for its keys, and nobody is sent a reply.
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_REPLY), ==, 0);
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->federation->requests), ==, 0);
}

static void test_top_up(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    stream_fixture_clear(fixture);
    fixture->delivered = 1;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
    stream_fixture_run(fixture);
    assert_ordered(fixture, "");
    fixture->delivered = 5;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
    stream_fixture_run(fixture);
    assert_ordered(fixture, "8+2 10+2");
    // What is late or untrue changes nothing, nor what the target says of itself.
    fixture->delivered = 2;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
    g_assert_cmpuint(stream->delivered, ==, 5);
    fixture->delivered = 7;
    stream_fixture_leg_state(fixture, stream, "sae-d", "d", LEG_PHASE(SERVE), 1);
    g_assert_cmpuint(stream->delivered, ==, 5);
    fixture->delivered = 1000;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
    g_assert_cmpuint(stream->delivered, ==, 12);
}

// The numbers of a block that failed are those of the next request for it.
static void test_a_block_is_tried_again(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    fixture->fails = "d";
    Stream *stream = start(fixture, 1);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    assert_ordered(fixture, "0+2 2+2 4+2 6+2");
    const WireOrder *order = stream_fixture_last(fixture, KIND_ORDER)->message;
    g_autofree char *failed = g_strdup(order->request);
    g_assert_nonnull(strstr(stream->text, "keys from"));
    fixture->fails = NULL;
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    assert_ordered(fixture, "0+2 2+2 4+2 6+2");
    order = stream_fixture_last(fixture, KIND_ORDER)->message;
    g_assert_cmpstr(order->request, !=, failed);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    g_assert_cmpuint(stream_granted(stream), ==, 8);
}

// An agent for whom somebody waits reports all the time.
static void test_reports_do_not_put_off_the_retry(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    fixture->fails = "d";
    Stream *stream = start(fixture, 1);
    stream_fixture_wait(fixture, 20 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    fixture->fails = NULL;
    for (guint i = 0; i < 10; i++) {
        stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
        stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    }
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

// Who knows the session can foresee under which IDs its keys will be asked for.
static void test_a_taken_id(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    WireRequest wire = WIRE_REQUEST_INIT;
    char id[37];
    uuid_derive("01234567-89ab-4cde-8f01-000000000001", "0/0", id);
    wire.id = id;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = (char *[]){(char *)"sae-d"};
    wire.number = 1;
    wire.size_bits = 256;
    wire.timeout_ms = 1000;
    request_on_request(fixture->federation->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1},
                       &wire);
    Stream *stream = start(fixture, 1);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    // And whoever did gets what was asked for.
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_REPLY), ==, 1);
}

static void test_default_buffer(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    asked.qos.buffer = 0;
    g_assert_cmpuint(start(fixture, 9)->qos->buffer, ==, 8);
    // 6 s of 10 kbit/s are 234.4 keys.
    asked.qos.rate_bps = 10000;
    g_assert_cmpuint(stream_fixture_start(fixture, &asked)->qos->buffer, ==, 235);
}

// --- ends ----------------------------------------------------------------------------------------

static const WireLeg *last_leg(const StreamFixture *fixture, const char *to)
{
    for (guint i = fixture->said->len; i > 0; i--) {
        const Said *said = fixture->said->pdata[i - 1];
        if (said->kind == KIND_LEG && strcmp(said->to, to) == 0)
            return said->message;
    }
    return NULL;
}

static void test_close_and_drain(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    stream_fixture_clear(fixture);
    fixture->mute = "a";
    stream_close(fixture->federation->federation, stream, "enough");
    stream_fixture_run(fixture);
    g_assert_cmpint(last_leg(fixture, "a")->phase, ==, LEG_PHASE(FREEZE));
    g_assert_null(last_leg(fixture, "d"));
    fixture->mute = NULL;
    fixture->delivered = 3;
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpint(last_leg(fixture, "a")->phase, ==, LEG_PHASE(END));
    const WireLeg *drain = last_leg(fixture, "d");
    g_assert_cmpint(drain->phase, ==, LEG_PHASE(DRAIN));
    g_assert_cmpuint(drain->n_left, ==, 1);
    g_assert_cmpuint(drain->left[0]->first, ==, 0);
    g_assert_cmpuint(drain->left[0]->end, ==, 3);
    guint64 version = drain->version;
    g_assert_cmpuint(stream->legs->len, ==, 2);
    fixture->n_stored = 0;
    stream_fixture_leg_state(fixture, stream, "sae-d", "d", LEG_PHASE(DRAIN), version);
    stream_fixture_run(fixture);
    g_assert_cmpint(last_leg(fixture, "d")->phase, ==, LEG_PHASE(END));
    g_assert_cmpuint(stream->legs->len, ==, 0);
    stream_fixture_wait(fixture, 4 * G_TIME_SPAN_MINUTE);
    g_assert_null(stream_fixture_find(fixture, 1));
    g_assert_cmpuint(graph_link(fixture->federation->federation->topology, "a-b")->reserved_bps, ==,
                     0);
}

// Its store keeps the keys until it hears of it.
static void test_an_end_is_told_for_a_day(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    fixture->mute = "d";
    stream_close(fixture->federation->federation, stream, "enough");
    stream_fixture_wait(fixture, 23 * G_TIME_SPAN_HOUR);
    g_assert_true(stream_fixture_find(fixture, 1) == stream);
    fixture->mute = NULL;
    stream_fixture_wait(fixture, G_TIME_SPAN_MINUTE);
    g_assert_cmpuint(stream->legs->len, ==, 0);
    stream_fixture_wait(fixture, 4 * G_TIME_SPAN_MINUTE);
    g_assert_null(stream_fixture_find(fixture, 1));
}

// Only the initiator's end says how many keys it got.
static void test_closed_while_a_target_is_frozen(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Federation *federation = fixture->federation->federation;
    Stream *stream = start(fixture, 1);
    fixture->mute = "a";
    stream_tell_leg(federation, stream, stream_find_leg(stream, "sae-d", "d"), LEG_PHASE(FREEZE));
    stream_close(federation, stream, "enough");
    stream_fixture_run(fixture);
    g_assert_cmpint(last_leg(fixture, "a")->phase, ==, LEG_PHASE(FREEZE));
    fixture->mute = NULL;
    fixture->delivered = 3;
    stream_fixture_wait(fixture, G_TIME_SPAN_MINUTE);
    g_assert_cmpuint(stream->delivered, ==, 3);
    g_assert_cmpint(last_leg(fixture, "d")->phase, ==, LEG_PHASE(DRAIN));
}

// A target that never fetches does not keep it for ever, nor does an agent that never answers.
static void test_drain_ends(gconstpointer mute)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    fixture->delivered = 3;
    fixture->mute = mute;
    stream_close(fixture->federation->federation, stream, "enough");
    stream_fixture_wait(fixture, 11 * G_TIME_SPAN_MINUTE);
    fixture->mute = NULL;
    stream_fixture_wait(fixture, G_TIME_SPAN_MINUTE);
    g_assert_cmpuint(stream->legs->len, ==, 0);
    stream_fixture_wait(fixture, 4 * G_TIME_SPAN_MINUTE);
    g_assert_null(stream_fixture_find(fixture, 1));
}

static void test_lifetime(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    asked.qos.lifetime_ms = 60000;
    Stream *stream = stream_fixture_start(fixture, &asked);
    stream_fixture_wait(fixture, 59 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    stream_fixture_wait(fixture, 2 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_CLOSED);
    g_assert_cmpstr(stream->text, ==, "its lifetime is over");
}

static void test_an_agent_refuses(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    fixture->refuses = "d";
    Asked asked;
    stream_fixture_ask(&asked, 1);
    stream_fixture_open(fixture, &asked, "sae-a");
    stream_fixture_run(fixture);
    Stream *stream = stream_fixture_find(fixture, 1);
    g_assert_cmpint(stream->phase, ==, STREAM_CLOSED);
    g_assert_cmpstr(stream->text, ==, "d: no sessions here");
    g_assert_cmpuint(stream->legs->len, ==, 0);
    assert_ordered(fixture, "");
}

// It is not closed for that later on: the agent is asked until it can.
static void test_an_agent_refuses_later(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    fixture->refuses = "d";
    stream_fixture_leg_state(fixture, stream, "sae-d", "d", LEG_PHASE(SERVE), 0);
    stream_fixture_run(fixture);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    fixture->refuses = NULL;
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

// Nor does it wait for its agent to speak of itself.
static void test_an_agent_refuses_what_it_served(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    const StreamLeg *leg = stream_find_leg(stream, "sae-d", "d");
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = stream->id;
    state.sae = (char *)"sae-d";
    state.version = leg->wire->version;
    state.phase = LEG_PHASE(END);
    state.status = STATUS_BUSY;
    stream_on_leg_state(fixture->federation->federation, &(Sender){"d", ROLE_AGENT, 1}, &state);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

static void test_its_application_is_gone(gconstpointer who)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    federation_fixture_drop_application(fixture->federation, who, links, G_N_ELEMENTS(links));
    g_assert_cmpint(stream->phase, ==, STREAM_CLOSED);
    g_assert_true(g_str_has_suffix(stream->text, "is not registered any more"));
    g_assert_cmpuint(graph_link(fixture->federation->federation->topology, "a-b")->reserved_bps, ==,
                     0);
    fixture->n_stored = 0;
    stream_fixture_wait(fixture, 4 * G_TIME_SPAN_MINUTE);
    g_assert_null(stream_fixture_find(fixture, 1));
}

// What others ask of strangers is ended, not kept, and no number is taken at its word.
static void test_odd_leg_states(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    stream_fixture_clear(fixture);
    fixture->delivered = G_MAXUINT64;
    stream_fixture_leg_state(fixture, stream, "sae-a", "d", LEG_PHASE(SERVE), 1);
    g_assert_cmpuint(stream->delivered, ==, 0);
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), G_MAXUINT64);
    stream_fixture_run(fixture);
    g_assert_cmpuint(stream->delivered, ==, 8);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    g_assert_cmpuint(stream_find_leg(stream, "sae-a", "a")->wire->version, ==, 1);
    Stream unknown = {.id = (char *)"01234567-89ab-4cde-8f01-999999999999"};
    stream_fixture_leg_state(fixture, &unknown, "sae-a", "a", LEG_PHASE(DRAIN), G_MAXUINT64);
    stream_fixture_hear(fixture);
    g_assert_cmpint(last_leg(fixture, "a")->phase, ==, LEG_PHASE(END));
    g_assert_cmpint(g_tree_nnodes(fixture->federation->federation->streams), ==, 1);
}

static void test_a_stray_leg_ends(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    stream_fixture_clear(fixture);
    stream_fixture_leg_state(fixture, stream, "sae-d", "c", LEG_PHASE(SERVE), 7);
    stream_fixture_hear(fixture);
    g_assert_cmpint(last_leg(fixture, "c")->phase, ==, LEG_PHASE(END));
    g_assert_cmpuint(last_leg(fixture, "c")->version, ==, 8);
}

// --- restarts ------------------------------------------------------------------------------------

// Whenever the platform restarts, all is filled in the end, and each number ordered from both ends.
static void test_restart_at_each_point(void)
{
    for (guint n_heard = 0; n_heard < 40; n_heard++) {
        g_autoptr(StreamFixture) fixture = fixture_new();
        Asked asked;
        stream_fixture_ask(&asked, 1);
        stream_fixture_open(fixture, &asked, "sae-a");
        fixture->mute = n_heard % 3 == 1 ? "d" : n_heard % 3 == 2 ? "b" : NULL;
        federation_tick(fixture->federation->federation,
                        FEDERATION_NOW + n_heard * 100 * G_TIME_SPAN_MILLISECOND);
        stream_fixture_run(fixture);
        stream_fixture_restart(fixture);
        fixture->mute = NULL;
        stream_fixture_wait(fixture, 20 * G_TIME_SPAN_SECOND);
        Stream *stream = stream_fixture_find(fixture, 1);
        g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
        g_assert_cmpuint(stream_granted(stream), ==, 8);
        g_assert_cmpuint(stream->next, ==, 8);
        g_assert_cmpuint(graph_link(fixture->federation->federation->topology, "a-b")->reserved_bps,
                         >, 1000);
    }
}

// What it died of is still known, so that nobody takes it for well.
static void test_restart_while_degraded(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    fixture->fails = "d";
    fixture->delivered = 4;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", LEG_PHASE(SERVE), 1);
    stream_fixture_run(fixture);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    g_autofree char *text = g_strdup(stream->text);
    stream_fixture_restart(fixture);
    stream = stream_fixture_find(fixture, 1);
    stream_review(fixture->federation->federation, stream);
    g_assert_cmpint(stream->phase, ==, STREAM_DEGRADED);
    g_assert_cmpstr(stream->text, ==, text);
    fixture->fails = NULL;
    stream_fixture_wait(fixture, 10 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
}

// It dies with what it has done and not yet committed, again and again, and says nothing of it.
static void test_deaths_before_the_commit(void)
{
    for (guint n_steps = 0; n_steps < 24; n_steps++) {
        g_autoptr(StreamFixture) fixture = fixture_new();
        Asked asked;
        stream_fixture_ask(&asked, 1);
        stream_fixture_open(fixture, &asked, "sae-a");
        for (guint i = 0; i < n_steps && fixture->n_acted_on < fixture->said->len; i++)
            stream_fixture_step(fixture);
        stream_fixture_hear(fixture);
        if (fixture->n_acted_on < fixture->said->len)
            stream_fixture_step(fixture);
        stream_fixture_crash(fixture);
        stream_fixture_wait(fixture, 20 * G_TIME_SPAN_SECOND);
        Stream *stream = stream_fixture_find(fixture, 1);
        g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
        g_assert_cmpuint(stream_granted(stream), ==, 8);
        g_assert_cmpuint(stream->next, ==, 8);
    }
}

static void test_restart_while_closing(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Stream *stream = start(fixture, 1);
    fixture->delivered = 3;
    fixture->mute = "a";
    stream_close(fixture->federation->federation, stream, "enough");
    stream_fixture_restart(fixture);
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    stream_fixture_restart(fixture);
    fixture->mute = NULL;
    stream_fixture_wait(fixture, 31 * G_TIME_SPAN_SECOND);
    stream = stream_fixture_find(fixture, 1);
    g_assert_cmpuint(stream->delivered, ==, 3);
    stream_fixture_restart(fixture);
    stream_fixture_wait(fixture, 20 * G_TIME_SPAN_MINUTE);
    g_assert_null(stream_fixture_find(fixture, 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream/open", test_open);
    g_test_add_func("/stream/top-up", test_top_up);
    g_test_add_func("/stream/a-block-is-tried-again", test_a_block_is_tried_again);
    g_test_add_func("/stream/reports-do-not-put-off-the-retry",
                    test_reports_do_not_put_off_the_retry);
    g_test_add_func("/stream/a-taken-id", test_a_taken_id);
    g_test_add_func("/stream/default-buffer", test_default_buffer);
    g_test_add_func("/stream/close-and-drain", test_close_and_drain);
    g_test_add_data_func("/stream/drain-ends", NULL, test_drain_ends);
    g_test_add_data_func("/stream/drain-ends-without-initiator", "a", test_drain_ends);
    g_test_add_data_func("/stream/drain-ends-without-target", "d", test_drain_ends);
    g_test_add_func("/stream/an-end-is-told-for-a-day", test_an_end_is_told_for_a_day);
    g_test_add_func("/stream/closed-while-a-target-is-frozen",
                    test_closed_while_a_target_is_frozen);
    g_test_add_func("/stream/lifetime", test_lifetime);
    g_test_add_func("/stream/an-agent-refuses", test_an_agent_refuses);
    g_test_add_func("/stream/an-agent-refuses-later", test_an_agent_refuses_later);
    g_test_add_func("/stream/an-agent-refuses-what-it-served",
                    test_an_agent_refuses_what_it_served);
    g_test_add_data_func("/stream/its-initiator-is-gone", "a", test_its_application_is_gone);
    g_test_add_data_func("/stream/its-target-is-gone", "d", test_its_application_is_gone);
    g_test_add_func("/stream/odd-leg-states", test_odd_leg_states);
    g_test_add_func("/stream/a-stray-leg-ends", test_a_stray_leg_ends);
    g_test_add_func("/stream/restart-at-each-point", test_restart_at_each_point);
    g_test_add_func("/stream/restart-while-degraded", test_restart_while_degraded);
    g_test_add_func("/stream/deaths-before-the-commit", test_deaths_before_the_commit);
    g_test_add_func("/stream/restart-while-closing", test_restart_while_closing);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/stream-fixture.h"

#include <string.h>

static const GraphLink links[] = {
    {"a-b", "a", "b", 900},
    {"b-d", "b", "d", 900},
};

static StreamFixture *fixture_new(void)
{
    StreamFixture *fixture = stream_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->config.max_sessions = 3;
    return fixture;
}

static void assert_answer(const WireSessionState *state, Status status, const char *text)
{
    g_assert_cmpstr(state->text, ==, text);
    g_assert_cmpint(state->status, ==, status);
}

static void assert_refused(const Asked *asked, Status status, const char *text)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    assert_answer(stream_fixture_open(fixture, asked, "sae-a"), status, text);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->federation->streams), ==, 0);
}

static void test_bad_input(void)
{
    Asked good, bad;
    stream_fixture_ask(&good, 1);
#define REFUSED(field, value, status, text)                                                        \
    bad = good;                                                                                    \
    bad.open.session = bad.id;                                                                     \
    bad.open.targets = bad.targets;                                                                \
    bad.open.qos = &bad.qos;                                                                       \
    bad.field = value;                                                                             \
    assert_refused(&bad, STATUS_##status, text)
    REFUSED(open.session, (char *)"x", BAD_REQUEST, "session is no UUID in lower case");
    REFUSED(open.qos, NULL, BAD_REQUEST, "qos is not set");
    REFUSED(open.initiator, (char *)"sae-x", UNKNOWN_SAE, "no application 'sae-x' is registered");
    REFUSED(open.initiator, (char *)"sae-b", NOT_ALLOWED, "'sae-a' may not open for 'sae-b'");
    REFUSED(open.n_targets, 0, BAD_REQUEST, "0 targets; expected 1 to 8");
    REFUSED(targets[0], (char *)"sae-x", UNKNOWN_SAE, "no application 'sae-x' can be reached");
    REFUSED(targets[0], (char *)"sae-a", BAD_REQUEST, "target 'sae-a' is the initiator");
    REFUSED(qos.rate_bps, 0, BAD_REQUEST, "rate is 0 bit/s; expected 1 to 1000000000");
    REFUSED(qos.rate_bps, 1000000001, BAD_REQUEST,
            "rate is 1000000001 bit/s; expected 1 to 1000000000");
    REFUSED(qos.size_bits, 7, BAD_REQUEST, "size is 7 bits; expected a multiple of 8");
    REFUSED(qos.size_bits, 8200, BAD_REQUEST, "size is 8200 bits; expected 8 to 8192");
    REFUSED(qos.buffer, 4097, BAD_REQUEST, "buffer is 4097 keys; expected at most 4096");
    REFUSED(qos.lifetime_ms, G_MAXUINT64, BAD_REQUEST,
            "lifetime is 18446744073709551615 ms; expected at most 31536000000");
    REFUSED(qos.priority, 8, BAD_REQUEST, "priority is 8; expected 0 to 7");
    REFUSED(qos.paths, 9, BAD_REQUEST, "paths is 9; expected 1 to 8");
    REFUSED(qos.paths, 2, NO_DISJOINT_PATHS, status_text(STATUS_NO_DISJOINT_PATHS));
    REFUSED(qos.protected_, TRUE, NO_DISJOINT_PATHS, status_text(STATUS_NO_DISJOINT_PATHS));
#undef REFUSED
}

// What is offered can be had at once, and more cannot.
static void assert_offer(guint64 rate_bps, guint buffer)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    asked.qos.rate_bps = rate_bps;
    asked.qos.buffer = buffer;
    const WireSessionState *state = stream_fixture_open(fixture, &asked, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_nonnull(state->offer);
    WireSessionQos offer = *state->offer;
    Asked more = asked;
    more.open.session = more.id;
    more.open.qos = &more.qos;
    more.qos = offer;
    more.qos.rate_bps += offer.rate_bps < rate_bps;
    more.qos.buffer += offer.rate_bps == rate_bps;
    state = stream_fixture_open(fixture, &more, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_INSUFFICIENT_KEY);
    more.qos = offer;
    state = stream_fixture_open(fixture, &more, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_OK);
    stream_fixture_run(fixture);
    g_assert_cmpint(stream_fixture_find(fixture, 1)->phase, ==, STREAM_ACTIVE);
}

static void test_offer(void)
{
    assert_offer(90000, 8);
    assert_offer(1000, 2000);
    assert_offer(1000000, 4000);
}

static void test_nothing_to_offer(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    graph_link(fixture->federation->federation->topology, "b-d")->next = 900;
    Asked asked;
    stream_fixture_ask(&asked, 1);
    const WireSessionState *state = stream_fixture_open(fixture, &asked, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_null(state->offer);
    graph_link(fixture->federation->federation->topology, "b-d")->ends[0].is_up = FALSE;
    state = stream_fixture_open(fixture, &asked, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_NO_ROUTE);
}

static void close_from(StreamFixture *fixture, const char *who, Role role, const char *session,
                       Status status, const char *text)
{
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)session;
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"close";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    wire.close = &close;
    assert_answer(stream_fixture_command(fixture, &wire, &(Sender){who, role, 1}), status, text);
}

// --- while the platform settles
// -------------------------------------------------------------------

static Provider *settling_without_b(StreamFixture *fixture)
{
    Federation *federation = fixture->federation->federation;
    Provider *b = topology_find(federation->topology, "b");
    federation->started_us = federation->now;
    b->is_usable = FALSE;
    return b;
}

static void ask_to_open(StreamFixture *fixture, const Asked *asked, const char *question)
{
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)question;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    wire.open = (WireSessionOpen *)&asked->open;
    stream_on_session(fixture->federation->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1},
                      &wire);
    stream_fixture_run(fixture);
}

// Answered as soon as there is a way, under what it was asked last.
static void test_too_early(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Provider *b = settling_without_b(fixture);
    Asked asked;
    stream_fixture_ask(&asked, 1);
    ask_to_open(fixture, &asked, "first");
    ask_to_open(fixture, &asked, "again");
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_SESSION_STATE), ==, 0);
    b->is_usable = TRUE;
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_SESSION_STATE), ==, 1);
    const WireSessionState *state = stream_fixture_last(fixture, KIND_SESSION_STATE)->message;
    g_assert_cmpstr(state->id, ==, "again");
    assert_answer(state, STATUS_OK, "");
    g_assert_cmpint(stream_fixture_find(fixture, 1)->phase, ==, STREAM_ACTIVE);
}

static void test_too_early_and_no_way(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    settling_without_b(fixture);
    Asked asked;
    stream_fixture_ask(&asked, 1);
    ask_to_open(fixture, &asked, "first");
    stream_fixture_wait(fixture, 4 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stream_fixture_count(fixture, KIND_SESSION_STATE), ==, 1);
    assert_answer(stream_fixture_last(fixture, KIND_SESSION_STATE)->message, STATUS_NO_ROUTE,
                  status_text(STATUS_NO_ROUTE));
    g_assert_cmpint(g_tree_nnodes(fixture->federation->federation->openings), ==, 0);
}

// As many as a sender may, and none that it has closed meanwhile.
static void test_too_early_for_many(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Provider *b = settling_without_b(fixture);
    fixture->federation->config.max_sessions = 1000;
    Asked asked;
    for (guint i = 1; i <= 70; i++) {
        stream_fixture_ask(&asked, i);
        asked.qos.rate_bps = asked.qos.buffer = 1;
        ask_to_open(fixture, &asked, "one of many");
    }
    g_assert_cmpint(g_tree_nnodes(fixture->federation->federation->openings), ==, 64);
    stream_fixture_ask(&asked, 1);
    g_autofree char *text = g_strdup_printf("no session '%s'", asked.id);
    close_from(fixture, "sae-d", ROLE_APPLICATION, asked.id, STATUS_BAD_REQUEST, text);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->federation->openings), ==, 64);
    close_from(fixture, "sae-a", ROLE_APPLICATION, asked.id, STATUS_BAD_REQUEST, text);
    b->is_usable = TRUE;
    stream_fixture_wait(fixture, G_TIME_SPAN_SECOND);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->federation->streams), ==, 63);
    g_assert_null(stream_fixture_find(fixture, 1));
}

// --- what requests of applications leave
// ----------------------------------------------------------

static const WireReply *ask_plainly(StreamFixture *fixture, guint number, guint n_keys)
{
    g_autofree char *id = g_strdup_printf("11234567-89ab-4cde-8f01-%012u", number);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = id;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = (char *[]){(char *)"sae-d"};
    wire.number = n_keys;
    wire.size_bits = 256;
    wire.timeout_ms = 1000;
    request_on_request(fixture->federation->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1},
                       &wire);
    stream_fixture_run(fixture);
    return stream_fixture_last(fixture, KIND_REPLY)->message;
}

static void assert_short(const WireReply *reply, guint available_number)
{
    g_assert_cmpint(reply->status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(reply->available_number, ==, available_number);
}

static void test_a_block_is_left(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    fixture->federation->config.max_kept = 100;
    Asked asked;
    stream_fixture_ask(&asked, 1);
    Stream *stream = stream_fixture_start(fixture, &asked);
    // Two keys and what authenticates them.
    g_assert_cmpuint(graph_link(fixture->federation->federation->topology, "b-d")->reserved_slots,
                     ==, 3);
    graph_link(fixture->federation->federation->topology, "b-d")->next = 900 - 5;
    const WireReply *reply = ask_plainly(fixture, 1, 2);
    assert_short(reply, 1);
    // When as many have come as it lacks.
    g_assert_cmpuint(reply->available_in_ms, >, 1000);
    g_assert_cmpint(ask_plainly(fixture, 2, 1)->status, ==, STATUS_OK);
    assert_short(ask_plainly(fixture, 3, 1), 0);
    stream_fixture_restart(fixture);
    assert_short(ask_plainly(fixture, 4, 1), 0);
    // The session itself lives on it.
    stream = stream_fixture_find(fixture, 1);
    fixture->delivered = 2;
    stream_fixture_leg_state(fixture, stream, "sae-a", "a", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE,
                             1);
    stream_fixture_run(fixture);
    g_assert_cmpuint(stream_granted(stream), ==, 10);
    graph_link(fixture->federation->federation->topology, "b-d")->next = 900 - 3;
    assert_short(ask_plainly(fixture, 5, 1), 0);
    stream_close(fixture->federation->federation, stream, "enough");
    g_assert_cmpint(ask_plainly(fixture, 6, 1)->status, ==, STATUS_OK);
    g_assert_cmpuint(graph_link(fixture->federation->federation->topology, "b-d")->reserved_slots,
                     ==, 0);
}

// Four blocks of three slots, and the one that the other session has.
static void test_a_new_one_leaves_a_block(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    stream_fixture_start(fixture, &asked);
    graph_link(fixture->federation->federation->topology, "b-d")->next = 900 - 14;
    stream_fixture_ask(&asked, 2);
    const WireSessionState *state = stream_fixture_open(fixture, &asked, "sae-a");
    g_assert_cmpint(state->status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(state->offer->buffer, <, 8);
    graph_link(fixture->federation->federation->topology, "b-d")->next = 900 - 15;
    assert_answer(stream_fixture_open(fixture, &asked, "sae-a"), STATUS_OK, "");
}

static void test_open_again(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    assert_answer(stream_fixture_open(fixture, &asked, "a"), STATUS_OK, "");
    guint64 reserved = graph_link(fixture->federation->federation->topology, "a-b")->reserved_bps;
    const WireSessionState *state = stream_fixture_open(fixture, &asked, "sae-a");
    assert_answer(state, STATUS_OK, "");
    g_assert_cmpuint(state->n_sessions, ==, 1);
    g_assert_cmpuint(graph_link(fixture->federation->federation->topology, "a-b")->reserved_bps, ==,
                     reserved);
    assert_answer(stream_fixture_open(fixture, &asked, "b"), STATUS_NOT_ALLOWED,
                  "'b' may not open for 'sae-a'");
    asked.qos.buffer++;
    assert_answer(stream_fixture_open(fixture, &asked, "sae-a"), STATUS_BAD_REQUEST,
                  "session '01234567-89ab-4cde-8f01-000000000001' was opened otherwise");
}

static void test_busy(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    for (guint i = 1; i <= 3; i++) {
        stream_fixture_ask(&asked, i);
        assert_answer(stream_fixture_open(fixture, &asked, "sae-a"), STATUS_OK, "");
    }
    stream_fixture_ask(&asked, 4);
    assert_answer(stream_fixture_open(fixture, &asked, "sae-a"), STATUS_BUSY,
                  "'sae-a' has 3 sessions already");
}

// Those that others open with it are no use of its own share.
static void test_busy_as_a_target(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    for (guint i = 1; i <= 3; i++) {
        stream_fixture_ask(&asked, i);
        asked.open.initiator = (char *)"sae-b";
        asked.targets[0] = (char *)"sae-a";
        assert_answer(stream_fixture_open(fixture, &asked, "sae-b"), STATUS_OK, "");
    }
    stream_fixture_ask(&asked, 4);
    assert_answer(stream_fixture_open(fixture, &asked, "sae-a"), STATUS_OK, "");
}

static guint n_seen(StreamFixture *fixture, const char *who, Role role, const char *session,
                    const char *sae)
{
    WireSessionList list = WIRE_SESSION_LIST_INIT;
    list.session = (char *)session;
    list.sae = (char *)sae;
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"list";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_LIST;
    wire.list = &list;
    const WireSessionState *state = stream_fixture_command(fixture, &wire, &(Sender){who, role, 1});
    assert_answer(state, STATUS_OK, "");
    return (guint)state->n_sessions;
}

static void test_list(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    stream_fixture_open(fixture, &asked, "sae-a");
    g_autofree char *id = g_strdup(asked.id);
    stream_fixture_ask(&asked, 2);
    stream_fixture_open(fixture, &asked, "sae-a");
    g_assert_cmpuint(n_seen(fixture, "sae-a", ROLE_APPLICATION, "", ""), ==, 2);
    g_assert_cmpuint(n_seen(fixture, "sae-d", ROLE_APPLICATION, "", ""), ==, 2);
    g_assert_cmpuint(n_seen(fixture, "sae-b", ROLE_APPLICATION, "", ""), ==, 0);
    g_assert_cmpuint(n_seen(fixture, "sae-b", ROLE_APPLICATION, "", "sae-a"), ==, 0);
    g_assert_cmpuint(n_seen(fixture, "sae-b", ROLE_APPLICATION, id, ""), ==, 0);
    g_assert_cmpuint(n_seen(fixture, "a", ROLE_AGENT, "", ""), ==, 2);
    g_assert_cmpuint(n_seen(fixture, "b", ROLE_AGENT, "", ""), ==, 0);
    g_assert_cmpuint(n_seen(fixture, "ops", ROLE_OPERATOR, "", ""), ==, 2);
    g_assert_cmpuint(n_seen(fixture, "ops", ROLE_OPERATOR, id, ""), ==, 1);
    g_assert_cmpuint(n_seen(fixture, "ops", ROLE_OPERATOR, id, "sae-b"), ==, 0);
}

// What does not fit is said to be missing, and can be asked for one by one.
static void test_list_too_long(void)
{
    static const GraphLink rich[] = {{"a-d", "a", "d", 1000000}};
    g_autoptr(StreamFixture) fixture = stream_fixture_new(rich, G_N_ELEMENTS(rich));
    Asked asked;
    for (guint i = 1; i <= 2000; i++) {
        stream_fixture_ask(&asked, i);
        asked.qos.rate_bps = asked.qos.buffer = 1;
        stream_fixture_open(fixture, &asked, "sae-a");
        stream_fixture_clear(fixture);
    }
    WireSessionList list = WIRE_SESSION_LIST_INIT;
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"list";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_LIST;
    wire.list = &list;
    const WireSessionState *state =
        stream_fixture_command(fixture, &wire, &(Sender){"sae-a", ROLE_APPLICATION, 1});
    g_autofree char *text =
        g_strdup_printf("%zu of 2000 sessions: the others do not fit", state->n_sessions);
    assert_answer(state, STATUS_OK, text);
    g_assert_cmpuint(state->n_sessions, >, 500);
    g_assert_cmpuint(protobuf_c_message_get_packed_size(&state->base), <, 256 * 1024);
    g_assert_cmpuint(n_seen(fixture, "sae-a", ROLE_APPLICATION, asked.id, ""), ==, 1);
}

static void test_close(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Asked asked;
    stream_fixture_ask(&asked, 1);
    Stream *stream = stream_fixture_start(fixture, &asked);
    close_from(fixture, "sae-d", ROLE_APPLICATION, asked.id, STATUS_NOT_ALLOWED,
               "'sae-d' may not close for 'sae-a'");
    close_from(fixture, "d", ROLE_AGENT, asked.id, STATUS_NOT_ALLOWED,
               "'d' may not close for 'sae-a'");
    close_from(fixture, "ops", ROLE_OPERATOR, "x", STATUS_BAD_REQUEST, "no session 'x'");
    g_assert_cmpint(stream->phase, ==, STREAM_ACTIVE);
    close_from(fixture, "ops", ROLE_OPERATOR, asked.id, STATUS_OK, "");
    g_assert_cmpstr(stream->text, ==, "closed by ops");
    close_from(fixture, "sae-a", ROLE_APPLICATION, asked.id, STATUS_OK, "");
    g_assert_cmpstr(stream->text, ==, "closed by ops");
}

static void test_no_command(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"nothing";
    assert_answer(stream_fixture_command(fixture, &wire, &(Sender){"sae-a", ROLE_APPLICATION, 1}),
                  STATUS_BAD_REQUEST, "expected open, close or list");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-open/bad-input", test_bad_input);
    g_test_add_func("/stream-open/offer", test_offer);
    g_test_add_func("/stream-open/nothing-to-offer", test_nothing_to_offer);
    g_test_add_func("/stream-open/too-early", test_too_early);
    g_test_add_func("/stream-open/too-early-and-no-way", test_too_early_and_no_way);
    g_test_add_func("/stream-open/too-early-for-many", test_too_early_for_many);
    g_test_add_func("/stream-open/a-block-is-left", test_a_block_is_left);
    g_test_add_func("/stream-open/a-new-one-leaves-a-block", test_a_new_one_leaves_a_block);
    g_test_add_func("/stream-open/open-again", test_open_again);
    g_test_add_func("/stream-open/busy", test_busy);
    g_test_add_func("/stream-open/busy-as-a-target", test_busy_as_a_target);
    g_test_add_func("/stream-open/list", test_list);
    g_test_add_func("/stream-open/list-too-long", test_list_too_long);
    g_test_add_func("/stream-open/close", test_close);
    g_test_add_func("/stream-open/no-command", test_no_command);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

#include <string.h>

// a - b - d, and a way round over c; e is reached from a directly.
static const GraphLink links[] = {
    {"a-b", "a", "b", 900}, {"b-d", "b", "d", 900}, {"a-c", "a", "c", 900},
    {"c-d", "c", "d", 900}, {"a-e", "a", "e", 900},
};

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    // It has been there for long: what is not there now does not come by itself.
    fixture->federation->started_us = 0;
    return fixture;
}

static Request *ask(FederationFixture *fixture, const char *target)
{
    char *targets[] = {(char *)target};
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = (char *)FEDERATION_UUID;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = targets;
    wire.number = 1;
    wire.size_bits = 256;
    wire.timeout_ms = 10000;
    request_on_request(fixture->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1}, &wire);
    Request *request = g_hash_table_lookup(fixture->federation->requests, FEDERATION_UUID);
    g_assert_nonnull(request);
    return request;
}

static void answer(FederationFixture *fixture, const Request *request, const char *agent,
                   Status status)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = request->id;
    outcome.attempt = request->attempt;
    outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER;
    outcome.status = status;
    request_on_outcome(fixture->federation, &(Sender){agent, ROLE_AGENT, 1}, &outcome);
}

// Where the attempt under way leads; empty when there is none.
static void assert_path(const Request *request, const char *expected)
{
    g_auto(GStrv) path = plan_path(request, 0);
    g_autofree char *text = path ? g_strjoinv("-", path) : g_strdup("");
    g_assert_cmpstr(text, ==, expected);
}

static void test_a_transit_has_no_veto(gconstpointer data)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture, "sae-d");
    assert_path(request, "a-b-d");
    answer(fixture, request, "b", GPOINTER_TO_INT(data));
    assert_path(request, "a-c-d");
    g_assert_false(g_hash_table_contains(request->excluded_providers, "c"));
    answer(fixture, request, "c", GPOINTER_TO_INT(data));
    g_assert_cmpint(request->reply->status, ==, GPOINTER_TO_INT(data));
}

static void test_an_end_has(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture, "sae-d");
    answer(fixture, request, "d", STATUS_BAD_REQUEST);
    g_assert_cmpint(request->reply->status, ==, STATUS_BAD_REQUEST);
}

// Other slots of the same link may do, but not for ever.
static void test_slots_of_an_end(gconstpointer data)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture, "sae-d");
    answer(fixture, request, "d", GPOINTER_TO_INT(data));
    assert_path(request, "a-b-d");
    answer(fixture, request, "d", GPOINTER_TO_INT(data));
    assert_path(request, "a-c-d");
    g_assert_true(g_hash_table_contains(request->excluded_links, "b-d"));
    answer(fixture, request, "a", GPOINTER_TO_INT(data));
    g_assert_cmpint(request->reply->status, ==, GPOINTER_TO_INT(data));
}

// There is no way round it, so it is given time, as long as the request has some.
static void test_an_end_without_room(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture, "sae-d");
    Federation *federation = fixture->federation;
    gint64 pause_us = 0;
    guint n_pauses = 0;
    answer(fixture, request, "d", STATUS_BUSY);
    for (; !request_is_final(request); n_pauses++) {
        g_assert_cmpint(request->state, ==, REQUEST_ROUTED);
        timers_disarm(federation->timers, TIMER_REPEAT, request->id);
        gint64 next_us = timers_next(federation->timers);
        g_assert_cmpint(next_us, >=, federation->now + MAX(pause_us, 1));
        g_assert_cmpint(next_us, <, request->deadline_us);
        pause_us = next_us - federation->now;
        federation->now = next_us;
        attempt_on_timer(federation, request);
        answer(fixture, request, "d", STATUS_BUSY);
    }
    g_assert_cmpuint(n_pauses, >, 3);
    g_assert_cmpuint(n_pauses, <, 12);
    g_assert_cmpint(request->reply->status, ==, STATUS_BUSY);
}

static void test_what_does_not_verify(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture, "sae-d");
    // Only the target can know.
    answer(fixture, request, "a", STATUS_TAG_MISMATCH);
    assert_path(request, "a-b-d");
    answer(fixture, request, "d", STATUS_TAG_MISMATCH);
    assert_path(request, "a-c-d");
}

// Nothing is given out for an attempt that has no time left.
static void test_no_attempt_at_the_deadline(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    topology_find(fixture->federation->topology, "e")->is_usable = FALSE;
    fixture->federation->started_us = FEDERATION_NOW + G_TIME_SPAN_DAY;
    Request *request = ask(fixture, "sae-e");
    g_assert_false(request_is_final(request));
    topology_find(fixture->federation->topology, "e")->is_usable = TRUE;
    fixture->federation->now = request->deadline_us;
    attempt_on_timer(fixture->federation, request);
    g_assert_cmpint(request->reply->status, ==, STATUS_EXPIRED);
    g_assert_cmpuint(graph_link(fixture->federation->topology, "a-e")->next, ==, 0);
}

// Whoever did not answer may do so later, and links may be good again.
static void test_all_is_tried_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture, "sae-e");
    answer(fixture, request, "a", STATUS_OK);
    g_hash_table_add(request->excluded_links, g_strdup("a-e"));
    attempt_on_timer(fixture->federation, request);
    g_assert_cmpint(request->state, ==, REQUEST_ROUTED);
    attempt_on_timer(fixture->federation, request);
    g_assert_cmpint(request->state, ==, REQUEST_ORDERED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/attempt/a-transit-has-no-veto", GINT_TO_POINTER(STATUS_BAD_REQUEST),
                         test_a_transit_has_no_veto);
    g_test_add_data_func("/attempt/a-transit-without-slots", GINT_TO_POINTER(STATUS_SLOT_UNKNOWN),
                         test_a_transit_has_no_veto);
    g_test_add_data_func("/attempt/a-transit-that-blames", GINT_TO_POINTER(STATUS_TAG_MISMATCH),
                         test_a_transit_has_no_veto);
    g_test_add_func("/attempt/an-end-has", test_an_end_has);
    g_test_add_data_func("/attempt/slots-used", GINT_TO_POINTER(STATUS_SLOT_USED),
                         test_slots_of_an_end);
    g_test_add_data_func("/attempt/slots-unknown", GINT_TO_POINTER(STATUS_SLOT_UNKNOWN),
                         test_slots_of_an_end);
    g_test_add_func("/attempt/an-end-without-room", test_an_end_without_room);
    g_test_add_func("/attempt/what-does-not-verify", test_what_does_not_verify);
    g_test_add_func("/attempt/no-attempt-at-the-deadline", test_no_attempt_at_the_deadline);
    g_test_add_func("/attempt/all-is-tried-again", test_all_is_tried_again);
    return g_test_run();
}

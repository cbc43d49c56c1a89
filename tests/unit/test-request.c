// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

#include <string.h>

static const GraphLink links[] = {{"a-b", "a", "b", 900}};

static void ask(FederationFixture *fixture, guint number)
{
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = id;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = (char *[]){(char *)"sae-b"};
    wire.number = 1;
    wire.size_bits = 256;
    wire.timeout_ms = 1000;
    request_on_request(fixture->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1}, &wire);
}

static Request *find(FederationFixture *fixture, guint number)
{
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    return g_hash_table_lookup(fixture->federation->requests, id);
}

// What is finished is kept for those who ask again, and so at their expense.
static void test_what_is_kept_is_counted(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    for (guint i = 0; i <= fixture->config.max_kept; i++) {
        ask(fixture, i);
        Request *request = find(fixture, i);
        g_assert_cmpint(request != NULL, ==, i < fixture->config.max_kept);
        if (request)
            request_reject(fixture->federation, request, STATUS_INTERNAL, NULL);
    }
    federation_tick(fixture->federation, FEDERATION_NOW + 25 * G_TIME_SPAN_HOUR);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->requests), ==, 0);
    ask(fixture, 9);
    g_assert_nonnull(find(fixture, 9));
}

static void test_attempts_are_what_was_ordered(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->started_us = 0;
    ask(fixture, 1);
    request_reject(fixture->federation, find(fixture, 1), STATUS_INTERNAL, NULL);
    g_assert_cmpuint(find(fixture, 1)->reply->attempts, ==, 1);
    graph_link(fixture->federation->topology, "a-b")->ends[0].is_up = FALSE;
    ask(fixture, 2);
    g_assert_cmpint(find(fixture, 2)->reply->status, ==, STATUS_NO_ROUTE);
    g_assert_cmpuint(find(fixture, 2)->reply->attempts, ==, 0);
}

static void answer(FederationFixture *fixture, guint number, const char *agent,
                   Qkdnf__V1__OutcomeStage stage)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = find(fixture, number)->id;
    outcome.stage = stage;
    outcome.status = STATUS_OK;
    request_on_outcome(fixture->federation, &(Sender){agent, ROLE_AGENT, 1}, &outcome);
}

// As long as it owes an answer; and nobody else's requests are looked at for that.
static void test_whom_it_concerns(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->config.max_running = 3;
    ask(fixture, 1);
    g_assert_true(request_concerns(fixture->federation, "b"));
    g_assert_false(request_concerns(fixture->federation, "c"));
    answer(fixture, 1, "a", QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER);
    answer(fixture, 1, "b", QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER);
    g_assert_cmpint(find(fixture, 1)->state, ==, REQUEST_GRANTED);
    g_assert_true(request_concerns(fixture->federation, "b"));
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    answer(fixture, 1, "a", QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE);
    // Nobody can look at this and live.
    GPtrArray *releases = find(fixture, 1)->releases;
    find(fixture, 1)->releases = NULL;
    g_assert_true(request_concerns(fixture->federation, "b"));
    g_assert_false(request_concerns(fixture->federation, "a"));
    find(fixture, 1)->releases = releases;
    answer(fixture, 1, "b", QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE);
    g_assert_false(request_concerns(fixture->federation, "b"));
}

// Who never answers is waited for a day.
static void test_whom_it_concerns_no_more(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    ask(fixture, 1);
    request_call_off(fixture->federation, find(fixture, 1), "enough");
    federation_tick(fixture->federation, FEDERATION_NOW + 23 * G_TIME_SPAN_HOUR);
    g_assert_true(request_concerns(fixture->federation, "b"));
    federation_tick(fixture->federation, FEDERATION_NOW + 25 * G_TIME_SPAN_HOUR);
    g_assert_null(find(fixture, 1));
    g_assert_false(request_concerns(fixture->federation, "b"));
}

// The orders of an answered request are of no use to anybody, and not stored for days.
static void test_what_is_answered_is_stored_without_orders(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    ask(fixture, 1);
    request_grant(fixture->federation, find(fixture, 1));
    g_assert_true(store_commit(fixture->store, NULL));
    g_clear_pointer(&fixture->federation, federation_free);
    g_clear_pointer(&fixture->store, store_free);
    fixture->store = store_new_memory(fixture->disk);
    fixture->federation =
        federation_new(&fixture->config, fixture->store, &fixture->random, FEDERATION_NOW, NULL);
    g_assert_cmpint(find(fixture, 1)->reply->status, ==, STATUS_OK);
    g_assert_cmpuint(find(fixture, 1)->parts->len, ==, 0);
    g_assert_cmpuint(find(fixture, 1)->releases->len, ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request/what-is-kept-is-counted", test_what_is_kept_is_counted);
    g_test_add_func("/request/attempts-are-what-was-ordered", test_attempts_are_what_was_ordered);
    g_test_add_func("/request/what-is-answered-is-stored-without-orders",
                    test_what_is_answered_is_stored_without_orders);
    g_test_add_func("/request/whom-it-concerns", test_whom_it_concerns);
    g_test_add_func("/request/whom-it-concerns-no-more", test_whom_it_concerns_no_more);
    return g_test_run();
}

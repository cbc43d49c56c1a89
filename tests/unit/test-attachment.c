// SPDX-License-Identifier: Apache-2.0

#include "platform/handover.h"
#include "platform/member.h"
#include "tests/unit/federation-fixture.h"

#include <string.h>

// a - b - c
static const GraphLink links[] = {{"a-b", "a", "b", 900}, {"b-c", "b", "c", 900}};

static Application *find(FederationFixture *fixture, const char *sae)
{
    Application *application = directory_find(fixture->federation, sae);
    g_assert_nonnull(application);
    return application;
}

static void move(FederationFixture *fixture, const char *sae, const char *provider,
                 const char *node)
{
    Provider *to = topology_find(fixture->federation->topology, provider);
    attachment_move(fixture->federation, find(fixture, sae), to, node);
}

static void assert_with(FederationFixture *fixture, const char *sae, const char *provider,
                        const char *node)
{
    const Application *application = find(fixture, sae);
    g_assert_cmpstr(attachment_provider(application)->id, ==, provider);
    g_assert_cmpstr(attachment_node(application), ==, node);
}

// The members' resources go into the store, too: what a restarted platform knows.
static void restart(FederationFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    static const char *const ids[] = {"a", "b", "c"};
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        const Provider *provider = topology_find(fixture->federation->topology, ids[i]);
        g_autoptr(GBytes) value = message_pack(&provider->resource->base);
        store_put_text(fixture->store, "resource", ids[i], value);
    }
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
}

static void test_it_starts_at_home(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    assert_with(fixture, "sae-a", "a", "home");
    move(fixture, "sae-a", "c", "home");
    assert_with(fixture, "sae-a", "c", "home");
    g_assert_cmpstr(find(fixture, "sae-a")->home->id, ==, "a");
    move(fixture, "sae-a", "a", "home");
    assert_with(fixture, "sae-a", "a", "home");
}

// The parts of a request go to where its ends are served, and so does what is told of its keys.
static void test_orders_go_where_it_is(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    move(fixture, "sae-a", "b", "home");
    Request *request = federation_fixture_request(fixture, "sae-c", 1, 1);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
    g_auto(GStrv) path = plan_path(request, 0);
    g_autofree char *text = g_strjoinv("-", path);
    g_assert_cmpstr(text, ==, "b-c");
    const Part *part = request->parts->pdata[0];
    g_assert_cmpstr(part->order->initiator_agent, ==, "b");
    // It moves on while its keys are made.
    move(fixture, "sae-a", "a", "home");
    WireReply *reply = request_grant_reply(fixture->federation, request);
    g_assert_cmpstr(reply->deliveries[0]->provider, ==, "b");
    g_assert_cmpstr(reply->deliveries[1]->provider, ==, "c");
    wire_free(reply);
}

// a - b - c - d, a - e - d, c - e
static const GraphLink ring[] = {{"a-b", "a", "b", 900}, {"b-c", "b", "c", 900},
                                 {"c-d", "c", "d", 900}, {"a-e", "a", "e", 900},
                                 {"d-e", "d", "e", 900}, {"c-e", "c", "e", 900}};

static void set_mode(FederationFixture *fixture, const char *provider, Qkdnf__V1__RoamingMode mode)
{
    WireResource *resource = topology_find(fixture->federation->topology, provider)->resource;
    if (!resource->roaming) {
        WireRoaming roaming = WIRE_ROAMING_INIT;
        resource->roaming = message_copy(&roaming.base);
    }
    resource->roaming->mode = mode;
}

// Keys of sae-a to the target; "" when there is no way.
static void assert_path(FederationFixture *fixture, const char *target, const char *expected)
{
    Request *request = federation_fixture_request(fixture, target, 1, 1);
    Status status = plan_make(fixture->federation, request, NULL);
    g_assert_cmpint(status, ==, expected[0] ? STATUS_OK : STATUS_NO_ROUTE);
    g_auto(GStrv) path = plan_path(request, 0);
    g_autofree char *text = path ? g_strjoinv("-", path) : g_strdup("");
    g_assert_cmpstr(text, ==, expected);
    g_hash_table_remove(fixture->federation->requests, FEDERATION_UUID);
}

static void test_keys_travel_by_way_of_home(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(ring, G_N_ELEMENTS(ring));
    move(fixture, "sae-a", "c", "home");
    assert_path(fixture, "sae-d", "c-d");
    set_mode(fixture, "a", QKDNF__V1__ROAMING_MODE__ROAMING_MODE_HOME_ROUTED);
    assert_path(fixture, "sae-d", "c-b-a-e-d");
    // Home is where the other one is.
    move(fixture, "sae-e", "a", "home");
    assert_path(fixture, "sae-e", "c-b-a");
    // It would have to come back to where it began.
    assert_path(fixture, "sae-c", "");
    Request *request = federation_fixture_request(fixture, "sae-d", 1, 2);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_NO_DISJOINT_PATHS);
    g_hash_table_remove(fixture->federation->requests, FEDERATION_UUID);
    move(fixture, "sae-a", "a", "home");
    assert_path(fixture, "sae-d", "a-e-d");
}

// Both ends are away, and both homes want to see their keys.
static void test_keys_travel_by_way_of_both_homes(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(ring, G_N_ELEMENTS(ring));
    set_mode(fixture, "a", QKDNF__V1__ROAMING_MODE__ROAMING_MODE_HOME_ROUTED);
    set_mode(fixture, "e", QKDNF__V1__ROAMING_MODE__ROAMING_MODE_HOME_ROUTED);
    move(fixture, "sae-a", "b", "home");
    move(fixture, "sae-e", "d", "home");
    assert_path(fixture, "sae-e", "b-a-e-d");
    // Both at one place: from there home and back is no way.
    move(fixture, "sae-e", "b", "home");
    assert_path(fixture, "sae-e", "");
    set_mode(fixture, "a", QKDNF__V1__ROAMING_MODE__ROAMING_MODE_LOCAL_BREAKOUT);
    set_mode(fixture, "e", QKDNF__V1__ROAMING_MODE__ROAMING_MODE_LOCAL_BREAKOUT);
    assert_path(fixture, "sae-e", "b");
}

static void test_who_serves_it_asks_for_it(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    move(fixture, "sae-a", "b", "home");
    char *targets[] = {(char *)"sae-c"};
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = (char *)FEDERATION_UUID;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = targets;
    wire.number = 1;
    wire.size_bits = 256;
    wire.timeout_ms = 1000;
    Verdict verdict = request_check(fixture->federation, &(Sender){"b", ROLE_AGENT, 1}, &wire);
    g_assert_cmpint(verdict.status, ==, STATUS_OK);
    verdict = request_check(fixture->federation, &(Sender){"a", ROLE_AGENT, 1}, &wire);
    g_assert_cmpint(verdict.status, ==, STATUS_NOT_ALLOWED);
    g_free(verdict.text);
}

static void test_it_survives_a_restart(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    move(fixture, "sae-a", "c", "home");
    move(fixture, "sae-b", "c", "home");
    move(fixture, "sae-b", "b", "home");
    restart(fixture);
    assert_with(fixture, "sae-a", "c", "home");
    assert_with(fixture, "sae-b", "b", "home");
}

static void drop_nodes(FederationFixture *fixture, const char *provider)
{
    const Provider *gone = topology_find(fixture->federation->topology, provider);
    for (gsize i = 0; i < gone->resource->n_nodes; i++)
        gone->resource->nodes[i]->access = FALSE;
}

static void test_without_its_node_it_is_at_home(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    move(fixture, "sae-a", "c", "home");
    move(fixture, "sae-b", "a", "home");
    drop_nodes(fixture, "c");
    // Who can still be asked what it has is left in good order.
    const Provider *gone = topology_find(fixture->federation->topology, "c");
    attachment_review(fixture->federation, gone);
    assert_with(fixture, "sae-a", "c", "home");
    const Handover *handover = handover_find_running(fixture->federation, "sae-a");
    g_assert_cmpstr(handover->provider->id, ==, "a");
    member_find(fixture->federation, "c")->state = MEMBER(SUSPENDED);
    attachment_review(fixture->federation, gone);
    g_assert_null(handover_find_running(fixture->federation, "sae-a"));
    assert_with(fixture, "sae-a", "a", "home");
    assert_with(fixture, "sae-b", "a", "home");
}

static void test_without_its_provider_it_is_at_home(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    move(fixture, "sae-a", "c", "home");
    member_find(fixture->federation, "c")->state = MEMBER(WITHDRAWN);
    attachment_review(fixture->federation, topology_find(fixture->federation->topology, "c"));
    assert_with(fixture, "sae-a", "a", "home");
}

static void count_record(gpointer data, GBytes *key, GBytes *value)
{
    ++*(guint *)data;
}

// What does not fit when it is loaded does not come back later, when it might.
static void test_what_does_not_fit_is_forgotten(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    move(fixture, "sae-a", "c", "home");
    drop_nodes(fixture, "c");
    restart(fixture);
    assert_with(fixture, "sae-a", "a", "home");
    guint n_records = 0;
    g_assert_true(store_commit(fixture->store, NULL));
    g_assert_true(store_load(fixture->store, "attachment", count_record, &n_records, NULL));
    g_assert_cmpuint(n_records, ==, 0);
}

static void test_a_damaged_record(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    g_autoptr(GBytes) value = g_bytes_new_static("\xff", 1);
    store_put_text(fixture->store, "attachment", "sae-a", value);
    federation_fixture_restart(fixture, &error);
    g_assert_null(fixture->federation);
    g_assert_cmpstr(error->message, ==, "attachment of 'sae-a': is damaged");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/attachment/it-starts-at-home", test_it_starts_at_home);
    g_test_add_func("/attachment/orders-go-where-it-is", test_orders_go_where_it_is);
    g_test_add_func("/attachment/keys-travel-by-way-of-home", test_keys_travel_by_way_of_home);
    g_test_add_func("/attachment/keys-travel-by-way-of-both-homes",
                    test_keys_travel_by_way_of_both_homes);
    g_test_add_func("/attachment/who-serves-it-asks-for-it", test_who_serves_it_asks_for_it);
    g_test_add_func("/attachment/it-survives-a-restart", test_it_survives_a_restart);
    g_test_add_func("/attachment/without-its-node-it-is-at-home",
                    test_without_its_node_it_is_at_home);
    g_test_add_func("/attachment/without-its-provider-it-is-at-home",
                    test_without_its_provider_it_is_at_home);
    g_test_add_func("/attachment/what-does-not-fit-is-forgotten",
                    test_what_does_not_fit_is_forgotten);
    g_test_add_func("/attachment/a-damaged-record", test_a_damaged_record);
    return g_test_run();
}

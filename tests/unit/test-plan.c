// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

#include <string.h>

// a - b - c - d in a row, a second way from a to d over e, and a to f.
static const GraphLink links[] = {
    {"a-b", "a", "b", 100}, {"b-c", "b", "c", 100}, {"c-d", "c", "d", 100},
    {"a-e", "a", "e", 100}, {"e-d", "e", "d", 100}, {"a-f", "a", "f", 100},
};

static FederationFixture *fixture_new(void)
{
    return federation_fixture_new(links, G_N_ELEMENTS(links));
}

static void add_range(GString *text, const char *name, const WireSlotRange *range)
{
    if (range)
        g_string_append_printf(text, " %s %s %" G_GUINT64_FORMAT "+%u", name, range->link,
                               range->first, range->n_slots);
}

static void add_branch(GString *text, const WireBranch *branch)
{
    static const char *const roles[] = {"?", "initiator", "transit", "target", "local"};
    g_string_append_printf(text, " | %s t%u p%u/%u", roles[branch->role], branch->target,
                           branch->path, branch->n_paths);
    for (gsize i = 0; i < branch->n_providers; i++)
        g_string_append_printf(text, "%c%s", i == 0 ? ' ' : '-', branch->providers[i]);
    g_string_append_printf(text, " to %s, %s-%s", branch->target_agent, branch->from_node,
                           branch->to_node);
    add_range(text, "in", branch->ingress);
    add_range(text, "out", branch->egress);
}

// One line for each order: agent and branches.
static char *split_text(const Request *request)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        g_string_append(text, part->agent);
        for (gsize j = 0; j < part->order->n_branches; j++)
            add_branch(text, part->order->branches[j]);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static void assert_split(FederationFixture *fixture, Request *request, const char *expected)
{
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
    g_autofree char *text = split_text(request);
    g_assert_cmpstr(text, ==, expected);
}

static void test_neighbours(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = federation_fixture_request(fixture, "sae-f", 3, 0);
    request->attempt = 4;
    assert_split(fixture, request,
                 "a | initiator t0 p0/1 a-f to f, home-a-f out a-f 0+4\n"
                 "f | target t0 p0/1 a-f to f, a-f-home in a-f 0+4\n");
    for (guint i = 0; i < 2; i++) {
        const WireOrder *order = ((Part *)request->parts->pdata[i])->order;
        g_assert_cmpstr(order->request, ==, FEDERATION_UUID);
        g_assert_cmpuint(order->attempt, ==, 4);
        g_assert_cmpstr(order->initiator, ==, "sae-a");
        g_assert_cmpstr(order->initiator_agent, ==, "a");
        g_assert_cmpuint(order->n_targets, ==, 1);
        g_assert_cmpstr(order->targets[0], ==, "sae-f");
        g_assert_cmpuint(order->number, ==, 3);
        g_assert_cmpuint(order->size_bits, ==, 256);
        g_assert_cmpuint(order->timeout_ms, ==, 3000);
    }
}

static void test_transit(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    assert_split(fixture, federation_fixture_request(fixture, "sae-d", 1, 1),
                 "a | initiator t0 p0/1 a-e-d to d, home-a-e out a-e 0+2\n"
                 "e | transit t0 p0/1 a-e-d to d, a-e-e-d in a-e 0+2 out e-d 0+2\n"
                 "d | target t0 p0/1 a-e-d to d, e-d-home in e-d 0+2\n");
}

static void test_four_providers(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    graph_link(fixture->federation->topology, "a-e")->ends[0].is_up = FALSE;
    assert_split(fixture, federation_fixture_request(fixture, "sae-d", 1, 1),
                 "a | initiator t0 p0/1 a-b-c-d to d, home-a-b out a-b 0+2\n"
                 "b | transit t0 p0/1 a-b-c-d to d, a-b-b-c in a-b 0+2 out b-c 0+2\n"
                 "c | transit t0 p0/1 a-b-c-d to d, b-c-c-d in b-c 0+2 out c-d 0+2\n"
                 "d | target t0 p0/1 a-b-c-d to d, c-d-home in c-d 0+2\n");
}

static void test_two_paths(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    assert_split(fixture, federation_fixture_request(fixture, "sae-d", 1, 2),
                 "a | initiator t0 p0/2 a-b-c-d to d, home-a-b out a-b 0+2"
                 " | initiator t0 p1/2 a-e-d to d, home-a-e out a-e 0+2\n"
                 "b | transit t0 p0/2 a-b-c-d to d, a-b-b-c in a-b 0+2 out b-c 0+2\n"
                 "c | transit t0 p0/2 a-b-c-d to d, b-c-c-d in b-c 0+2 out c-d 0+2\n"
                 "d | target t0 p0/2 a-b-c-d to d, c-d-home in c-d 0+2"
                 " | target t0 p1/2 a-e-d to d, e-d-home in e-d 0+2\n"
                 "e | transit t0 p1/2 a-e-d to d, a-e-e-d in a-e 0+2 out e-d 0+2\n");
}

static void test_several_targets(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    assert_split(fixture, federation_fixture_request(fixture, "sae-b,sae-c,sae-f", 1, 1),
                 "a | initiator t0 p0/1 a-b to b, home-a-b out a-b 0+2"
                 " | initiator t1 p0/1 a-b-c to c, home-a-b out a-b 2+2"
                 " | initiator t2 p0/1 a-f to f, home-a-f out a-f 0+2\n"
                 "b | target t0 p0/1 a-b to b, a-b-home in a-b 0+2"
                 " | transit t1 p0/1 a-b-c to c, a-b-b-c in a-b 2+2 out b-c 0+2\n"
                 "c | target t1 p0/1 a-b-c to c, b-c-home in b-c 0+2\n"
                 "f | target t2 p0/1 a-f to f, a-f-home in a-f 0+2\n");
}

// Both applications of the same provider: no border is crossed, no slot given out.
static void test_local(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = federation_fixture_request(fixture, "sae-a", 1, 3);
    assert_split(fixture, request, "a | local t0 p0/1 a to a, home-home\n");
    g_assert_cmpuint(graph_link(fixture->federation->topology, "a-b")->next, ==, 0);
}

static void test_slots_are_given_once(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = federation_fixture_request(fixture, "sae-f", 49, 1);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
    const WireOrder *order = ((Part *)request->parts->pdata[0])->order;
    g_assert_cmpuint(request->parts->len, ==, 2);
    g_assert_cmpuint(order->branches[0]->egress->first, ==, 50);
    // All gone: refused, and nothing given out on other links.
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(graph_link(fixture->federation->topology, "a-f")->next, ==, 100);
}

// What was given out survives the platform, before anybody has registered again.
static void test_what_was_given_out_is_stored(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = federation_fixture_request(fixture, "sae-f", 9, 1);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
    g_assert_true(store_commit(fixture->store, NULL));
    g_clear_pointer(&fixture->federation, federation_free);
    g_clear_pointer(&fixture->store, store_free);
    fixture->store = store_new_memory(fixture->disk);
    fixture->federation =
        federation_new(&fixture->config, fixture->store, &fixture->random, FEDERATION_NOW, NULL);
    Topology *topology = fixture->federation->topology;
    graph_register(topology, links, G_N_ELEMENTS(links));
    g_assert_cmpuint(graph_link(topology, "a-f")->next, ==, 10);
    g_assert_cmpuint(link_n_available(graph_link(topology, "a-f")), ==, 90);
}

static void assert_status(FederationFixture *fixture, const char *targets, guint n_paths,
                          Status status)
{
    Request *request = federation_fixture_request(fixture, targets, 1, n_paths);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, status);
    g_assert_cmpuint(request->parts->len, ==, 0);
    g_hash_table_remove(fixture->federation->requests, request->id);
}

// A row of 33 providers: its ends are too far from each other, and nothing is given out.
static void test_a_long_way(void)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyz0123456";
    char ids[33][2];
    char link_ids[32][4];
    GraphLink row[32];
    for (guint i = 0; i < 33; i++)
        g_snprintf(ids[i], sizeof ids[i], "%c", names[i]);
    for (guint i = 0; i < 32; i++) {
        g_snprintf(link_ids[i], sizeof link_ids[i], "%c-%c", names[i], names[i + 1]);
        row[i] = (GraphLink){link_ids[i], ids[i], ids[i + 1], 100};
    }
    g_autoptr(FederationFixture) fixture = federation_fixture_new(row, G_N_ELEMENTS(row));
    assert_status(fixture, "sae-6", 1, STATUS_UNSUPPORTED);
    g_assert_cmpuint(graph_link(fixture->federation->topology, "a-b")->next, ==, 0);
    Request *request = federation_fixture_request(fixture, "sae-5", 1, 1);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
}

static void test_reasons(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Topology *topology = fixture->federation->topology;
    assert_status(fixture, "sae-f", 2, STATUS_NO_DISJOINT_PATHS);
    assert_status(fixture, "sae-d", 3, STATUS_NO_DISJOINT_PATHS);
    graph_link(topology, "a-f")->ends[0].open_end = 1;
    assert_status(fixture, "sae-f", 1, STATUS_INSUFFICIENT_KEY);
    // A target that can be served does not hide one that cannot.
    assert_status(fixture, "sae-b,sae-f", 1, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(graph_link(topology, "a-b")->next, ==, 0);
    graph_link(topology, "a-f")->ends[0].is_up = FALSE;
    assert_status(fixture, "sae-f", 1, STATUS_NO_ROUTE);
    assert_status(fixture, "sae-f", 2, STATUS_NO_ROUTE);
    topology_find(topology, "a")->is_usable = FALSE;
    assert_status(fixture, "sae-b", 1, STATUS_NO_ROUTE);
}

static void test_an_application_that_went(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    federation_fixture_drop_application(fixture, "f", links, G_N_ELEMENTS(links));
    assert_status(fixture, "sae-b,sae-f", 1, STATUS_UNKNOWN_SAE);
    federation_fixture_drop_application(fixture, "a", links, G_N_ELEMENTS(links));
    assert_status(fixture, "sae-b", 1, STATUS_UNKNOWN_SAE);
    guint number = 9;
    guint64 in_ms = 9;
    plan_counter_offer(fixture->federation, federation_fixture_request(fixture, "sae-b", 1, 1),
                       &number, &in_ms);
    g_assert_cmpuint(number, ==, 0);
    g_assert_cmpuint(in_ms, ==, 0);
}

// --- counter-offers ------------------------------------------------------------------------------

static void assert_offer(FederationFixture *fixture, const char *targets, guint number,
                         guint expected_number, guint64 expected_ms)
{
    Request *request = federation_fixture_request(fixture, targets, number, 1);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_INSUFFICIENT_KEY);
    guint ret_number = 0;
    guint64 ret_in_ms = 0;
    plan_counter_offer(fixture->federation, request, &ret_number, &ret_in_ms);
    g_assert_cmpuint(ret_number, ==, expected_number);
    // Agents fill up and report within four seconds.
    g_assert_cmpuint(ret_in_ms, ==, expected_ms > 0 ? expected_ms + 4000 : 0);
    g_hash_table_remove(fixture->federation->requests, request->id);
}

static void set_fill(FederationFixture *fixture, const char *id, guint64 bps)
{
    Link *link = graph_link(fixture->federation->topology, id);
    link->ends[0].fill_bps = 2 * bps;
    link->ends[1].fill_bps = bps;
}

static void test_an_offer_is_what_could_be_had(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    assert_offer(fixture, "sae-f", 119, 99, 0);
    // 20 slots of 256 bits are short; the slower end decides.
    set_fill(fixture, "a-f", 1000);
    assert_offer(fixture, "sae-f", 119, 99, 5120);
    // More than the ledger ever holds never comes.
    graph_link(fixture->federation->topology, "a-f")->ends[0].capacity = 119;
    assert_offer(fixture, "sae-f", 119, 99, 0);
    Request *request = federation_fixture_request(fixture, "sae-f", 99, 1);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
}

static void test_no_offer(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    graph_link(fixture->federation->topology, "a-f")->ends[1].open_end = 1;
    assert_offer(fixture, "sae-f", 1, 0, 0);
    set_fill(fixture, "a-f", 256);
    assert_offer(fixture, "sae-f", 1, 0, 1000);
}

// Targets behind the same link need its key one after another.
static void test_an_offer_for_several_targets(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_fill(fixture, "a-b", 256);
    graph_link(fixture->federation->topology, "a-e")->ends[0].is_up = FALSE;
    assert_offer(fixture, "sae-b,sae-c", 59, 49, 20000);
}

// Where one way never gets more key, another one may.
static void test_an_offer_over_a_way_round(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_fill(fixture, "a-b", 256);
    set_fill(fixture, "b-c", 256);
    set_fill(fixture, "c-d", 256);
    assert_offer(fixture, "sae-d", 101, 99, 2000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/neighbours", test_neighbours);
    g_test_add_func("/plan/transit", test_transit);
    g_test_add_func("/plan/four-providers", test_four_providers);
    g_test_add_func("/plan/two-paths", test_two_paths);
    g_test_add_func("/plan/several-targets", test_several_targets);
    g_test_add_func("/plan/local", test_local);
    g_test_add_func("/plan/slots-are-given-once", test_slots_are_given_once);
    g_test_add_func("/plan/what-was-given-out-is-stored", test_what_was_given_out_is_stored);
    g_test_add_func("/plan/a-long-way", test_a_long_way);
    g_test_add_func("/plan/reasons", test_reasons);
    g_test_add_func("/plan/an-application-that-went", test_an_application_that_went);
    g_test_add_func("/plan/an-offer-is-what-could-be-had", test_an_offer_is_what_could_be_had);
    g_test_add_func("/plan/no-offer", test_no_offer);
    g_test_add_func("/plan/an-offer-for-several-targets", test_an_offer_for_several_targets);
    g_test_add_func("/plan/an-offer-over-a-way-round", test_an_offer_over_a_way_round);
    return g_test_run();
}

// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/graph.h"

#include <string.h>

static const GraphLink links[] = {{"a-b", "a", "b", 100}, {"b-c", "b", "c", 50}};

static Topology *topology_make(void)
{
    Topology *topology = topology_new();
    graph_register(topology, links, G_N_ELEMENTS(links));
    return topology;
}

static void set(char **text, const char *value)
{
    // Freed by protobuf-c, which allocates with malloc().
    free(*text);
    *text = strdup(value);
}

static void assert_fault(const WireResource *resource, const char *expected)
{
    g_autoptr(Topology) topology = topology_make();
    g_autofree char *fault = topology_check(topology_find(topology, "b"), resource);
    g_assert_cmpstr(fault, ==, expected);
}

// What "b" registers, with one text changed.
static void assert_fault_with(char **(*text)(WireResource *), const char *value,
                              const char *expected)
{
    WireResource *resource = graph_resource("b", links, G_N_ELEMENTS(links));
    assert_fault(resource, NULL);
    set(text(resource), value);
    assert_fault(resource, expected);
    wire_free(resource);
}

static char **node_of(WireResource *resource)
{
    return &resource->nodes[0]->id;
}

static char **border_of(WireResource *resource)
{
    return &resource->border_links[0]->id;
}

static char **border_node_of(WireResource *resource)
{
    return &resource->border_links[0]->node;
}

static char **peer_of(WireResource *resource)
{
    return &resource->border_links[0]->peer;
}

static char **sae_of(WireResource *resource)
{
    return &resource->applications[0]->sae;
}

static char **sae_node_of(WireResource *resource)
{
    return &resource->applications[0]->node;
}

static char **kme_url_of(WireResource *resource)
{
    return &resource->kme_url;
}

static char **kme_id_of(WireResource *resource)
{
    return &resource->kme_id;
}

static char **region_of(WireResource *resource)
{
    return &resource->region;
}

static char **service_of(WireResource *resource)
{
    return &resource->applications[0]->service;
}

static void test_long_texts(void)
{
    g_autofree char *url = g_strnfill(257, 'u'), *text = g_strnfill(65, 't');
    WireResource *resource = graph_resource("b", links, G_N_ELEMENTS(links));
    // An empty text of protobuf-c is not its own to free.
    resource->kme_url = strdup("x");
    resource->kme_id = strdup("x");
    resource->region = strdup("x");
    resource->applications[0]->service = strdup("x");
    assert_fault(resource, NULL);
    set(kme_url_of(resource), url);
    assert_fault(resource, "kme_url is longer than 256 bytes");
    set(kme_url_of(resource), "x");
    set(kme_id_of(resource), "No ID");
    assert_fault(resource, "kme_id 'No ID' is no valid ID");
    set(kme_id_of(resource), "x");
    set(region_of(resource), text);
    assert_fault(resource, "region is longer than 64 bytes");
    set(region_of(resource), "x");
    set(service_of(resource), text);
    assert_fault(resource, "a service is longer than 64 bytes");
    wire_free(resource);
}

static void test_what_is_refused(void)
{
    assert_fault_with(node_of, "No Node", "node 'No Node' is no valid ID");
    assert_fault_with(node_of, "a-b", "node 'a-b' is registered twice");
    assert_fault_with(border_of, "", "border link '' is no valid ID");
    assert_fault_with(border_of, "b-c", "border link 'b-c' is registered twice");
    assert_fault_with(border_node_of, "nowhere",
                      "border link 'a-b' ends at 'nowhere', which is no registered node");
    assert_fault_with(peer_of, "b", "border link 'a-b' leads to 'b', which is no neighbour");
    assert_fault_with(peer_of, "?", "border link 'a-b' leads to '?', which is no neighbour");
    assert_fault_with(sae_of, "SAE", "application 'SAE' is no valid ID");
    assert_fault_with(sae_node_of, "nowhere",
                      "application 'sae-b' is attached to 'nowhere', which is no registered node");
}

// The reason goes into a frame, which carries only whole characters.
static void test_a_character_is_not_cut(void)
{
    WireResource *resource = graph_resource("b", links, G_N_ELEMENTS(links));
    g_autofree char *dots = g_strnfill(63, '.');
    g_autofree char *id = g_strconcat(dots, "ü", NULL);
    set(&resource->applications[0]->node, id);
    g_autoptr(Topology) topology = topology_make();
    g_autofree char *fault = topology_check(topology_find(topology, "b"), resource);
    g_assert_true(g_str_has_prefix(fault, "application 'sae-b' is attached to '...."));
    g_assert_true(g_utf8_validate(fault, -1, NULL));
    wire_free(resource);
}

static void test_too_much(void)
{
    WireResource resource = WIRE_RESOURCE_INIT;
    WireNode node = WIRE_NODE_INIT;
    g_autofree WireNode **nodes = g_new(WireNode *, 1001);
    for (guint i = 0; i < 1001; i++)
        nodes[i] = &node;
    resource.nodes = nodes;
    resource.n_nodes = 1001;
    assert_fault(&resource, "more than 1000 nodes, 1000 border links, 100000 virtual links or "
                            "10000 applications");
}

// Whoever claims an end first: the two that name each other have the link.
static void test_a_claim_of_others(void)
{
    static const GraphLink first[] = {{"a-b", "m", "a", 10}}, second[] = {{"a-b", "n", "b", 10}};
    static const char *const orders[] = {"mnab", "mab", "amb", "abm", "manb", "ambn"};
    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        g_autoptr(Topology) topology = topology_new();
        for (const char *c = orders[i]; *c; c++) {
            const char id[] = {*c, '\0'};
            const GraphLink *link = *c == 'm' ? first : *c == 'n' ? second : links;
            Provider *provider = topology_add(topology, id);
            WireResource *resource = graph_resource(id, link, 1);
            g_assert_null(topology_check(provider, resource));
            topology_register(topology, provider, resource);
        }
        Link *link = graph_link(topology, "a-b");
        g_assert_nonnull(link_end_of(link, topology_find(topology, "a")));
        g_assert_nonnull(link_end_of(link, topology_find(topology, "b")));
        g_assert_cmpuint(topology_find(topology, "m")->links->len, ==, 0);
    }
}

// Who had to stand back gets its end when the others go.
static void test_a_claim_that_is_given_up(void)
{
    static const GraphLink others[] = {{"a-b", "m", "n", 10}};
    g_autoptr(Topology) topology = topology_new();
    graph_register(topology, others, 1);
    for (gsize i = 0; i < 2; i++) {
        const char *id = i == 0 ? "a" : "b";
        topology_register(topology, topology_add(topology, id), graph_resource(id, links, 1));
    }
    Link *link = graph_link(topology, "a-b");
    g_assert_nonnull(link_end_of(link, topology_find(topology, "m")));
    topology_register(topology, topology_find(topology, "m"), graph_resource("m", NULL, 0));
    g_assert_nonnull(link_end_of(link, topology_find(topology, "a")));
    g_assert_nonnull(link_end_of(link, topology_find(topology, "b")));
}

static void test_a_link_without_ends_is_forgotten(void)
{
    g_autoptr(Topology) topology = topology_make();
    link_allocate(graph_link(topology, "a-b"), 30);
    topology_register(topology, topology_find(topology, "a"), graph_resource("a", NULL, 0));
    topology_register(topology, topology_find(topology, "b"), graph_resource("b", &links[1], 1));
    g_assert_null(topology_find_link(topology, "a-b"));
    g_assert_cmpuint(topology->links->len, ==, 1);
    g_assert_cmpuint(graph_link(topology, "b-c")->index, ==, 0);
    // But not what was given out of it.
    topology_register(topology, topology_find(topology, "a"), graph_resource("a", links, 1));
    g_assert_cmpuint(graph_link(topology, "a-b")->next, ==, 30);
    g_assert_cmpuint(graph_link(topology, "a-b")->index, ==, 1);
}

static void test_both_ends_must_agree(void)
{
    g_autoptr(Topology) topology = topology_make();
    Link *link = graph_link(topology, "a-b");
    g_assert_true(link_is_up(link));
    set(&link->ends[1].peer, "c");
    g_assert_false(link_is_up(link));
    set(&link->ends[1].peer, "a");
    for (guint i = 0; i < 2; i++) {
        link->ends[i].is_up = FALSE;
        g_assert_false(link_is_up(link));
        link->ends[i].is_up = TRUE;
    }
    g_assert_true(link_is_up(link));
}

static void test_a_newer_registration_replaces(void)
{
    g_autoptr(Topology) topology = topology_make();
    Provider *b = topology_find(topology, "b");
    // Without the link to a, but the one to c as it was.
    topology_register(topology, b, graph_resource("b", &links[1], 1));
    g_assert_cmpuint(b->links->len, ==, 1);
    Link *gone = graph_link(topology, "a-b"), *kept = graph_link(topology, "b-c");
    g_assert_null(link_end_of(gone, b));
    g_assert_false(link_is_up(gone));
    g_assert_true(link_is_up(kept));
    g_assert_cmpuint(link_n_available(kept), ==, 50);
    guint64 latency_us;
    g_assert_false(provider_connects(b, "home", "a-b", &latency_us));
    g_assert_true(provider_connects(b, "home", "b-c", &latency_us));
    g_assert_false(topology_report(topology, b, &(WireLinkStock){.link = (char *)"a-b"}));
    // Back again: nothing is known of its stock until it reports.
    topology_register(topology, b, graph_resource("b", links, 2));
    g_assert_nonnull(link_end_of(gone, b));
    g_assert_cmpuint(link_n_available(gone), ==, 0);
}

static void test_reports(void)
{
    g_autoptr(Topology) topology = topology_make();
    Provider *a = topology_find(topology, "a");
    WireLinkStock stock = {.link = (char *)"b-c"};
    g_assert_false(topology_report(topology, a, &stock));
    stock.link = (char *)"no-such-link";
    g_assert_false(topology_report(topology, a, &stock));
    stock = (WireLinkStock){.link = (char *)"a-b", .open_end = 70, .fill_bps = 9, .up = TRUE};
    g_assert_true(topology_report(topology, a, &stock));
    Link *link = graph_link(topology, "a-b");
    g_assert_cmpuint(link_n_available(link), ==, 70);
    g_assert_cmpuint(link_fill_bps(link), ==, 0);
}

static void test_slots_are_given_out_once(void)
{
    g_autoptr(Topology) topology = topology_make();
    Link *link = graph_link(topology, "a-b");
    g_assert_cmpuint(link_allocate(link, 30), ==, 0);
    g_assert_cmpuint(link_allocate(link, 0), ==, 30);
    g_assert_cmpuint(link_allocate(link, 70), ==, 30);
    g_assert_cmpuint(link_n_available(link), ==, 0);
    // An end that says that it holds more than the other does not make more.
    link->ends[0].open_end = 500;
    g_assert_cmpuint(link_n_available(link), ==, 0);
    link->ends[1].open_end = 120;
    g_assert_cmpuint(link_n_available(link), ==, 20);
}

// An end that lost its store goes on beyond what was given out.
static void test_slots_that_were_lost(void)
{
    g_autoptr(Topology) topology = topology_make();
    Link *link = graph_link(topology, "a-b");
    link->ends[1].first_open = 60;
    g_assert_cmpuint(link_n_available(link), ==, 40);
    g_assert_cmpuint(link_allocate(link, 10), ==, 60);
    link->ends[0].first_open = G_MAXUINT64;
    g_assert_cmpuint(link_n_available(link), ==, 0);
    link->ends[0].first_open = 0;
    g_assert_cmpuint(link_n_available(link), ==, 30);
}

static void test_what_was_given_out_before_a_restart(void)
{
    g_autoptr(Topology) topology = topology_new();
    topology_restore_link(topology, "a-b", 99);
    graph_register(topology, links, G_N_ELEMENTS(links));
    Link *link = graph_link(topology, "a-b");
    g_assert_cmpuint(link_n_available(link), ==, 1);
    g_assert_cmpuint(link_allocate(link, 1), ==, 99);
}

static void test_the_interior(void)
{
    g_autoptr(Topology) topology = topology_make();
    const Provider *b = topology_find(topology, "b");
    WireVirtualLink *inside = graph_interior(topology, "b", "b-c", "a-b");
    inside->latency_us = 77;
    guint64 latency_us = 0;
    g_assert_true(provider_connects(b, "a-b", "b-c", &latency_us));
    g_assert_cmpuint(latency_us, ==, 77);
    g_assert_true(provider_connects(b, "b-c", "a-b", &latency_us));
    g_assert_true(provider_connects(b, "b-c", "b-c", &latency_us));
    g_assert_cmpuint(latency_us, ==, 0);
    inside->up = FALSE;
    g_assert_false(provider_connects(b, "b-c", "a-b", &latency_us));
    g_assert_false(provider_connects(b, "b-c", "elsewhere", &latency_us));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/topology/what-is-refused", test_what_is_refused);
    g_test_add_func("/topology/a-character-is-not-cut", test_a_character_is_not_cut);
    g_test_add_func("/topology/long-texts", test_long_texts);
    g_test_add_func("/topology/too-much", test_too_much);
    g_test_add_func("/topology/a-claim-of-others", test_a_claim_of_others);
    g_test_add_func("/topology/a-claim-that-is-given-up", test_a_claim_that_is_given_up);
    g_test_add_func("/topology/a-link-without-ends-is-forgotten",
                    test_a_link_without_ends_is_forgotten);
    g_test_add_func("/topology/both-ends-must-agree", test_both_ends_must_agree);
    g_test_add_func("/topology/a-newer-registration-replaces", test_a_newer_registration_replaces);
    g_test_add_func("/topology/reports", test_reports);
    g_test_add_func("/topology/slots-are-given-out-once", test_slots_are_given_out_once);
    g_test_add_func("/topology/slots-that-were-lost", test_slots_that_were_lost);
    g_test_add_func("/topology/what-was-given-out-before-a-restart",
                    test_what_was_given_out_before_a_restart);
    g_test_add_func("/topology/the-interior", test_the_interior);
    return g_test_run();
}

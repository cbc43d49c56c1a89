// SPDX-License-Identifier: Apache-2.0

#include "platform/member.h"
#include "tests/unit/federation-fixture.h"
#include "tests/unit/published.h"

#include <string.h>

static const GraphLink links[] = {{"a-b", "a", "b", 100}};

static void put(FederationFixture *fixture, const char *provider, const char *of)
{
    WireResource *resource = graph_resource(of, links, G_N_ELEMENTS(links));
    g_autoptr(GBytes) value = message_pack(&resource->base);
    store_put_text(fixture->store, "resource", provider, value);
    wire_free(resource);
}

static gboolean restart(FederationFixture *fixture, GError **error)
{
    g_assert_true(store_commit(fixture->store, NULL));
    g_clear_pointer(&fixture->federation, federation_free);
    g_clear_pointer(&fixture->store, store_free);
    fixture->store = store_new_memory(fixture->disk);
    fixture->federation =
        federation_new(&fixture->config, fixture->store, &fixture->random, FEDERATION_NOW, error);
    return fixture->federation != NULL;
}

// Two providers that vouch for the same application, as after a change of members.
static void test_what_does_not_fit_is_not_loaded(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    put(fixture, "a", "a");
    put(fixture, "b", "a");
    g_assert_true(restart(fixture, &error));
    g_assert_no_error(error);
    const Topology *topology = fixture->federation->topology;
    g_assert_nonnull(topology_find(topology, "a")->resource);
    g_assert_null(topology_find(topology, "b")->resource);
    g_assert_true(directory_find(fixture->federation, "sae-a")->home ==
                  topology_find(topology, "a"));
}

static void test_so_many_applications(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    const Member *member = member_find(fixture->federation, "a");
    WireResource *resource = message_copy(&member->provider->resource->base);
    g_assert_cmpuint(resource->n_applications, ==, 1);
    for (guint64 allowed = 0; allowed <= 1; allowed++) {
        fixture->config.policy.max_applications = allowed;
        g_assert_null(member_check_resource(fixture->federation, member, resource));
    }
    WireApplication second = *resource->applications[0],
                    *both[] = {resource->applications[0], &second};
    WireResource larger = *resource;
    second.sae = (char *)"sae-a2";
    larger.n_applications = G_N_ELEMENTS(both);
    larger.applications = both;
    g_autofree char *fault = member_check_resource(fixture->federation, member, &larger);
    g_assert_cmpstr(fault, ==, "2 applications; the federation's policy allows a provider 1");
    wire_free(resource);
}

static void test_what_is_damaged_is_said(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) damaged = g_bytes_new_static("\xff", 1);
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    store_put_text(fixture->store, "resource", "b", damaged);
    g_assert_false(restart(fixture, &error));
    g_assert_cmpstr(error->message, ==, "resource of 'b': is damaged");
}

static void find_event(gpointer data, const Publish *publish)
{
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    for (gsize i = 0; topic.kind == KIND_EVENT && i < frame->n_messages; i++) {
        const WireEvent *event = (const WireEvent *)frame->messages[i];
        if (strcmp(event->name, "link.claim-stands-back") == 0)
            g_string_append_printf(data, "%s: %s; ", event->subject, event->text);
    }
}

// Whoever claims what two others agree on is told, and changes nothing.
static void test_a_claim_stands_back(void)
{
    static const GraphLink more[] = {{"a-b", "a", "b", 100}, {"b-c", "b", "c", 100}};
    static const GraphLink claimed[] = {{"a-b", "c", "b", 100}};
    g_autoptr(FederationFixture) fixture = federation_fixture_new(more, G_N_ELEMENTS(more));
    WireResource *resource = graph_resource("c", claimed, G_N_ELEMENTS(claimed));
    resource->version = 2;
    member_on_resource(fixture->federation, &(Sender){"c", ROLE_AGENT, 1}, resource);
    wire_free(resource);
    g_autoptr(GString) said = g_string_new(NULL);
    outbox_flush(federation_outbox(fixture->federation), FEDERATION_NOW, find_event, said);
    g_assert_cmpstr(said->str, ==, "a-b: c claims it, but it belongs to a and b; ");
    const Topology *topology = fixture->federation->topology;
    g_assert_true(topology_find_link(topology, "a-b")->ends[0].provider ==
                  topology_find(topology, "a"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/member/so-many-applications", test_so_many_applications);
    g_test_add_func("/member/what-does-not-fit-is-not-loaded",
                    test_what_does_not_fit_is_not_loaded);
    g_test_add_func("/member/what-is-damaged-is-said", test_what_is_damaged_is_said);
    g_test_add_func("/member/a-claim-stands-back", test_a_claim_stands_back);
    return g_test_run();
}

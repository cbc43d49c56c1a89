// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

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

static void test_what_is_damaged_is_said(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) damaged = g_bytes_new_static("\xff", 1);
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    store_put_text(fixture->store, "resource", "b", damaged);
    g_assert_false(restart(fixture, &error));
    g_assert_cmpstr(error->message, ==, "resource of 'b': is damaged");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/member/what-does-not-fit-is-not-loaded",
                    test_what_does_not_fit_is_not_loaded);
    g_test_add_func("/member/what-is-damaged-is-said", test_what_is_damaged_is_said);
    return g_test_run();
}

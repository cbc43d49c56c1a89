// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

static const GraphLink links[] = {{"a-b", "a", "b", 100}};

static void register_b(FederationFixture *fixture, gboolean is_visible)
{
    Provider *b = topology_find(fixture->federation->topology, "b");
    WireResource *resource = graph_resource("b", links, G_N_ELEMENTS(links));
    resource->applications[0]->visible = is_visible;
    topology_register(fixture->federation->topology, b, resource);
    directory_update(fixture->federation, b);
}

static void announce(FederationFixture *fixture, gboolean is_visible)
{
    WireRegister message = WIRE_REGISTER_INIT;
    message.visible = is_visible;
    directory_on_register(fixture->federation, &(Sender){"sae-b", ROLE_APPLICATION, 1}, &message);
}

static gboolean is_visible(FederationFixture *fixture)
{
    return directory_find(fixture->federation, "sae-b")->visible;
}

static void test_a_home_hides_its_application(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    g_assert_true(is_visible(fixture));
    register_b(fixture, FALSE);
    g_assert_false(is_visible(fixture));
    // What it says itself has more weight.
    announce(fixture, TRUE);
    register_b(fixture, FALSE);
    g_assert_true(is_visible(fixture));
}

static void count_record(gpointer data, GBytes *key, GBytes *value)
{
    ++*(guint *)data;
}

static guint count_records(FederationFixture *fixture)
{
    guint n_records = 0;
    g_assert_true(store_commit(fixture->store, NULL));
    g_assert_true(store_load(fixture->store, "application", count_record, &n_records, NULL));
    return n_records;
}

static void test_an_announcement_goes_with_its_application(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    announce(fixture, FALSE);
    g_assert_cmpuint(count_records(fixture), ==, 1);
    federation_fixture_drop_application(fixture, "b", links, G_N_ELEMENTS(links));
    g_assert_cmpuint(count_records(fixture), ==, 0);
    register_b(fixture, TRUE);
    g_assert_true(is_visible(fixture));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/directory/a-home-hides-its-application", test_a_home_hides_its_application);
    g_test_add_func("/directory/an-announcement-goes-with-its-application",
                    test_an_announcement_goes_with_its_application);
    return g_test_run();
}

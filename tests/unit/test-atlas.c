// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/atlas.h"

#include "topics/outbox.h"
#include "topics/presence.h"

#include <string.h>

typedef struct {
    Atlas *atlas;
    gboolean changed;
} Learner;

static void learn(gpointer data, const Publish *publish)
{
    Learner *learner = data;
    gsize n_bytes = 0;
    const guint8 *payload = g_bytes_get_data(publish->payload, &n_bytes);
    learner->changed = atlas_learn(learner->atlas, publish->topic, payload, n_bytes);
}

static gboolean send(Atlas *atlas, const char *from, KindId kind, const ProtobufCMessage *message)
{
    g_autoptr(Outbox) outbox = outbox_new(from, 1);
    outbox_add(outbox, kind, "platform", message);
    Learner learner = {atlas, FALSE};
    outbox_flush(outbox, 1700000000000000, learn, &learner);
    return learner.changed;
}

static gboolean send_presence(Atlas *atlas, const char *member, Role role, guint64 connection,
                              gboolean alive)
{
    g_autoptr(GBytes) frame = presence_pack(&(Identity){member, role, 1, NULL}, connection, alive,
                                            NULL, 1700000000000000);
    g_autofree char *topic = topic_format(KIND_PRESENCE, member, ID_ALL);
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(frame, &n_bytes);
    return atlas_learn(atlas, topic, bytes, n_bytes);
}

static gboolean send_resource(Atlas *atlas, const char *provider, guint64 version, const char *peer)
{
    WireNode node = WIRE_NODE_INIT;
    node.id = (char *)"gw";
    node.gateway = TRUE;
    WireBorderLink border = WIRE_BORDER_LINK_INIT;
    border.id = (char *)"b1";
    border.node = (char *)"gw";
    border.peer = (char *)peer;
    border.rate_bps = 2500;
    WireApplication application = WIRE_APPLICATION_INIT;
    application.sae = (char *)"bank";
    application.node = (char *)"gw";
    WireResource resource = WIRE_RESOURCE_INIT;
    resource.version = version;
    resource.n_nodes = 1;
    resource.nodes = &(WireNode *){&node};
    resource.n_border_links = 1;
    resource.border_links = &(WireBorderLink *){&border};
    resource.n_applications = 1;
    resource.applications = &(WireApplication *){&application};
    return send(atlas, provider, KIND_RESOURCE, &resource.base);
}

static gboolean send_stock(Atlas *atlas, const char *provider, guint64 n_open)
{
    WireLinkStock link = WIRE_LINK_STOCK_INIT;
    link.link = (char *)"b1";
    link.n_open = n_open;
    link.up = TRUE;
    WireStock stock = WIRE_STOCK_INIT;
    stock.n_links = 1;
    stock.links = &(WireLinkStock *){&link};
    return send(atlas, provider, KIND_STOCK, &stock.base);
}

static Atlas *two_providers(void)
{
    Atlas *atlas = atlas_new();
    send_presence(atlas, "vienna", ROLE_AGENT, 1, TRUE);
    send_presence(atlas, "graz", ROLE_AGENT, 1, TRUE);
    send_resource(atlas, "vienna", 1, "graz");
    send_resource(atlas, "graz", 1, "vienna");
    return atlas;
}

static char *link_as_text(const Atlas *atlas)
{
    json_t *map = atlas_to_json(atlas);
    json_t *link = json_array_get(json_object_get(map, "border_links"), 0);
    char *text = json_dumps(link, JSON_COMPACT);
    json_decref(map);
    return text;
}

static void test_what_is_whole(void)
{
    g_autoptr(Atlas) atlas = atlas_new();
    g_assert_false(atlas_is_whole(atlas));
    g_assert_true(send_presence(atlas, "platform", ROLE_PLATFORM, 1, TRUE));
    g_assert_true(send_presence(atlas, "vienna", ROLE_AGENT, 1, TRUE));
    g_assert_false(atlas_is_whole(atlas));
    g_assert_true(send_resource(atlas, "vienna", 1, "graz"));
    g_assert_false(atlas_is_whole(atlas));
    g_assert_true(send_stock(atlas, "vienna", 5));
    g_assert_true(atlas_is_whole(atlas));
    g_assert_true(send_resource(atlas, "graz", 1, "vienna"));
    g_assert_true(atlas_is_whole(atlas));
    g_assert_true(send_presence(atlas, "graz", ROLE_AGENT, 1, TRUE));
    g_assert_false(atlas_is_whole(atlas));
}

static void test_what_is_old_changes_nothing(void)
{
    g_autoptr(Atlas) atlas = two_providers();
    g_assert_false(send_presence(atlas, "vienna", ROLE_AGENT, 1, TRUE));
    g_assert_false(send_resource(atlas, "vienna", 1, "linz"));
    g_assert_false(atlas_learn(atlas, "qkdnf/v1/stock/vienna/platform", (const guint8 *)"\xff", 1));
    g_assert_false(atlas_learn(atlas, "x", (const guint8 *)"", 0));
    g_assert_true(send_resource(atlas, "vienna", 2, "linz"));
}

static void test_a_border_link_has_two_ends(void)
{
    g_autoptr(Atlas) atlas = two_providers();
    send_stock(atlas, "vienna", 5);
    send_stock(atlas, "graz", 4);
    g_autofree char *up = link_as_text(atlas);
    g_assert_cmpstr(up, ==,
                    "{\"id\":\"b1\",\"up\":true,\"ends\":["
                    "{\"provider\":\"graz\",\"node\":\"gw\",\"peer\":\"vienna\",\"rate_bps\":2500,"
                    "\"up\":true,\"n_open\":4,\"fill_bps\":0,\"capacity\":0},"
                    "{\"provider\":\"vienna\",\"node\":\"gw\",\"peer\":\"graz\",\"rate_bps\":2500,"
                    "\"up\":true,\"n_open\":5,\"fill_bps\":0,\"capacity\":0}]}");
    send_presence(atlas, "graz", ROLE_AGENT, 1, FALSE);
    g_autofree char *down = link_as_text(atlas);
    g_assert_nonnull(strstr(down, "\"id\":\"b1\",\"up\":false"));
}

static void test_members_and_providers(void)
{
    g_autoptr(Atlas) atlas = two_providers();
    json_t *map = atlas_to_json(atlas);
    json_t *members = json_object_get(map, "members");
    json_t *providers = json_object_get(map, "providers");
    g_assert_cmpuint(json_array_size(members), ==, 2);
    g_assert_cmpuint(json_array_size(providers), ==, 2);
    const char *id, *role, *sae;
    int alive;
    g_assert_cmpint(
        json_unpack(members, "[{s:s, s:s, s:b}]", "id", &id, "role", &role, "alive", &alive), ==,
        0);
    g_assert_cmpstr(id, ==, "graz");
    g_assert_cmpstr(role, ==, "ROLE_AGENT");
    g_assert_true(alive);
    g_assert_cmpint(
        json_unpack(providers, "[{s:s, s:[{s:s}]}]", "id", &id, "applications", "sae", &sae), ==,
        0);
    g_assert_cmpstr(sae, ==, "bank");
    json_decref(map);
}

static void test_formats(void)
{
    g_autoptr(Atlas) atlas = two_providers();
    send_stock(atlas, "vienna", 5);
    json_t *map = atlas_to_json(atlas);
    g_autofree char *dot = atlas_format_dot(map);
    g_assert_nonnull(strstr(dot, "subgraph \"cluster graz\" {\n        label=\"graz\";"));
    g_assert_nonnull(strstr(dot, "\"graz/gw\" [label=\"gw\", shape=box];"));
    g_assert_nonnull(
        strstr(dot, "\"graz/gw\" -- \"vienna/gw\" [label=\"b1, 2.5 kbit/s, 0 slots\""));
    g_autofree char *table = atlas_format_table(map);
    g_assert_nonnull(strstr(table, "2 providers\n"));
    g_assert_nonnull(
        strstr(table, "vienna               there      nodes gw; applications bank\n"));
    g_assert_nonnull(
        strstr(table, "graz/gw 2.5 kbit/s, 0 slots -- vienna/gw 2.5 kbit/s, 5 slots\n"));
    json_decref(map);
}

static void test_names_cannot_leave_their_quotes(void)
{
    json_t *map = json_pack("{s:[{s:s, s:b, s:[{s:s}]}], s:[]}", "providers", "id", "vienna",
                            "alive", 1, "nodes", "id", "a\"]; evil [\\\n", "border_links");
    g_autofree char *dot = atlas_format_dot(map);
    g_assert_nonnull(strstr(dot, "[label=\"a\\\"]; evil [\\\\?\", shape=ellipse]"));
    json_decref(map);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/atlas/what-is-whole", test_what_is_whole);
    g_test_add_func("/atlas/what-is-old-changes-nothing", test_what_is_old_changes_nothing);
    g_test_add_func("/atlas/a-border-link-has-two-ends", test_a_border_link_has_two_ends);
    g_test_add_func("/atlas/members-and-providers", test_members_and_providers);
    g_test_add_func("/atlas/formats", test_formats);
    g_test_add_func("/atlas/names-cannot-leave-their-quotes", test_names_cannot_leave_their_quotes);
    return g_test_run();
}

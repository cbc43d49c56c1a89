// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/description.h"

#include <string.h>

// A provider with the node `n` for users and the node `g` that is not for them.
#define PROVIDER(id, more)                                                                         \
    "  - {id: " id ", " more                                                                       \
    "qkdn: {driver: sim, sim: {nodes: [{id: n}, {id: g, access: false}]}}}\n"

static void check(Settings *settings)
{
    Description *description = settings_root(settings);
    if (description)
        description_check(description, settings);
}

static Settings *parse(const char *text)
{
    Settings *settings = settings_parse(&description_table, "f", text, strlen(text));
    check(settings);
    return settings;
}

// Without the excerpts.
static char *errors_of(const char *text)
{
    g_autoptr(Settings) settings = parse(text);
    g_autoptr(GError) error = NULL;
    if (settings_finish(settings, &error))
        return g_strdup("");
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
    GString *errors = g_string_new(NULL);
    for (char **line = lines; *line; line++) {
        if (g_str_has_prefix(*line, "f:"))
            g_string_append_printf(errors, "%s\n", *line);
    }
    return g_string_free(errors, FALSE);
}

static void assert_errors(const char *text, const char *expected)
{
    g_autofree char *errors = errors_of(text);
    g_assert_cmpstr(errors, ==, expected);
}

static void test_what_follows_is_filled_in(void)
{
    g_autoptr(Settings) settings =
        parse("platform: {id: hub}\n"
              "providers:\n" //
              PROVIDER("right", "applications: [{sae: bob, node: n}], ")
                  PROVIDER("left", "kme_url: 'https://127.0.0.1:8443', ") //
              "borders: [{a: right/n, b: left/g, rate_bps: 5}]\n");
    g_autoptr(GError) error = NULL;
    settings_finish(settings, &error);
    g_assert_no_error(error);
    const Description *description = settings_root(settings);
    g_assert_cmpstr(description->monitors[0], ==, "ops");
    g_assert_cmpstr(description->platform.operators[0], ==, "admin");
    g_assert_cmpuint(description->platform.members->len, ==, 2);
    const DescriptionProvider *right = description->providers->pdata[0];
    g_assert_cmpstr(right->agent.kme_id, ==, "right-kme");
    g_assert_cmpstr(right->agent.kme_url, ==, "https://127.0.0.1:0");
    g_assert_cmpstr(right->agent.platform, ==, "hub");
    g_assert_cmpstr(right->agent.operators[0], ==, "admin");
}

static void test_both_ends_get_a_border_link(void)
{
    g_autoptr(Settings) settings = parse("providers:\n"                      //
                                         PROVIDER("b", "") PROVIDER("a", "") //
                                         "borders: [{a: b/n, b: a/g, rate_bps: 5}]\n");
    g_assert_true(settings_finish(settings, NULL));
    const Description *description = settings_root(settings);
    for (guint i = 0; i < 2; i++) {
        const DescriptionProvider *provider = description->providers->pdata[i];
        const SimBorder *end = provider->qkdn.sim.borders->pdata[0];
        const SimNode *node = provider->qkdn.sim.nodes->pdata[i];
        g_assert_cmpuint(provider->qkdn.sim.borders->len, ==, 1);
        g_assert_cmpstr(end->id, ==, "a-b");
        g_assert_cmpstr(end->node, ==, node->id);
        g_assert_cmpstr(end->peer, ==, i == 0 ? "a" : "b");
        g_assert_cmpuint(end->rate_bps, ==, 5);
        g_assert_cmpuint(end->block_bytes, ==, 1024);
        g_assert_true(node->gateway);
    }
}

static void test_ids_are_unique(void)
{
    assert_errors("monitors: [ops, Ops]\n"
                  "providers:\n" //
                  PROVIDER("a", "applications: [{sae: x, node: n}], ") PROVIDER("a", "")
                      PROVIDER("broker", "")
                          PROVIDER("b", "applications: [{sae: x, node: n}, {sae: ops, node: n}], ")
                              PROVIDER("c", "kme_id: a-kme, "),
                  "f:1:17: error: 'Ops' is not an ID\n"
                  "f:4:10: error: ID 'a' is taken by a provider\n"
                  "f:5:10: error: ID 'broker' is taken by the federation itself\n"
                  "f:6:34: error: ID 'x' is taken by an application\n"
                  "f:6:53: error: ID 'ops' is taken by a monitor\n"
                  "f:7:21: error: ID 'a-kme' is taken by a key management entity\n");
}

static void test_what_providers_refer_to(void)
{
    assert_errors("platform: {id: hub, members: [{id: a}, {id: z}]}\n"
                  "providers:\n" //
                  PROVIDER("a", "platform: other, ")
                      PROVIDER("b", "applications: [{sae: x, node: z}, {sae: y, node: g}], ")
                          PROVIDER("c", "policy: {nodes: [n, z], borders: [z]}, ")
                              PROVIDER("d", "kme_url: 'http://127.0.0.1:80', ")
                                  PROVIDER("e", "kme_url: 'https://example.org:80', ")
                                      PROVIDER("h", "kme_url: 'https://x@127.0.0.1:80', "),
                  "f:1:45: error: there is no provider 'z'\n"
                  "f:3:23: error: the platform's ID is 'hub'\n"
                  "f:4:43: error: there is no node 'z'\n"
                  "f:4:62: error: users do not attach to node 'g'\n"
                  "f:5:33: error: there is no node 'z'\n"
                  "f:5:47: error: no border link 'z' ends here\n"
                  "f:6:22: error: expected https://127.0.0.1:PORT, not 'http://127.0.0.1:80'\n"
                  "f:7:22: error: expected https://127.0.0.1:PORT, not 'https://example.org:80'\n"
                  "f:8:22: error: expected https://127.0.0.1:PORT, not 'https://x@127.0.0.1:80'\n");
}

static void test_roaming(void)
{
    assert_errors(
        "providers:\n" //
        PROVIDER("a", "policy: {roaming: {may_serve_ours: [all, b], serves: [z], nodes: [n]}}, ")
            PROVIDER("b", "policy: {roaming: {may_serve_ours: [x], nodes: [g, y]}}, "),
        "f:2:67: error: there is no provider 'z'\n"
        "f:3:49: error: there is no provider 'x'\n"
        "f:3:61: error: users do not attach to node 'g'\n"
        "f:3:64: error: there is no node 'y'\n");
}

static void test_border_links(void)
{
    assert_errors(
        "providers:\n"                      //
        PROVIDER("a", "") PROVIDER("b", "") //
        "borders:\n"
        "  - {a: a/n, b: c/n, rate_bps: 1}\n"
        "  - {a: a/z, b: b, rate_bps: 1}\n"
        "  - {a: a/n, b: a/g, rate_bps: 1}\n"
        "  - {a: a/n, b: b/n, rate_bps: 1}\n"
        "  - {a: b/n, b: a/n, rate_bps: 1}\n"
        "  - {id: x, a: a/n, b: b/n}\n"
        "  - {id: y, a: a/n, b: b/n, rate_bps: 1, initial_bytes: 9000000}\n"
        "  - {id: z, a: a/n, b: b/n, rate_bps: 1, block_bytes: 33}\n"
        "  - {id: w, node: n}\n",
        "f:5:17: error: there is no provider 'c'\n"
        "f:6:9: error: provider 'a' has no node 'z'\n"
        "f:6:17: error: expected PROVIDER/NODE, not 'b'\n"
        "f:7:17: error: a border link from 'a' to itself\n"
        "f:9:5: error: border link 'a-b' is listed twice; give each an 'id'\n"
        "f:10:5: error: no rate; expected rate_bps, loss_db or km\n"
        "f:11:57: error: initial_bytes is 9000000; expected at most store_bytes, "
        "1048576\n"
        "f:12:55: error: block_bytes is 33; expected a multiple of 32\n"
        "f:13:5: error: missing key 'a': PROVIDER/NODE\n"
        "f:13:5: error: missing key 'b': PROVIDER/NODE\n"
        "f:13:13: error: unknown key 'node'; expected one of id, a, b, like, km, loss_db, "
        "rate_bps, block_bytes, store_bytes, initial_bytes\n");
}

static void test_border_links_of_one_provider(void)
{
    assert_errors("providers:\n"
                  "  - id: a\n"
                  "    qkdn:\n"
                  "      driver: sim\n"
                  "      sim:\n"
                  "        nodes: [{id: n}]\n"
                  "        borders: [{id: x, node: n, peer: b, rate_bps: 1, secret: s}]\n",
                  "f:7:18: error: border links stand in the federation's list 'borders'\n"
                  "f:7:33: error: node 'n' is no gateway\n"
                  "f:7:66: error: expected 64 hexadecimal digits\n");
}

static void test_a_broken_text_is_still_checked(void)
{
    assert_errors("providers:\n"
                  "  - {applications: [{node: z}, 7], qkdn: {driver: sim, sim: {nodes: [{}]}}}\n"
                  "borders: [{}]\n",
                  "f:2:5: error: missing key 'id': an ID (a-z, 0-9, inside also '-' and '.', at "
                  "most 64)\n"
                  "f:2:21: error: missing key 'sae': an ID (a-z, 0-9, inside also '-' and '.', at "
                  "most 64)\n"
                  "f:2:28: error: there is no node 'z'\n"
                  "f:2:32: error: key 'applications': expected a list of mappings, not '7'\n"
                  "f:2:70: error: missing key 'id': an ID (a-z, 0-9, inside also '-' and '.', at "
                  "most 64)\n"
                  "f:3:11: error: missing key 'a': PROVIDER/NODE\n"
                  "f:3:11: error: missing key 'b': PROVIDER/NODE\n");
    assert_errors("providers: []\n", "f:1:12: error: key 'providers': expected a list of mappings "
                                     "of 1 items or more, not 0\n");
}

static void test_examples(void)
{
    static const char *const examples[] = {"published-networks.yaml", "four-in-a-row.yaml",
                                           "two-providers.yaml", "fast-links.yaml"};
    for (gsize i = 0; i < G_N_ELEMENTS(examples); i++) {
        g_autofree char *path =
            g_test_build_filename(G_TEST_DIST, "../../tools/demo", examples[i], NULL);
        g_autoptr(Settings) settings = settings_load(&description_table, path);
        g_autoptr(GError) error = NULL;
        check(settings);
        settings_finish(settings, &error);
        g_assert_no_error(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/description/what-follows-is-filled-in", test_what_follows_is_filled_in);
    g_test_add_func("/description/both-ends-get-a-border-link", test_both_ends_get_a_border_link);
    g_test_add_func("/description/ids-are-unique", test_ids_are_unique);
    g_test_add_func("/description/what-providers-refer-to", test_what_providers_refer_to);
    g_test_add_func("/description/roaming", test_roaming);
    g_test_add_func("/description/border-links", test_border_links);
    g_test_add_func("/description/border-links-of-one-provider", test_border_links_of_one_provider);
    g_test_add_func("/description/a-broken-text-is-still-checked",
                    test_a_broken_text_is_still_checked);
    g_test_add_func("/description/examples", test_examples);
    return g_test_run();
}

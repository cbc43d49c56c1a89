// SPDX-License-Identifier: Apache-2.0

#include "agents/policy.h"

#include "tests/unit/scratch.h"

#include <string.h>

#define FRAME(agent)                                                                               \
    "broker: {url: 'mqtts://127.0.0.1:8883', ca: ca.crt, certificate: a.crt, key: a.key}\n"        \
    "store: a.db\n"                                                                                \
    "master_key: master.key\n"                                                                     \
    "kme: {listen: '127.0.0.1:1', ca: ca.crt, certificate: k.crt, key: k.key}\n"                   \
    "qkdn: {driver: sim, sim: {nodes: [{id: n}]}}\n"                                               \
    "agent: {kme_id: a-kme, kme_url: 'https://127.0.0.1:1', " agent "}\n"

typedef struct {
    char *path;
    Settings *settings;
    AgentSettings *live;
} Fixture;

static void write_file(const Fixture *fixture, const char *text)
{
    g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_autofree char *dir = scratch_new();
    fixture->path = g_build_filename(dir, "agent.yaml", NULL);
    write_file(fixture, FRAME("id: a, applications: [{sae: bank, node: n}]"));
    fixture->settings = settings_load(&agent_settings_table, fixture->path);
    g_assert_true(settings_finish(fixture->settings, NULL));
    fixture->live = settings_root(fixture->settings);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    settings_free(fixture->settings);
    scratch_free(g_path_get_dirname(fixture->path));
    g_free(fixture->path);
}

static void test_a_good_file(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const AgentConfig *agent = &fixture->live->agent;
    write_file(fixture, FRAME("id: a, contact: noc, purposes: [relay], operators: [ops], "
                              "policy: {share_percent: 40, borders: [x]}, "
                              "limits: {max_keys_stored: 9}, "
                              "applications: [{sae: clinic, node: n}, {sae: bank, node: n}]"));
    g_assert_true(policy_reload(fixture->live, fixture->path, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(agent->contact, ==, "noc");
    g_assert_cmpstr(agent->purposes[0], ==, "relay");
    g_assert_cmpstr(agent->operators[0], ==, "ops");
    g_assert_cmpuint(agent->policy.share_percent, ==, 40);
    g_assert_cmpstr(agent->policy.borders[0], ==, "x");
    g_assert_cmpuint(agent->limits.max_keys_stored, ==, 9);
    g_assert_cmpuint(agent->applications->len, ==, 2);
    // And back again: nothing points at what is gone.
    write_file(fixture, FRAME("id: a, applications: [{sae: bank, node: n}]"));
    g_assert_true(policy_reload(fixture->live, fixture->path, &error));
    g_assert_cmpuint(agent->policy.share_percent, ==, 100);
    g_assert_cmpuint(agent->applications->len, ==, 1);
    g_assert_cmpstr(((AgentApplication *)agent->applications->pdata[0])->sae, ==, "bank");
}

static void assert_bad(Fixture *fixture, const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = settings_format(&agent_settings_table, fixture->live);
    write_file(fixture, text);
    g_assert_false(policy_reload(fixture->live, fixture->path, &error));
    if (!strstr(error->message, expected))
        g_error("'%s' does not say '%s'", error->message, expected);
    g_assert_nonnull(strstr(error->message, "agent.yaml:6:"));
    g_autofree char *after = settings_format(&agent_settings_table, fixture->live);
    g_assert_cmpstr(before, ==, after);
}

static void test_bad_files(Fixture *fixture, gconstpointer data)
{
    assert_bad(fixture, FRAME("id: a, policy: {share_percent: 101}"), "share_percent");
    assert_bad(fixture, FRAME("id: a, purposes: [everything]"), "'everything' is no purpose");
    assert_bad(fixture, FRAME("id: a, applications: [{sae: x, node: n}, {sae: x, node: n}]"),
               "application 'x' is listed twice");
    assert_bad(fixture, FRAME("id: b"), "id is 'b'; expected 'a' until the next start");
}

static void test_no_file(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(policy_reload(fixture->live, "/nowhere/agent.yaml", &error));
    g_assert_nonnull(strstr(error->message, "/nowhere/agent.yaml"));
    g_assert_null(policy_fingerprint(fixture->live));
}

#define ADD(name, fn) g_test_add("/policy/" name, Fixture, NULL, set_up, fn, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a-good-file", test_a_good_file);
    ADD("bad-files", test_bad_files);
    ADD("no-file", test_no_file);
    return g_test_run();
}

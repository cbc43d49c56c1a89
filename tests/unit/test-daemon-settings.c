// SPDX-License-Identifier: Apache-2.0

#include "agents/settings.h"
#include "platform/settings.h"

#include <string.h>

#define BROKER                                                                                     \
    "broker: {url: 'mqtts://127.0.0.1:8883', ca: ca.crt, certificate: a.crt, key: a.key}\n"        \
    "store: a.db\n"

static const char agent_text[] =
    BROKER "agent: {id: a, kme_id: a-kme, kme_url: 'https://127.0.0.1:1'}\n"
           "master_key: master.key\n"
           "kme: {listen: '127.0.0.1:1', ca: ca.crt, certificate: k.crt, key: k.key}\n"
           "qkdn: {driver: sim, sim: {time_scale: 5, nodes: [{id: n}]}}\n";

static Settings *parse_agent(const char *text)
{
    Settings *settings = settings_parse(&agent_settings_table, "f", text, strlen(text));
    agent_settings_check(settings_root(settings), settings);
    return settings;
}

static void test_agent(void)
{
    g_autoptr(Settings) settings = parse_agent(agent_text);
    g_autoptr(GError) error = NULL;
    settings_finish(settings, &error);
    g_assert_no_error(error);
    const AgentSettings *agent = settings_root(settings);
    g_assert_cmpstr(agent->daemon.broker.url, ==, "mqtts://127.0.0.1:8883");
    g_assert_cmpuint(agent->daemon.broker.keep_alive_s, ==, 10);
    g_assert_cmpstr(agent->agent.id, ==, "a");
    g_assert_cmpstr(agent->master_key, ==, "master.key");
    g_assert_cmpuint(agent->kme.max_connections, ==, 768);
    g_assert_cmpint(agent->qkdn.driver, ==, QKDN_DRIVER_SIM);
    g_assert_cmpuint(agent->qkdn.sim.time_scale, ==, 5);
}

// As `qkdnf up` writes it, with numbers left to their fallbacks.
static void test_agent_is_written(void)
{
    g_autoptr(Settings) settings = parse_agent(agent_text);
    AgentSettings *agent = settings_root(settings);
    agent->kme.max_connections = 0;
    agent->daemon.broker.keep_alive_s = 0;
    g_autofree char *text = settings_format(&agent_settings_table, agent);
    g_autoptr(Settings) again = parse_agent(text);
    g_autoptr(GError) error = NULL;
    settings_finish(again, &error);
    g_assert_no_error(error);
    agent = settings_root(again);
    g_assert_cmpuint(agent->kme.max_connections, ==, 768);
    g_assert_cmpuint(agent->daemon.broker.keep_alive_s, ==, 10);
    g_assert_cmpuint(agent->qkdn.sim.time_scale, ==, 5);
}

static void test_store_synchronous(void)
{
    static const struct {
        const char *text;
        StoreSync expected;
    } cases[] = {{"", STORE_SYNC_FULL},
                 {"store_synchronous: full\n", STORE_SYNC_FULL},
                 {"store_synchronous: off\n", STORE_SYNC_OFF}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strconcat(agent_text, cases[i].text, NULL);
        g_autoptr(Settings) settings = parse_agent(text);
        g_assert_true(settings_finish(settings, NULL));
        const AgentSettings *agent = settings_root(settings);
        g_assert_cmpint(agent->daemon.store_synchronous, ==, cases[i].expected);
    }
    g_autofree char *text = g_strconcat(agent_text, "store_synchronous: normal\n", NULL);
    g_autoptr(Settings) settings = parse_agent(text);
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_nonnull(strstr(error->message, "expected one of full, off, not 'normal'"));
}

static void test_platform(void)
{
    const char *text = BROKER "federation: {id: hub, members: [{id: a}], operators: [admin]}\n";
    g_autoptr(Settings) settings =
        settings_parse(&platform_settings_table, "f", text, strlen(text));
    g_autoptr(GError) error = NULL;
    platform_settings_check(settings_root(settings), settings);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    const PlatformSettings *platform = settings_root(settings);
    g_assert_cmpstr(platform->federation.id, ==, "hub");
    g_assert_cmpuint(platform->federation.members->len, ==, 1);
}

static void test_what_an_agent_must_say(void)
{
    g_autoptr(Settings) settings =
        parse_agent("broker: {url: 'mqtt://127.0.0.1', ca: c, certificate: c, key: k}\n"
                    "agent: {id: a}\n"
                    "kme: {listen: '127.0.0.1:1', ca: ca.crt, certificate: k.crt, key: k.key}\n"
                    "qkdn: {driver: tin-can, sim: {nodes: [{id: n}]}}\n");
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_cmpstr(error->message, ==,
                    "f:1:1: error: missing key 'store': a path of 1 to 4095 bytes\n"
                    "    broker: {url: 'mqtt://127.0.0.1', ca: c, certificate: c, key: k}\n"
                    "    ^\n"
                    "f:1:1: error: missing key 'master_key': a key file's path of 1 to 4095 bytes\n"
                    "    broker: {url: 'mqtt://127.0.0.1', ca: c, certificate: c, key: k}\n"
                    "    ^\n"
                    "f:1:15: error: expected mqtts://HOST:PORT\n"
                    "    broker: {url: 'mqtt://127.0.0.1', ca: c, certificate: c, key: k}\n"
                    "                  ^~~~~~~~~~~~~~~~~~\n"
                    "f:2:8: error: missing key 'kme_id'\n"
                    "    agent: {id: a}\n"
                    "           ^~~~~~~\n"
                    "f:2:8: error: missing key 'kme_url'\n"
                    "    agent: {id: a}\n"
                    "           ^~~~~~~\n"
                    "f:4:16: error: key 'driver': expected one of sim, not 'tin-can'\n"
                    "    qkdn: {driver: tin-can, sim: {nodes: [{id: n}]}}\n"
                    "                   ^~~~~~~");
}

// Else a configuration that was found valid would not start.
static void test_what_is_not_a_broker(void)
{
    static const char *const urls[] = {"mqtts://user@h:1", "mqtts://h:1/", "mqtts://h:1?x",
                                       "mqtts://h:0001",   "mqtts://h:0",  "mqtts://h:-1"};
    for (gsize i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(Settings) settings = parse_agent(agent_text);
        AgentSettings *agent = settings_root(settings);
        g_free(agent->daemon.broker.url);
        agent->daemon.broker.url = g_strdup(urls[i]);
        agent_settings_check(agent, settings);
        g_autoptr(GError) error = NULL;
        g_assert_false(settings_finish(settings, &error));
        g_assert_nonnull(strstr(error->message, "expected mqtts://HOST:PORT"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/daemon-settings/agent", test_agent);
    g_test_add_func("/daemon-settings/agent-is-written", test_agent_is_written);
    g_test_add_func("/daemon-settings/store-synchronous", test_store_synchronous);
    g_test_add_func("/daemon-settings/platform", test_platform);
    g_test_add_func("/daemon-settings/what-an-agent-must-say", test_what_an_agent_must_say);
    g_test_add_func("/daemon-settings/what-is-not-a-broker", test_what_is_not_a_broker);
    return g_test_run();
}

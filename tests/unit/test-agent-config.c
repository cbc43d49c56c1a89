// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/config.h"

#include <string.h>

#define REQUIRED "id: graz\nkme_id: kme-graz\nkme_url: https://kme.graz.example\n"

static const SettingTable table = {agent_settings, sizeof(AgentConfig)};

static Settings *check(const char *text)
{
    Settings *settings = settings_parse(&table, "f", text, strlen(text));
    const AgentConfig *config = settings_root(settings);
    if (config)
        agent_config_check(config, settings);
    return settings;
}

// That there is one error, and it says this.
static void assert_error(const char *more, const char *expected)
{
    g_autofree char *text = g_strconcat(REQUIRED, more, NULL);
    g_autoptr(Settings) settings = check(text);
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_nonnull(strstr(error->message, expected));
    const char *first = strstr(error->message, "f:");
    g_assert_null(strstr(first + 1, "\nf:"));
}

static void test_fallbacks(void)
{
    g_autoptr(Settings) settings = check(REQUIRED);
    g_autoptr(GError) error = NULL;
    const AgentConfig *config = settings_root(settings);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->platform, ==, "platform");
    g_assert_cmpuint(config->request_timeout_ms, ==, 10000);
    g_assert_cmpuint(config->key_lifetime_s, ==, 86400);
    g_assert_cmpuint(config->limits.key_size_bits, ==, 256);
    g_assert_cmpuint(config->limits.max_keys_per_request, ==, 128);
    g_assert_cmpuint(config->policy.share_percent, ==, 100);
    g_assert_cmpuint(config->ledger.high_slots, ==, 8192);
    g_assert_cmpuint(config->ledger.low_percent, ==, 80);
    g_assert_cmpuint(config->applications->len, ==, 0);
}

static void test_an_application(void)
{
    g_autoptr(Settings) settings = check(REQUIRED "applications: [{sae: bank, node: n1}]\n");
    g_autoptr(GError) error = NULL;
    const AgentConfig *config = settings_root(settings);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    const AgentApplication *bank = config->applications->pdata[0];
    g_assert_cmpstr(bank->sae, ==, "bank");
    g_assert_cmpstr(bank->service, ==, "");
    g_assert_true(bank->visible);
    g_assert_cmpuint(bank->max_keys_per_request, ==, 0);
    g_assert_cmpuint(bank->max_requests_per_s, ==, 0);
    assert_error("applications: [{sae: b, node: n, max_keys_per_request: 129}]\n",
                 "max_keys_per_request");
    assert_error("applications: [{sae: b, node: n, max_requests_per_s: x}]\n",
                 "max_requests_per_s");
}

static void test_sizes(void)
{
    assert_error("limits: {key_size_bits: 257}\n",
                 "key_size_bits is 257; expected a multiple of 8");
    assert_error("limits: {min_key_size_bits: 65}\n",
                 "min_key_size_bits is 65; expected a multiple of 8");
    assert_error("limits: {max_key_size_bits: 1023}\n",
                 "max_key_size_bits is 1023; expected a multiple of 8");
    assert_error("limits: {key_size_bits: 56}\n",
                 "key_size_bits must lie between min_key_size_bits and max_key_size_bits");
    assert_error("limits: {max_key_size_bits: 128}\n",
                 "key_size_bits must lie between min_key_size_bits and max_key_size_bits");
    assert_error("limits: {max_key_size_bits: 8200}\n", "max_key_size_bits");
}

static void test_applications(void)
{
    assert_error("applications: [{sae: bank, node: n1}, {sae: bank, node: n2}]\n",
                 "application 'bank' is listed twice");
    assert_error("applications: [{sae: bank}]\n", "node");
}

static void test_roaming(void)
{
    g_autoptr(Settings) settings =
        check(REQUIRED "policy: {roaming: {may_serve_ours: [linz, all], mode: home_routed,\n"
                       "  serves: [all], nodes: [n1]}}\n");
    g_autoptr(GError) error = NULL;
    const AgentConfig *config = settings_root(settings);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    const RoamingPolicy *roaming = &config->policy.roaming;
    g_assert_cmpstr(roaming->may_serve_ours[1], ==, "all");
    g_assert_cmpstr(roaming_modes[roaming->mode], ==, "home_routed");
    g_assert_cmpstr(roaming->serves[0], ==, "all");
    g_assert_cmpstr(roaming->nodes[0], ==, "n1");
    assert_error("policy: {roaming: {serves: [Linz]}}\n", "'Linz' is not an ID");
    assert_error("policy: {roaming: {may_serve_ours: ['-']}}\n", "'-' is not an ID");
    assert_error("policy: {roaming: {nodes: [all]}}\n", "'all' is not an ID");
    assert_error("policy: {roaming: {mode: both}}\n", "home_routed");
}

static void test_certificate(void)
{
#define HEX_31 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"
    assert_error("applications: [{sae: bank, node: n, certificate_sha256: '" HEX_31 "fF'}]\n",
                 "expected 64 hexadecimal digits in lower case");
    assert_error("applications: [{sae: bank, node: n, certificate_sha256: '" HEX_31 "'}]\n",
                 "expected 64 hexadecimal digits in lower case");
    g_autoptr(Settings) settings = check(
        REQUIRED "applications: [{sae: bank, node: n, certificate_sha256: '" HEX_31 "ff'}]\n");
    g_assert_true(settings_finish(settings, NULL));
}

// One that could not be read at all, or half, is still safe to check.
static void test_what_cannot_be_read(void)
{
    static const char *const texts[] = {"", "[]", "applications: [{}, {}]", "limits: 3", "id: [1]"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Settings) settings = check(texts[i]);
        g_assert_false(settings_finish(settings, NULL));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-config/fallbacks", test_fallbacks);
    g_test_add_func("/agent-config/an-application", test_an_application);
    g_test_add_func("/agent-config/sizes", test_sizes);
    g_test_add_func("/agent-config/applications", test_applications);
    g_test_add_func("/agent-config/roaming", test_roaming);
    g_test_add_func("/agent-config/certificate", test_certificate);
    g_test_add_func("/agent-config/what-cannot-be-read", test_what_cannot_be_read);
    return g_test_run();
}

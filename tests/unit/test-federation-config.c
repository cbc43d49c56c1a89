// SPDX-License-Identifier: Apache-2.0

#include "platform/config.h"

#include <string.h>

static const SettingTable table = {federation_settings, sizeof(FederationConfig)};

static Settings *check(const char *text)
{
    Settings *settings = settings_parse(&table, "f", text, strlen(text));
    const FederationConfig *config = settings_root(settings);
    if (config)
        federation_config_check(config, settings);
    return settings;
}

static void assert_error(const char *text, const char *expected)
{
    g_autoptr(Settings) settings = check(text);
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_finish(settings, &error));
    g_assert_nonnull(strstr(error->message, expected));
}

static void test_members(void)
{
    g_autoptr(Settings) settings = check("members: [{id: graz}, {id: vienna}]\n");
    g_autoptr(GError) error = NULL;
    const FederationConfig *config = settings_root(settings);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->id, ==, "platform");
    g_assert_cmpuint(config->members->len, ==, 2);
    g_assert_cmpstr(((FederationMember *)config->members->pdata[1])->id, ==, "vienna");
    g_assert_cmpuint(config->max_targets, ==, 8);
    g_assert_cmpuint(config->max_key_size_bits, ==, 8192);
}

static void test_errors(void)
{
    assert_error("members: [{id: graz}, {id: graz}]\n", "member 'graz' is listed twice");
    assert_error("members: [{}, {}]\n", "id");
    assert_error("members: [{id: Graz}]\n", "id");
    assert_error("max_key_size_bits: 1001\n",
                 "max_key_size_bits is 1001; expected a multiple of 8");
    assert_error("terms: {soft_quota: true}\n",
                 "soft_quota is true and quota_bits 0; expected a quota");
    assert_error("max_keys_per_request: 129\n", "max_keys_per_request");
    assert_error("max_targets: 17\n", "max_targets");
    assert_error("attempt_ms: 120001\n", "attempt_ms");
    assert_error("max_sessions: 0\n", "max_sessions");
    assert_error("max_session_buffer: 65537\n", "max_session_buffer");
    assert_error("max_session_rate_bps: 0\n", "max_session_rate_bps");
    assert_error("session_drain_ms: 0\n", "session_drain_ms");
    assert_error("hold_down_ms: 3600001\n", "hold_down_ms");
    assert_error("max_timeout_ms: 120001\n", "max_timeout_ms");
    assert_error("member: []\n", "member");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/federation-config/members", test_members);
    g_test_add_func("/federation-config/errors", test_errors);
    return g_test_run();
}

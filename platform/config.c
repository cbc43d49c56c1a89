// SPDX-License-Identifier: Apache-2.0

#include "platform/config.h"

#include "schemas/membership.h"

// Agents remember what they answered for three minutes: nothing may ask for it later, with the time
// that a frame is under way.
#define LATE_MS_MAX 120000

#define OF(type, field) .offset = offsetof(type, field)

static const Setting member_settings[] = {
    {"id", SETTING_ID, OF(FederationMember, id), .required = TRUE},
    {"scope", SETTING_TEXTS, OF(FederationMember, scope), .expects = PURPOSES_EXPECTED},
    {NULL},
};
static const SettingTable member_table = {member_settings, sizeof(FederationMember)};

static const Setting policy_settings[] = {
    {"version", SETTING_UINT, OF(FederationPolicy, version), .min = 1, .max = 1000000000,
     .fallback = "1"},
    {"purposes", SETTING_TEXTS, OF(FederationPolicy, purposes), .expects = PURPOSES_EXPECTED},
    {"min_share_percent", SETTING_UINT, OF(FederationPolicy, min_share_percent), .max = 100,
     .fallback = "0"},
    {"grace_ms", SETTING_UINT, OF(FederationPolicy, grace_ms), .max = 31 * G_TIME_SPAN_DAY / 1000,
     .fallback = "86400000"},
    {"max_applications", SETTING_UINT, OF(FederationPolicy, max_applications), .max = 10000,
     .fallback = "0"},
    {NULL},
};
static const SettingTable policy_table = {policy_settings, sizeof(FederationPolicy)};

const Setting federation_settings[] = {
    {"id", SETTING_ID, OF(FederationConfig, id), .fallback = "platform"},
    {"members", SETTING_LIST, OF(FederationConfig, members), .table = &member_table},
    {"operators", SETTING_TEXTS, OF(FederationConfig, operators)},
    {"policy", SETTING_SECTION, OF(FederationConfig, policy), .table = &policy_table},
    {"max_keys_per_request", SETTING_UINT, OF(FederationConfig, max_keys_per_request), .min = 1,
     .max = 128, .fallback = "128"},
    {"max_key_size_bits", SETTING_UINT, OF(FederationConfig, max_key_size_bits), .min = 8,
     .max = 8192, .fallback = "8192", .expects = "a multiple of 8"},
    {"max_targets", SETTING_UINT, OF(FederationConfig, max_targets), .min = 1, .max = 16,
     .fallback = "8"},
    {"max_timeout_ms", SETTING_UINT, OF(FederationConfig, max_timeout_ms), .min = 100,
     .max = LATE_MS_MAX, .fallback = "60000"},
    {"max_running", SETTING_UINT, OF(FederationConfig, max_running), .min = 1, .max = 100000,
     .fallback = "4096"},
    {"max_kept", SETTING_UINT, OF(FederationConfig, max_kept), .min = 1, .max = 10000000,
     .fallback = "65536"},
    {"attempt_ms", SETTING_UINT, OF(FederationConfig, attempt_ms), .min = 50, .max = LATE_MS_MAX,
     .fallback = "3000"},
    {"max_sessions", SETTING_UINT, OF(FederationConfig, max_sessions), .min = 1, .max = 1000000,
     .fallback = "256"},
    {"max_session_buffer", SETTING_UINT, OF(FederationConfig, max_session_buffer), .min = 1,
     .max = 65536, .fallback = "4096"},
    {"max_session_rate_bps", SETTING_UINT, OF(FederationConfig, max_session_rate_bps), .min = 1,
     .max = 1e12, .fallback = "1000000000"},
    {"session_drain_ms", SETTING_UINT, OF(FederationConfig, session_drain_ms), .min = 1,
     .max = 86400000, .fallback = "600000"},
    {"stale_ms", SETTING_UINT, OF(FederationConfig, stale_ms), .min = 1000, .max = 3600000,
     .fallback = "30000"},
    {"hold_down_ms", SETTING_UINT, OF(FederationConfig, hold_down_ms), .max = 3600000,
     .fallback = "30000"},
    {"drain_ms", SETTING_UINT, OF(FederationConfig, drain_ms), .min = 1, .max = 86400000,
     .fallback = "60000"},
    {"reapply_ms", SETTING_UINT, OF(FederationConfig, reapply_ms), .max = 3600000,
     .fallback = "10000"},
    {NULL},
};

static void check_purposes(char *const *names, Settings *settings)
{
    Qkdnf__V1__Purpose purpose;
    for (; names && *names; names++) {
        if (!purpose_find(*names, &purpose))
            settings_fail(settings, *names, "'%s' is no purpose; expected " PURPOSES_EXPECTED,
                          *names);
    }
}

void federation_config_check(const FederationConfig *config, Settings *settings)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < config->members->len; i++) {
        const FederationMember *member = config->members->pdata[i];
        if (member->id && !g_hash_table_add(seen, member->id))
            settings_fail(settings, &member->id, "member '%s' is listed twice", member->id);
        check_purposes(member->scope, settings);
    }
    check_purposes(config->policy.purposes, settings);
    if (config->max_key_size_bits % 8 != 0)
        settings_fail(settings, &config->max_key_size_bits,
                      "max_key_size_bits is %" G_GUINT64_FORMAT "; expected a multiple of 8",
                      config->max_key_size_bits);
}

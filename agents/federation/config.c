// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/config.h"

#include "schemas/membership.h"
#include "topics/base/id.h"

#include <string.h>

#define OF(type, field) .offset = offsetof(type, field)

static const Setting application_settings[] = {
    {"sae", SETTING_ID, OF(AgentApplication, sae), .required = TRUE},
    {"node", SETTING_ID, OF(AgentApplication, node), .required = TRUE},
    {"service", SETTING_TEXT, OF(AgentApplication, service), .max = 64, .fallback = ""},
    {"visible", SETTING_BOOL, OF(AgentApplication, visible), .fallback = "true"},
    {"certificate_sha256", SETTING_TEXT, OF(AgentApplication, certificate_sha256),
     .expects = "64 hexadecimal digits"},
    {"max_keys_per_request", SETTING_UINT, OF(AgentApplication, max_keys_per_request), .max = 128,
     .fallback = "0"},
    {"max_requests_per_s", SETTING_UINT, OF(AgentApplication, max_requests_per_s), .max = 100000,
     .fallback = "0"},
    {NULL},
};
static const SettingTable application_table = {application_settings, sizeof(AgentApplication)};

static const Setting limits_settings[] = {
    {"key_size_bits", SETTING_UINT, OF(KeyLimits, key_size_bits), .min = 8, .max = 65536,
     .fallback = "256", .expects = "a multiple of 8"},
    {"min_key_size_bits", SETTING_UINT, OF(KeyLimits, min_key_size_bits), .min = 8, .max = 65536,
     .fallback = "64", .expects = "a multiple of 8"},
    {"max_key_size_bits", SETTING_UINT, OF(KeyLimits, max_key_size_bits), .min = 8, .max = 8192,
     .fallback = "8192", .expects = "a multiple of 8"},
    {"max_keys_per_request", SETTING_UINT, OF(KeyLimits, max_keys_per_request), .min = 1,
     .max = 128, .fallback = "128"},
    {"max_keys_stored", SETTING_UINT, OF(KeyLimits, max_keys_stored), .min = 1, .max = 1000000,
     .fallback = "10000"},
    {"max_additional_targets", SETTING_UINT, OF(KeyLimits, max_additional_targets), .max = 15,
     .fallback = "7"},
    {NULL},
};
static const SettingTable limits_table = {limits_settings, sizeof(KeyLimits)};

static const char *const notices_names[] = {"own", "all", "none", NULL};

// As in Qkdnf__V1__RoamingMode, from 1 on.
const char *const roaming_modes[] = {"local_breakout", "home_routed", NULL};

static const Setting roaming_settings[] = {
    {"may_serve_ours", SETTING_TEXTS, OF(RoamingPolicy, may_serve_ours)},
    {"mode", SETTING_CHOICE, OF(RoamingPolicy, mode), .choices = roaming_modes},
    {"serves", SETTING_TEXTS, OF(RoamingPolicy, serves)},
    {"nodes", SETTING_TEXTS, OF(RoamingPolicy, nodes)},
    {NULL},
};
static const SettingTable roaming_table = {roaming_settings, sizeof(RoamingPolicy)};

static const Setting policy_settings[] = {
    {"nodes", SETTING_TEXTS, OF(AgentPolicy, nodes)},
    {"borders", SETTING_TEXTS, OF(AgentPolicy, borders)},
    {"share_percent", SETTING_UINT, OF(AgentPolicy, share_percent), .min = 1, .max = 100,
     .fallback = "100"},
    {"notices", SETTING_CHOICE, OF(AgentPolicy, notices), .choices = notices_names},
    {"roaming", SETTING_SECTION, OF(AgentPolicy, roaming), .table = &roaming_table},
    {NULL},
};
static const SettingTable policy_table = {policy_settings, sizeof(AgentPolicy)};

static const Setting ledger_settings[] = {
    {"high_slots", SETTING_UINT, OF(LedgerPolicy, high_slots), .min = 32, .max = 10000000,
     .fallback = "8192", .expects = "slots of 32 bytes"},
    {"low_percent", SETTING_UINT, OF(LedgerPolicy, low_percent), .min = 1, .max = 100,
     .fallback = "80"},
    {NULL},
};
static const SettingTable ledger_table = {ledger_settings, sizeof(LedgerPolicy)};

static const Setting agreement_settings[] = {
    {"terms", SETTING_UINT, OF(AgreementPolicy, terms), .max = 1000000000, .fallback = "1"},
    {NULL},
};
static const SettingTable agreement_table = {agreement_settings, sizeof(AgreementPolicy)};

const Setting agent_settings[] = {
    {"id", SETTING_ID, OF(AgentConfig, id), .required = TRUE},
    {"region", SETTING_TEXT, OF(AgentConfig, region), .max = 64, .fallback = ""},
    {"platform", SETTING_ID, OF(AgentConfig, platform), .fallback = "platform"},
    {"contact", SETTING_TEXT, OF(AgentConfig, contact), .max = 256, .fallback = ""},
    {"purposes", SETTING_TEXTS, OF(AgentConfig, purposes), .expects = PURPOSES_EXPECTED},
    {"federation_policy", SETTING_UINT, OF(AgentConfig, federation_policy), .min = 1,
     .max = 1000000000, .fallback = "1"},
    {"kme_id", SETTING_ID, OF(AgentConfig, kme_id)},
    {"kme_url", SETTING_TEXT, OF(AgentConfig, kme_url), .max = 256,
     .expects = "the URL at which applications reach the KME"},
    {"request_timeout_ms", SETTING_UINT, OF(AgentConfig, request_timeout_ms), .min = 100,
     .max = 600000, .fallback = "10000"},
    {"key_lifetime_s", SETTING_UINT, OF(AgentConfig, key_lifetime_s), .min = 1, .max = 31536000,
     .fallback = "86400"},
    {"operators", SETTING_TEXTS, OF(AgentConfig, operators)},
    {"applications", SETTING_LIST, OF(AgentConfig, applications), .table = &application_table},
    {"limits", SETTING_SECTION, OF(AgentConfig, limits), .table = &limits_table},
    {"policy", SETTING_SECTION, OF(AgentConfig, policy), .table = &policy_table},
    {"agreements", SETTING_SECTION, OF(AgentConfig, agreements), .table = &agreement_table},
    {"ledger", SETTING_SECTION, OF(AgentConfig, ledger), .table = &ledger_table},
    {NULL},
};

// In lower case, as it is compared.
static gboolean is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void check_applications(const AgentConfig *config, Settings *settings)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < config->applications->len; i++) {
        const AgentApplication *application = config->applications->pdata[i];
        if (application->sae && !g_hash_table_add(seen, application->sae))
            settings_fail(settings, &application->sae, "application '%s' is listed twice",
                          application->sae);
        if (application->certificate_sha256 && !is_sha256(application->certificate_sha256))
            settings_fail(settings, &application->certificate_sha256,
                          "'%s' is no SHA-256; expected 64 hexadecimal digits in lower case",
                          application->certificate_sha256);
    }
}

static void check_purposes(const AgentConfig *config, Settings *settings)
{
    Qkdnf__V1__Purpose purpose;
    for (char **name = config->purposes; name && *name; name++) {
        if (!purpose_find(*name, &purpose))
            settings_fail(settings, *name, "'%s' is no purpose; expected " PURPOSES_EXPECTED,
                          *name);
    }
}

static void check_ids(Settings *settings, char **ids, gboolean may_be_all)
{
    for (; ids && *ids; ids++) {
        if (!id_is_valid(*ids) && !(may_be_all && strcmp(*ids, ID_ALL) == 0))
            settings_fail(settings, *ids, "'%s' is not an ID", *ids);
    }
}

static void check_roaming(const RoamingPolicy *roaming, Settings *settings)
{
    check_ids(settings, roaming->may_serve_ours, TRUE);
    check_ids(settings, roaming->serves, TRUE);
    check_ids(settings, roaming->nodes, FALSE);
}

static void check_size(Settings *settings, const guint64 *size_bits, const char *key)
{
    if (*size_bits % 8 != 0)
        settings_fail(settings, size_bits, "%s is %" G_GUINT64_FORMAT "; expected a multiple of 8",
                      key, *size_bits);
}

// Not required by the table, because a federation's description may leave them to `qkdnf up`.
static void check_kme(const AgentConfig *config, Settings *settings)
{
    if (!config->kme_id)
        settings_fail(settings, &config->kme_id, "missing key 'kme_id'");
    if (!config->kme_url)
        settings_fail(settings, &config->kme_url, "missing key 'kme_url'");
}

void agent_config_check(const AgentConfig *config, Settings *settings)
{
    const KeyLimits *limits = &config->limits;
    check_kme(config, settings);
    check_applications(config, settings);
    check_purposes(config, settings);
    check_roaming(&config->policy.roaming, settings);
    check_size(settings, &limits->key_size_bits, "key_size_bits");
    check_size(settings, &limits->min_key_size_bits, "min_key_size_bits");
    check_size(settings, &limits->max_key_size_bits, "max_key_size_bits");
    // 0 is what was wrong by itself, and has been told.
    gboolean are_known =
        limits->key_size_bits > 0 && limits->min_key_size_bits > 0 && limits->max_key_size_bits > 0;
    if (are_known && (limits->key_size_bits < limits->min_key_size_bits ||
                      limits->key_size_bits > limits->max_key_size_bits))
        settings_fail(settings, &limits->key_size_bits,
                      "key_size_bits must lie between min_key_size_bits and max_key_size_bits");
}

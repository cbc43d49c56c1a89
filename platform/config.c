// SPDX-License-Identifier: Apache-2.0

#include "platform/config.h"

#include "platform/prices.h"
#include "schemas/agreement.h"

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

static const char *const usage_purposes[] = {"other", "copy", "visitor", "end", "transit", NULL};

static const Setting price_settings[] = {
    {"purpose", SETTING_CHOICE, OF(FederationPrice, purpose), .choices = usage_purposes},
    {"micro_per_key", SETTING_UINT, OF(FederationPrice, micro_per_key), .max = 1e12,
     .fallback = "0"},
    {"micro_per_bit", SETTING_UINT, OF(FederationPrice, micro_per_bit), .max = 1e12,
     .fallback = "0"},
    {"micro_per_second", SETTING_UINT, OF(FederationPrice, micro_per_second), .max = 1e12,
     .fallback = "0"},
    {NULL},
};
static const SettingTable price_table = {price_settings, sizeof(FederationPrice)};

static const Setting band_settings[] = {
    {"from_minute", SETTING_UINT, OF(FederationBand, from_minute), .max = 1439, .fallback = "0"},
    {"to_minute", SETTING_UINT, OF(FederationBand, to_minute), .min = 1, .max = 1440,
     .fallback = "1440"},
    {"days", SETTING_UINT, OF(FederationBand, days), .max = 127, .fallback = "0"},
    {"basis_points", SETTING_UINT, OF(FederationBand, basis_points), .max = 100000,
     .required = TRUE},
    {NULL},
};
static const SettingTable band_table = {band_settings, sizeof(FederationBand)};

static const Setting step_settings[] = {
    {"from_bits", SETTING_UINT, OF(FederationStep, from_bits), .max = 1e18, .required = TRUE},
    {"basis_points", SETTING_UINT, OF(FederationStep, basis_points), .max = 100000,
     .required = TRUE},
    {NULL},
};
static const SettingTable step_table = {step_settings, sizeof(FederationStep)};

static const Setting tariff_settings[] = {
    {"seller", SETTING_TEXT, OF(FederationTariff, seller), .min = 1, .max = 64, .fallback = "all"},
    {"currency", SETTING_TEXT, OF(FederationTariff, currency), .min = 3, .max = 3,
     .fallback = "EUR", .expects = "three capital letters of ISO 4217"},
    {"decimals", SETTING_UINT, OF(FederationTariff, decimals), .max = 9, .fallback = "2"},
    {"valid_from_s", SETTING_UINT, OF(FederationTariff, valid_from_s), .max = 1e11,
     .fallback = "0"},
    {"minimum", SETTING_UINT, OF(FederationTariff, minimum), .max = 1e12, .fallback = "0"},
    {"overrun_basis_points", SETTING_UINT, OF(FederationTariff, overrun_basis_points),
     .max = 100000, .fallback = "0"},
    {"prices", SETTING_LIST, OF(FederationTariff, prices), .table = &price_table, .max = 5},
    {"bands", SETTING_LIST, OF(FederationTariff, bands), .table = &band_table, .max = 64},
    {"steps", SETTING_LIST, OF(FederationTariff, steps), .table = &step_table, .max = 64},
    {NULL},
};
static const SettingTable tariff_table = {tariff_settings, sizeof(FederationTariff)};

static const Setting rate_settings[] = {
    {"currency", SETTING_TEXT, OF(FederationExchange, currency), .min = 3, .max = 3,
     .required = TRUE, .expects = "three capital letters of ISO 4217"},
    {"decimals", SETTING_UINT, OF(FederationExchange, decimals), .max = 9, .fallback = "2"},
    {"valid_from_s", SETTING_UINT, OF(FederationExchange, valid_from_s), .max = 1e11,
     .fallback = "0"},
    {"numerator", SETTING_UINT, OF(FederationExchange, numerator), .min = 1, .max = 1e12,
     .required = TRUE},
    {"denominator", SETTING_UINT, OF(FederationExchange, denominator), .min = 1, .max = 1e12,
     .fallback = "1"},
    {NULL},
};
static const SettingTable rate_table = {rate_settings, sizeof(FederationExchange)};

static const Setting accounts_settings[] = {
    {"currency", SETTING_TEXT, OF(FederationAccounts, currency), .min = 3, .max = 3,
     .fallback = "EUR", .expects = "three capital letters of ISO 4217"},
    {"decimals", SETTING_UINT, OF(FederationAccounts, decimals), .max = 9, .fallback = "2"},
    {"period_s", SETTING_UINT, OF(FederationAccounts, period_s), .min = 10, .max = 31622400,
     .fallback = "86400"},
    {"tariffs", SETTING_LIST, OF(FederationAccounts, tariffs), .table = &tariff_table},
    {"rates", SETTING_LIST, OF(FederationAccounts, rates), .table = &rate_table},
    {NULL},
};
static const SettingTable accounts_table = {accounts_settings, sizeof(FederationAccounts)};

static const Setting terms_settings[] = {
    {"version", SETTING_UINT, OF(FederationTerms, version), .max = 1000000000, .fallback = "1"},
    {"purposes", SETTING_TEXTS, OF(FederationTerms, purposes), .expects = PURPOSES_EXPECTED},
    {"quota_bits", SETTING_UINT, OF(FederationTerms, quota_bits), .max = 1e15, .fallback = "0"},
    {"soft_quota", SETTING_BOOL, OF(FederationTerms, is_quota_soft), .fallback = "false"},
    {"period_s", SETTING_UINT, OF(FederationTerms, period_s), .min = 1, .max = 31622400,
     .fallback = "86400"},
    {"rate_bps", SETTING_UINT, OF(FederationTerms, rate_bps), .max = 1e12, .fallback = "0"},
    {"valid_from", SETTING_TEXT, OF(FederationTerms, valid_from),
     .expects = AGREEMENT_TIME_EXPECTED},
    {"valid_until", SETTING_TEXT, OF(FederationTerms, valid_until),
     .expects = AGREEMENT_TIME_EXPECTED},
    {NULL},
};
static const SettingTable terms_table = {terms_settings, sizeof(FederationTerms)};

static const Setting rating_settings[] = {
    {"window_s", SETTING_UINT, OF(FederationRating, window_s), .min = 60, .max = 31622400,
     .fallback = "86400"},
    {"delay_ms", SETTING_UINT, OF(FederationRating, delay_ms), .min = 1, .max = LATE_MS_MAX,
     .fallback = "1000"},
    {"floor", SETTING_UINT, OF(FederationRating, floor), .max = 1000, .fallback = "500"},
    {"suspend", SETTING_BOOL, OF(FederationRating, suspend), .fallback = "false"},
    {NULL},
};
static const SettingTable rating_table = {rating_settings, sizeof(FederationRating)};

const Setting federation_settings[] = {
    {"id", SETTING_ID, OF(FederationConfig, id), .fallback = "platform"},
    {"members", SETTING_LIST, OF(FederationConfig, members), .table = &member_table},
    {"operators", SETTING_TEXTS, OF(FederationConfig, operators)},
    {"policy", SETTING_SECTION, OF(FederationConfig, policy), .table = &policy_table},
    {"accounts", SETTING_SECTION, OF(FederationConfig, accounts), .table = &accounts_table},
    {"terms", SETTING_SECTION, OF(FederationConfig, terms), .table = &terms_table},
    {"rating", SETTING_SECTION, OF(FederationConfig, rating), .table = &rating_table},
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

// What a table cannot say is said by what rates with them.
static void check_accounts(const FederationAccounts *accounts, Settings *settings)
{
    for (guint i = 0; i < accounts->tariffs->len; i++) {
        FederationTariff *tariff = accounts->tariffs->pdata[i];
        WireTariff *wire = tariff_from_config(tariff);
        const char *fault = rate_check_tariff(wire);
        if (fault)
            settings_fail(settings, tariff, "tariff of '%s': %s", tariff->seller, fault);
        wire_free(wire);
    }
    for (guint i = 0; i < accounts->rates->len; i++) {
        FederationExchange *rate = accounts->rates->pdata[i];
        WireExchangeRate *wire = exchange_from_config(rate, accounts);
        const char *fault = rate_check_exchange(wire);
        if (fault)
            settings_fail(settings, rate, "rate of '%s': %s", rate->currency, fault);
        wire_free(wire);
    }
}

static guint64 check_time(Settings *settings, char *const *time, const char *key)
{
    guint64 time_us = 0;
    if (!agreement_time_parse(*time, &time_us))
        settings_fail(settings, time, "%s is '%s'; expected " AGREEMENT_TIME_EXPECTED, key, *time);
    return time_us;
}

static void check_terms(const FederationTerms *terms, Settings *settings)
{
    guint64 from_us = check_time(settings, &terms->valid_from, "valid_from");
    guint64 until_us = check_time(settings, &terms->valid_until, "valid_until");
    check_purposes(terms->purposes, settings);
    if (terms->is_quota_soft && terms->quota_bits == 0)
        settings_fail(settings, &terms->is_quota_soft,
                      "soft_quota is true and quota_bits 0; expected a quota");
    if (until_us > 0 && until_us <= from_us)
        settings_fail(settings, &terms->valid_until,
                      "valid_until is '%s'; expected a time after valid_from", terms->valid_until);
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
    check_accounts(&config->accounts, settings);
    check_terms(&config->terms, settings);
    if (config->max_key_size_bits % 8 != 0)
        settings_fail(settings, &config->max_key_size_bits,
                      "max_key_size_bits is %" G_GUINT64_FORMAT "; expected a multiple of 8",
                      config->max_key_size_bits);
}

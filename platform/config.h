#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What the federation's administrator decides.

#include "topics/base/settings.h"

// A provider that takes part as soon as it applies.
typedef struct {
    char *id;
    char **scope; // purposes that it may serve; none: all that it offers
} FederationMember;

// What every member must meet.
typedef struct {
    guint64 version;
    char **purposes; // that it offers at least
    guint64 min_share_percent;
    guint64 grace_ms;         // that members have to meet another one; then they are suspended
    guint64 max_applications; // that it is home to; 0: no limit of its own
} FederationPolicy;

// Of a tariff, in millionths of a minor unit.
typedef struct {
    int purpose; // QKDNF__V1__USAGE_PURPOSE__…; unspecified: all others
    guint64 micro_per_key, micro_per_bit, micro_per_second;
} FederationPrice;

typedef struct {
    guint64 from_minute, to_minute; // of the day, UTC
    guint64 days;                   // bits, Monday 1; 0: every day
    guint64 basis_points;
} FederationBand;

typedef struct {
    guint64 from_bits;
    guint64 basis_points;
} FederationStep;

// The federation's standing prices: what a seller asks of everybody.
typedef struct {
    char *seller; // or `all`: of who has none of its own
    char *currency;
    guint64 decimals;
    guint64 valid_from_s; // since 1970-01-01 UTC
    guint64 minimum;
    guint64 overrun_basis_points;
    GPtrArray *prices; // FederationPrice
    GPtrArray *bands;  // FederationBand
    GPtrArray *steps;  // FederationStep
} FederationTariff;

// So many minor units of the one currency are so many of the federation's.
typedef struct {
    char *currency;
    guint64 decimals;
    guint64 valid_from_s;
    guint64 numerator, denominator;
} FederationExchange;

typedef struct {
    char *currency; // in which members settle
    guint64 decimals;
    guint64 period_s;   // of settlement
    GPtrArray *tariffs; // FederationTariff
    GPtrArray *rates;   // FederationExchange
    guint pass_records; // looked at in one pass while a period closes; 0: as many as are bearable
} FederationAccounts;

// The standing terms that the platform offers to every member, as the broker of agreements.
typedef struct {
    guint64 version; // 0: none are offered
    char **purposes; // none: all
    guint64 quota_bits;
    gboolean is_quota_soft;
    guint64 period_s;
    guint64 rate_bps;
    char *valid_from; // ISO 8601; NULL: no limit
    char *valid_until;
} FederationTerms;

// How providers are rated.
typedef struct {
    guint64 window_s; // what is older does not count; 0: nobody is rated
    guint64 delay_ms; // within which orders are to be done
    guint64 floor;    // of 1000: below it, an alarm is raised
    gboolean suspend; // and the provider is suspended
} FederationRating;

typedef struct {
    char *id;           // the platform's member ID
    GPtrArray *members; // FederationMember: approved beforehand
    char **operators;   // member IDs
    FederationPolicy policy;
    FederationAccounts accounts;
    FederationTerms terms;
    FederationRating rating;
    guint64 max_keys_per_request;
    guint64 max_key_size_bits;
    guint64 max_targets;
    guint64 max_timeout_ms;
    guint64 max_running;  // requests under way of one sender
    guint64 max_kept;     // requests of one sender, with those whose answer is kept for repeats
    guint64 attempt_ms;   // how long the outcomes of one attempt are waited for
    guint64 stale_ms;     // an agent that was silent for this long is taken for gone
    guint64 drain_ms;     // what runs over a member that withdraws may end by itself for this long
    guint64 reapply_ms;   // a provider that was refused, or has left, is heard again after this
    guint64 max_sessions; // of one application as initiator, until they are forgotten
    guint64 max_session_buffer;
    guint64 max_session_rate_bps;
    guint64 session_drain_ms; // how long targets may fetch what a closed session left
    guint64 hold_down_ms;     // how long a way must be back before sessions return to it
} FederationConfig;

// The table by which the YAML of a platform is read, but for the daemon's own parts.
extern const Setting federation_settings[];

void federation_config_check(const FederationConfig *config, Settings *settings);

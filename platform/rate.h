#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a provider's service costs by a tariff, and what money is in another currency. Integers
// only. An amount is computed exactly, in 128 bits, and rounded once, half away from zero. What has
// no amount says why: nothing is rated at a guess.

#include "schemas/wire.h"

// No record says more, and no tariff asks for more: what is computed of them stays within 128 bits.
#define RATE_KEYS_MAX         G_GUINT64_CONSTANT(1000000000)
#define RATE_BITS_MAX         G_GUINT64_CONSTANT(10000000000)
#define RATE_SECONDS_MAX      G_GUINT64_CONSTANT(1000000000)
#define RATE_MICRO_MAX        G_GUINT64_CONSTANT(1000000000000)
#define RATE_BASIS_POINTS     10000
#define RATE_BASIS_POINTS_MAX 100000
#define RATE_MINOR_MAX        (G_MAXINT64 / 1000000)

// What was done.
typedef struct {
    Qkdnf__V1__UsagePurpose purpose;
    guint64 keys;
    guint64 bits;
    gboolean is_session; // its seconds count
    gint64 start_us;
    gint64 end_us;     // before the start, when a clock was set back: no seconds
    gint64 granted_us; // by the platform's clock: it decides about the band
    gboolean is_first; // of its session, or after a gap: the second in which it starts counts, too
} RateItem;

// What the buyer used of the seller before it, in this period.
typedef struct {
    guint64 bits;
    gboolean is_overrun; // and it used up the quota of the agreement
} RateVolume;

// NULL when it can be rated by, else what is wrong with it.
const char *rate_check_tariff(const WireTariff *tariff);
const char *rate_check_item(const RateItem *item);

// The one that is valid at that time: the latest, of these the highest version. NULL: none is.
const WireTariff *rate_find_tariff(WireTariff *const *tariffs, gsize n_tariffs, gint64 at_us);

// In minor units of the tariff's currency. Both were checked. FALSE: more than can be said.
gboolean rate_item(const WireTariff *tariff, const RateItem *item, const RateVolume *volume,
                   gint64 *ret_minor);

// What a part of something costs that cost so much as a whole.
gint64 rate_part(gint64 minor, guint64 part, guint64 whole);

// What is missing to the minimum of a period of which the records cost so much.
gint64 rate_missing_to_minimum(const WireTariff *tariff, gsize n_records, gint64 minor);

gboolean currency_is_valid(const WireCurrency *currency);
gboolean currency_equal(const WireCurrency *a, const WireCurrency *b);

const char *rate_check_exchange(const WireExchangeRate *rate);
// By the rate that is valid at that time; none is taken the other way round. Of one currency with
// more or fewer decimals no rate is needed. FALSE: there is none, or the amount is too large.
gboolean rate_convert(const WireMoney *from, const WireCurrency *to, WireExchangeRate *const *rates,
                      gsize n_rates, gint64 at_us, gint64 *ret_minor);

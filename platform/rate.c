// SPDX-License-Identifier: Apache-2.0

#include "platform/rate.h"

#include <string.h>

#define DECIMALS_MAX 9
#define FACTOR_MAX   G_GUINT64_CONSTANT(1000000000000)
#define BANDS_MAX    64
#define MICRO        1000000
#define DAY_MINUTES  1440

__extension__ typedef unsigned __int128 Wide;

// Half away from zero, of what is not negative. FALSE: it is more than that.
static gboolean divide(Wide numerator, Wide denominator, gint64 max, gint64 *ret_minor)
{
    Wide quotient = (numerator + denominator / 2) / denominator;
    if (quotient > (Wide)max)
        return FALSE;
    *ret_minor = (gint64)quotient;
    return TRUE;
}

// --- tariffs -------------------------------------------------------------------------------------

gboolean currency_is_valid(const WireCurrency *currency)
{
    if (!currency || strlen(currency->code) != 3 || currency->decimals > DECIMALS_MAX)
        return FALSE;
    for (const char *c = currency->code; *c; c++) {
        if (!g_ascii_isupper(*c))
            return FALSE;
    }
    return TRUE;
}

gboolean currency_equal(const WireCurrency *a, const WireCurrency *b)
{
    return strcmp(a->code, b->code) == 0 && a->decimals == b->decimals;
}

static const char *check_prices(const WireTariff *tariff)
{
    guint seen = 0;
    for (gsize i = 0; i < tariff->n_prices; i++) {
        const WirePrice *price = tariff->prices[i];
        if (price->purpose > QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_TRANSIT)
            return "a price is for a purpose that there is not";
        if (seen & (1u << price->purpose))
            return "there are two prices for a purpose";
        seen |= 1u << price->purpose;
        if (price->micro_per_key > RATE_MICRO_MAX || price->micro_per_bit > RATE_MICRO_MAX ||
            price->micro_per_second > RATE_MICRO_MAX)
            return "a price is above 10^12 millionths of a minor unit";
    }
    return NULL;
}

static const char *check_bands(const WireTariff *tariff)
{
    if (tariff->n_bands > BANDS_MAX)
        return "there are more than 64 bands";
    for (gsize i = 0; i < tariff->n_bands; i++) {
        const WireBand *band = tariff->bands[i];
        if (band->from_minute >= DAY_MINUTES || band->to_minute < 1 ||
            band->to_minute > DAY_MINUTES)
            return "a band is not from minute 0 to 1439, to 1 to 1440";
        if (band->days > 127)
            return "the days of a band are above 127";
        if (band->basis_points > RATE_BASIS_POINTS_MAX)
            return "a band is above 100000 hundredths of a percent";
    }
    return NULL;
}

static const char *check_steps(const WireTariff *tariff)
{
    if (tariff->n_steps > BANDS_MAX)
        return "there are more than 64 steps";
    for (gsize i = 0; i < tariff->n_steps; i++) {
        if (tariff->steps[i]->basis_points > RATE_BASIS_POINTS_MAX)
            return "a step is above 100000 hundredths of a percent";
        if (i > 0 && tariff->steps[i]->from_bits <= tariff->steps[i - 1]->from_bits)
            return "the steps do not grow";
    }
    return NULL;
}

const char *rate_check_tariff(const WireTariff *tariff)
{
    if (!currency_is_valid(tariff->currency))
        return "its currency is not three capital letters with 0 to 9 decimals";
    if (tariff->overrun_basis_points > RATE_BASIS_POINTS_MAX)
        return "overrun is above 100000 hundredths of a percent";
    if (tariff->minimum > RATE_MINOR_MAX)
        return "the minimum is too large";
    const char *fault = check_prices(tariff);
    if (!fault)
        fault = check_bands(tariff);
    return fault ? fault : check_steps(tariff);
}

const WireTariff *rate_find_tariff(WireTariff *const *tariffs, gsize n_tariffs, gint64 at_us)
{
    const WireTariff *best = NULL;
    for (gsize i = 0; i < n_tariffs; i++) {
        const WireTariff *tariff = tariffs[i];
        if (at_us < 0 || tariff->valid_from_us > (guint64)at_us)
            continue;
        if (!best || tariff->valid_from_us > best->valid_from_us ||
            (tariff->valid_from_us == best->valid_from_us && tariff->version > best->version))
            best = tariff;
    }
    return best;
}

// --- records -------------------------------------------------------------------------------------

static guint64 seconds_up(gint64 at_us)
{
    return ((guint64)at_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
}

// By the seconds of the clock, so that a session costs the same in however many records it is said.
static guint64 begun_seconds(const RateItem *item)
{
    if (!item->is_session || item->end_us <= item->start_us)
        return 0;
    gboolean has_begun = item->is_first && item->start_us % G_USEC_PER_SEC != 0;
    return seconds_up(item->end_us) - seconds_up(item->start_us) + has_begun;
}

const char *rate_check_item(const RateItem *item)
{
    if (item->purpose < QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_COPY ||
        item->purpose > QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_TRANSIT)
        return "it has no purpose that there is";
    if (item->start_us < 0 || item->end_us < 0 || item->granted_us < 0)
        return "its times are before 1970";
    if (item->keys > RATE_KEYS_MAX || item->bits > RATE_BITS_MAX ||
        begun_seconds(item) > RATE_SECONDS_MAX)
        return "it says more than one record may";
    return NULL;
}

static const WirePrice *find_price(const WireTariff *tariff, Qkdnf__V1__UsagePurpose purpose)
{
    const WirePrice *common = NULL;
    for (gsize i = 0; i < tariff->n_prices; i++) {
        if (tariff->prices[i]->purpose == purpose)
            return tariff->prices[i];
        if (tariff->prices[i]->purpose == QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_UNSPECIFIED)
            common = tariff->prices[i];
    }
    return common;
}

static gboolean is_on_day(const WireBand *band, guint day)
{
    return band->days == 0 || (band->days & (1u << day));
}

// 1970-01-01 was a Thursday; Monday is day 0.
static gboolean is_in_band(const WireBand *band, gint64 at_us)
{
    guint64 minutes = (guint64)at_us / G_USEC_PER_SEC / 60;
    guint minute = (guint)(minutes % DAY_MINUTES), day = (guint)((minutes / DAY_MINUTES + 3) % 7);
    if (band->from_minute < band->to_minute)
        return is_on_day(band, day) && minute >= band->from_minute && minute < band->to_minute;
    // Past midnight it still is the band of the day on which it began.
    return (is_on_day(band, day) && minute >= band->from_minute) ||
           (is_on_day(band, (day + 6) % 7) && minute < band->to_minute);
}

static guint band_of(const WireTariff *tariff, gint64 at_us)
{
    for (gsize i = 0; i < tariff->n_bands; i++) {
        if (is_in_band(tariff->bands[i], at_us))
            return tariff->bands[i]->basis_points;
    }
    return RATE_BASIS_POINTS;
}

static guint step_of(const WireTariff *tariff, guint64 bits)
{
    guint basis_points = RATE_BASIS_POINTS;
    for (gsize i = 0; i < tariff->n_steps && tariff->steps[i]->from_bits <= bits; i++)
        basis_points = tariff->steps[i]->basis_points;
    return basis_points;
}

static guint overrun_of(const WireTariff *tariff, const RateVolume *volume)
{
    return volume->is_overrun && tariff->overrun_basis_points > 0 ? tariff->overrun_basis_points
                                                                  : RATE_BASIS_POINTS;
}

gboolean rate_item(const WireTariff *tariff, const RateItem *item, const RateVolume *volume,
                   gint64 *ret_minor)
{
    const WirePrice *price = find_price(tariff, item->purpose);
    *ret_minor = 0;
    if (!price)
        return TRUE;
    Wide micro = (Wide)item->keys * price->micro_per_key + (Wide)item->bits * price->micro_per_bit +
                 (Wide)begun_seconds(item) * price->micro_per_second;
    Wide scaled = micro * band_of(tariff, item->granted_us) * step_of(tariff, volume->bits) *
                  overrun_of(tariff, volume);
    Wide whole = (Wide)MICRO * RATE_BASIS_POINTS * RATE_BASIS_POINTS * RATE_BASIS_POINTS;
    return divide(scaled, whole, RATE_MINOR_MAX, ret_minor);
}

gint64 rate_missing_to_minimum(const WireTariff *tariff, gsize n_records, gint64 minor)
{
    gint64 minimum = (gint64)tariff->minimum;
    return n_records > 0 && minor < minimum ? minimum - minor : 0;
}

gint64 rate_part(gint64 minor, guint64 part, guint64 whole)
{
    gint64 amount = 0;
    if (minor > 0 && whole > 0 && divide((Wide)minor * MIN(part, whole), whole, minor, &amount))
        return amount;
    return 0;
}

// --- currencies ----------------------------------------------------------------------------------

const char *rate_check_exchange(const WireExchangeRate *rate)
{
    if (!currency_is_valid(rate->from) || !currency_is_valid(rate->to))
        return "its currencies are not three capital letters with 0 to 9 decimals";
    if (rate->numerator < 1 || rate->numerator > FACTOR_MAX || rate->denominator < 1 ||
        rate->denominator > FACTOR_MAX)
        return "numerator or denominator is not 1 to 10^12";
    return NULL;
}

static const WireExchangeRate *find_exchange(const WireCurrency *from, const WireCurrency *to,
                                             WireExchangeRate *const *rates, gsize n_rates,
                                             gint64 at_us)
{
    const WireExchangeRate *best = NULL;
    for (gsize i = 0; i < n_rates; i++) {
        const WireExchangeRate *rate = rates[i];
        if (currency_equal(rate->from, from) && currency_equal(rate->to, to) && at_us >= 0 &&
            rate->valid_from_us <= (guint64)at_us &&
            (!best || rate->valid_from_us >= best->valid_from_us))
            best = rate;
    }
    return best;
}

static guint64 power_of_ten(guint exponent)
{
    guint64 power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

gboolean rate_convert(const WireMoney *from, const WireCurrency *to, WireExchangeRate *const *rates,
                      gsize n_rates, gint64 at_us, gint64 *ret_minor)
{
    guint64 numerator = 1, denominator = 1;
    if (strcmp(from->currency->code, to->code) == 0) {
        numerator = power_of_ten(to->decimals);
        denominator = power_of_ten(from->currency->decimals);
    } else {
        const WireExchangeRate *rate = find_exchange(from->currency, to, rates, n_rates, at_us);
        if (!rate)
            return FALSE;
        numerator = rate->numerator;
        denominator = rate->denominator;
    }
    gboolean is_negative = from->minor < 0;
    guint64 size = is_negative ? -(guint64)from->minor : (guint64)from->minor;
    if (!divide((Wide)size * numerator, denominator, G_MAXINT64, ret_minor))
        return FALSE;
    if (is_negative)
        *ret_minor = -*ret_minor;
    return TRUE;
}

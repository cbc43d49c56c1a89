// SPDX-License-Identifier: Apache-2.0

#include "platform/prices.h"

#include "topics/frame.h"

static WirePrice price_of(const FederationPrice *price)
{
    WirePrice wire = WIRE_PRICE_INIT;
    wire.purpose = (Qkdnf__V1__UsagePurpose)price->purpose;
    wire.micro_per_key = price->micro_per_key;
    wire.micro_per_bit = price->micro_per_bit;
    wire.micro_per_second = price->micro_per_second;
    return wire;
}

static WireBand band_of(const FederationBand *band)
{
    WireBand wire = WIRE_BAND_INIT;
    wire.from_minute = (guint32)band->from_minute;
    wire.to_minute = (guint32)band->to_minute;
    wire.days = (guint32)band->days;
    wire.basis_points = (guint32)band->basis_points;
    return wire;
}

static WireStep step_of(const FederationStep *step)
{
    WireStep wire = WIRE_STEP_INIT;
    wire.from_bits = step->from_bits;
    wire.basis_points = (guint32)step->basis_points;
    return wire;
}

WireTariff *tariff_from_config(const FederationTariff *tariff)
{
    guint n_prices = tariff->prices->len, n_bands = tariff->bands->len,
          n_steps = tariff->steps->len;
    g_autofree WirePrice *prices = g_new(WirePrice, n_prices);
    g_autofree WirePrice **price_pointers = g_new(WirePrice *, n_prices);
    g_autofree WireBand *bands = g_new(WireBand, n_bands);
    g_autofree WireBand **band_pointers = g_new(WireBand *, n_bands);
    g_autofree WireStep *steps = g_new(WireStep, n_steps);
    g_autofree WireStep **step_pointers = g_new(WireStep *, n_steps);
    for (guint i = 0; i < n_prices; i++) {
        prices[i] = price_of(tariff->prices->pdata[i]);
        price_pointers[i] = &prices[i];
    }
    for (guint i = 0; i < n_bands; i++) {
        bands[i] = band_of(tariff->bands->pdata[i]);
        band_pointers[i] = &bands[i];
    }
    for (guint i = 0; i < n_steps; i++) {
        steps[i] = step_of(tariff->steps->pdata[i]);
        step_pointers[i] = &steps[i];
    }
    WireCurrency currency = WIRE_CURRENCY_INIT;
    currency.code = tariff->currency ? tariff->currency : (char *)"";
    currency.decimals = (guint32)tariff->decimals;
    WireTariff wire = WIRE_TARIFF_INIT;
    wire.valid_from_us = tariff->valid_from_s * G_USEC_PER_SEC;
    wire.currency = &currency;
    wire.minimum = tariff->minimum;
    wire.overrun_basis_points = (guint32)tariff->overrun_basis_points;
    wire.prices = price_pointers;
    wire.n_prices = n_prices;
    wire.bands = band_pointers;
    wire.n_bands = n_bands;
    wire.steps = step_pointers;
    wire.n_steps = n_steps;
    return message_copy(&wire.base);
}

WireExchangeRate *exchange_from_config(const FederationExchange *rate,
                                       const FederationAccounts *accounts)
{
    WireCurrency from = WIRE_CURRENCY_INIT, to = WIRE_CURRENCY_INIT;
    from.code = rate->currency ? rate->currency : (char *)"";
    from.decimals = (guint32)rate->decimals;
    to.code = accounts->currency ? accounts->currency : (char *)"";
    to.decimals = (guint32)accounts->decimals;
    WireExchangeRate wire = WIRE_EXCHANGE_RATE_INIT;
    wire.from = &from;
    wire.to = &to;
    wire.valid_from_us = rate->valid_from_s * G_USEC_PER_SEC;
    wire.numerator = rate->numerator;
    wire.denominator = rate->denominator;
    return message_copy(&wire.base);
}

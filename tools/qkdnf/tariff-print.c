// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/tariff-print.h"

#include <glib.h>

static const char *const purposes[] = {"other", "copy", "visitor", "end", "transit"};

const char *usage_purpose_name(Qkdnf__V1__UsagePurpose purpose)
{
    return (guint)purpose < G_N_ELEMENTS(purposes) ? purposes[purpose] : "?";
}

static json_t *price_json(const WirePrice *price)
{
    return json_pack("{s:s, s:I, s:I, s:I}", "purpose", usage_purpose_name(price->purpose),
                     "micro_per_key", (json_int_t)price->micro_per_key, "micro_per_bit",
                     (json_int_t)price->micro_per_bit, "micro_per_second",
                     (json_int_t)price->micro_per_second);
}

static json_t *bands_json(const WireTariff *tariff)
{
    json_t *bands = json_array();
    for (gsize i = 0; i < tariff->n_bands; i++) {
        const WireBand *band = tariff->bands[i];
        json_array_append_new(bands, json_pack("{s:i, s:i, s:i, s:i}", "from_minute",
                                               (int)band->from_minute, "to_minute",
                                               (int)band->to_minute, "days", (int)band->days,
                                               "basis_points", (int)band->basis_points));
    }
    return bands;
}

static json_t *steps_json(const WireTariff *tariff)
{
    json_t *steps = json_array();
    for (gsize i = 0; i < tariff->n_steps; i++)
        json_array_append_new(
            steps, json_pack("{s:I, s:i}", "from_bits", (json_int_t)tariff->steps[i]->from_bits,
                             "basis_points", (int)tariff->steps[i]->basis_points));
    return steps;
}

json_t *tariff_json(const WireTariff *tariff)
{
    if (!tariff || !tariff->currency)
        return json_null();
    json_t *prices = json_array();
    for (gsize i = 0; i < tariff->n_prices; i++)
        json_array_append_new(prices, price_json(tariff->prices[i]));
    return json_pack("{s:s, s:i, s:I, s:i, s:o, s:o, s:o}", "currency", tariff->currency->code,
                     "decimals", (int)tariff->currency->decimals, "minimum",
                     (json_int_t)tariff->minimum, "overrun_basis_points",
                     (int)tariff->overrun_basis_points, "prices", prices, "bands",
                     bands_json(tariff), "steps", steps_json(tariff));
}

char *tariff_format(const WireTariff *tariff)
{
    if (!tariff || !tariff->currency)
        return g_strdup("the seller's standing prices");
    GString *text = g_string_new(NULL);
    g_string_printf(text, "prices in millionths of 10^-%u %s:", tariff->currency->decimals,
                    tariff->currency->code);
    for (gsize i = 0; i < tariff->n_prices; i++) {
        const WirePrice *price = tariff->prices[i];
        g_string_append_printf(text,
                               "%s %s %" G_GUINT64_FORMAT " a key, %" G_GUINT64_FORMAT
                               " a bit, %" G_GUINT64_FORMAT " a second",
                               i > 0 ? "," : "", usage_purpose_name(price->purpose),
                               price->micro_per_key, price->micro_per_bit, price->micro_per_second);
    }
    if (tariff->minimum > 0)
        g_string_append_printf(text, "; at least %" G_GUINT64_FORMAT " a period", tariff->minimum);
    if (tariff->overrun_basis_points > 0)
        g_string_append_printf(text, "; beyond a soft quota %u.%02u %% of that",
                               tariff->overrun_basis_points / 100,
                               tariff->overrun_basis_points % 100);
    if (tariff->n_bands + tariff->n_steps > 0)
        g_string_append_printf(text, "; %zu bands, %zu steps", tariff->n_bands, tariff->n_steps);
    return g_string_free(text, FALSE);
}

// SPDX-License-Identifier: Apache-2.0
//
// What service costs: each case computed by hand.

#include "platform/rate.h"

#define PURPOSE(name) QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_##name
#define MINUTE_US     ((gint64)60 * G_USEC_PER_SEC)

// 2026-11-23 00:00:00 UTC, a Monday.
#define MONDAY_US (G_GINT64_CONSTANT(1795392000) * G_USEC_PER_SEC)

static WireCurrency euro = {PROTOBUF_C_MESSAGE_INIT(&qkdnf__v1__currency__descriptor), "EUR", 2};
static WireCurrency krone = {PROTOBUF_C_MESSAGE_INIT(&qkdnf__v1__currency__descriptor), "NOK", 2};
static WireCurrency yen = {PROTOBUF_C_MESSAGE_INIT(&qkdnf__v1__currency__descriptor), "JPY", 0};
static WireCurrency fine_euro = {PROTOBUF_C_MESSAGE_INIT(&qkdnf__v1__currency__descriptor), "EUR",
                                 5};

// 1.5 cents a transit key and 2 thousandths of a cent a bit, 3 cents a second of a session; a
// visitor's key is 10 cents. Night is half price, the weekend 125 %, past 10,000 bits 80 %, past
// the quota three times.
typedef struct {
    WirePrice transit, visitor;
    WireBand night, weekend;
    WireStep step;
    WirePrice *prices[2];
    WireBand *bands[2];
    WireStep *steps[1];
    WireTariff tariff;
} Fixture;

static void fixture_init(Fixture *fixture)
{
    *fixture =
        (Fixture){WIRE_PRICE_INIT, WIRE_PRICE_INIT, WIRE_BAND_INIT, WIRE_BAND_INIT,  WIRE_STEP_INIT,
                  {NULL},          {NULL},          {NULL},         WIRE_TARIFF_INIT};
    fixture->transit.purpose = PURPOSE(TRANSIT);
    fixture->transit.micro_per_key = 1500000;
    fixture->transit.micro_per_bit = 2000;
    fixture->transit.micro_per_second = 3000000;
    fixture->visitor.purpose = PURPOSE(VISITOR);
    fixture->visitor.micro_per_key = 10000000;
    fixture->night.from_minute = 22 * 60;
    fixture->night.to_minute = 6 * 60;
    fixture->night.days = 31;
    fixture->night.basis_points = 5000;
    fixture->weekend.to_minute = 1440;
    fixture->weekend.days = 32 + 64;
    fixture->weekend.basis_points = 12500;
    fixture->step.from_bits = 10000;
    fixture->step.basis_points = 8000;
    fixture->prices[0] = &fixture->transit;
    fixture->prices[1] = &fixture->visitor;
    fixture->bands[0] = &fixture->night;
    fixture->bands[1] = &fixture->weekend;
    fixture->steps[0] = &fixture->step;
    WireTariff *tariff = &fixture->tariff;
    tariff->currency = &euro;
    tariff->prices = fixture->prices;
    tariff->n_prices = 2;
    tariff->bands = fixture->bands;
    tariff->n_bands = 2;
    tariff->steps = fixture->steps;
    tariff->n_steps = 1;
    tariff->minimum = 500;
    tariff->overrun_basis_points = 30000;
}

#define AT(day, hour, minute) (MONDAY_US + (((day)*24 + (hour)) * 60 + (minute)) * MINUTE_US)

static void test_items(void)
{
    static const struct {
        const char *what;
        RateItem item;
        RateVolume volume;
        gint64 minor;
    } cases[] = {
        // 1 * 1.5 + 256 * 0.002 = 2.012
        {"one key", {PURPOSE(TRANSIT), 1, 256, FALSE, AT(0, 12, 0), AT(0, 12, 1)}, {0, FALSE}, 2},
        // 3 * 1.5 = 4.5, half away from zero
        {"half a cent", {PURPOSE(TRANSIT), 3, 0, FALSE, AT(0, 12, 0), AT(0, 12, 0)}, {0, FALSE}, 5},
        {"nothing", {PURPOSE(TRANSIT), 0, 0, FALSE, AT(0, 12, 0), AT(0, 12, 0)}, {0, FALSE}, 0},
        // Neither a price of its own nor one for all.
        {"no price", {PURPOSE(END), 9, 9, TRUE, AT(0, 12, 0), AT(0, 13, 0)}, {0, FALSE}, 0},
        {"visitor", {PURPOSE(VISITOR), 4, 1024, FALSE, AT(0, 12, 0), AT(0, 12, 0)}, {0, FALSE}, 40},
        // 60 s * 3
        {"session", {PURPOSE(TRANSIT), 0, 0, TRUE, AT(0, 12, 0), AT(0, 12, 1)}, {0, FALSE}, 180},
        // A begun second is one: 61 s
        {"begun", {PURPOSE(TRANSIT), 0, 0, TRUE, AT(0, 12, 0), AT(0, 12, 1) + 1}, {0, FALSE}, 183},
        {"not of a session",
         {PURPOSE(TRANSIT), 0, 0, FALSE, AT(0, 12, 0), AT(0, 12, 1)},
         {0, FALSE},
         0},
        // The clock was set back in between.
        {"set back", {PURPOSE(TRANSIT), 2, 0, TRUE, AT(0, 12, 1), AT(0, 12, 0)}, {0, FALSE}, 3},
        // Monday night, half: 40 / 2
        {"night", {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 22, 0), AT(0, 22, 0)}, {0, FALSE}, 20},
        {"before it", {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 21, 59), AT(0, 23, 0)}, {0, FALSE}, 40},
        // Tuesday at 5:59 it still is Monday's; Monday at 5:59 it would be Sunday's.
        {"early", {PURPOSE(VISITOR), 4, 0, FALSE, AT(1, 5, 59), AT(1, 6, 0)}, {0, FALSE}, 20},
        {"over", {PURPOSE(VISITOR), 4, 0, FALSE, AT(1, 6, 0), AT(1, 6, 0)}, {0, FALSE}, 40},
        {"Sunday's", {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 5, 59), AT(0, 6, 0)}, {0, FALSE}, 40},
        // Friday night goes on into Saturday, then it is weekend: 40 * 1.25
        {"Saturday", {PURPOSE(VISITOR), 4, 0, FALSE, AT(5, 5, 0), AT(5, 5, 0)}, {0, FALSE}, 20},
        {"weekend", {PURPOSE(VISITOR), 4, 0, FALSE, AT(5, 6, 0), AT(5, 6, 0)}, {0, FALSE}, 50},
        // The volume before it decides: 40 * 0.8
        {"below",
         {PURPOSE(VISITOR), 4, 99999, FALSE, AT(0, 12, 0), AT(0, 12, 0)},
         {9999, FALSE},
         40},
        {"step", {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 12, 0), AT(0, 12, 0)}, {10000, FALSE}, 32},
        {"quota", {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 12, 0), AT(0, 12, 0)}, {9999, FALSE}, 40},
        {"overrun", {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 12, 0), AT(0, 12, 0)}, {100, TRUE}, 120},
        // 40 * 1.25 * 0.8 * 3
        {"all", {PURPOSE(VISITOR), 4, 0, FALSE, AT(6, 12, 0), AT(6, 12, 0)}, {10000, TRUE}, 120},
    };
    Fixture fixture;
    fixture_init(&fixture);
    g_assert_null(rate_check_tariff(&fixture.tariff));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 minor = -1;
        RateItem item = cases[i].item;
        item.granted_us = item.start_us;
        g_test_message("%s", cases[i].what);
        g_assert_null(rate_check_item(&item));
        g_assert_true(rate_item(&fixture.tariff, &item, &cases[i].volume, &minor));
        g_assert_cmpint(minor, ==, cases[i].minor);
    }
}

// A seller that has it begin in the night is paid for the day in which it was granted, and the
// other way round.
static void test_the_grant_decides(void)
{
    Fixture fixture;
    gint64 day = 0, night = 0;
    RateVolume volume = {0, FALSE};
    RateItem item = {PURPOSE(VISITOR), 4, 0, FALSE, AT(0, 5, 0), AT(0, 6, 0), AT(0, 22, 0)};
    fixture_init(&fixture);
    g_assert_true(rate_item(&fixture.tariff, &item, &volume, &night));
    item.granted_us = AT(1, 6, 0);
    item.start_us = AT(0, 22, 0);
    g_assert_true(rate_item(&fixture.tariff, &item, &volume, &day));
    g_assert_cmpint(night, ==, 20);
    g_assert_cmpint(day, ==, 40);
    item.granted_us = -1;
    g_assert_nonnull(rate_check_item(&item));
}

// In however many records it is said, a session costs the same: 3 a second.
static void test_partial_records(void)
{
    const gint64 begun_us = AT(0, 12, 0) + 300000, lasted_us = 60 * G_USEC_PER_SEC;
    static const guint counts[] = {1, 2, 7, 150, 1000};
    Fixture fixture;
    fixture_init(&fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
        gint64 total = 0;
        for (guint part = 0; part < counts[i]; part++) {
            RateItem item = {PURPOSE(TRANSIT),
                             0,
                             0,
                             TRUE,
                             begun_us + lasted_us * part / counts[i],
                             begun_us + lasted_us * (part + 1) / counts[i],
                             begun_us,
                             part == 0};
            RateVolume volume = {0, FALSE};
            gint64 minor = 0;
            g_assert_true(rate_item(&fixture.tariff, &item, &volume, &minor));
            total += minor;
        }
        g_assert_cmpint(total, ==, 61 * 3);
    }
    g_assert_cmpint(rate_part(10, 1, 3), ==, 3);
    g_assert_cmpint(rate_part(10, 2, 3), ==, 7);
    g_assert_cmpint(rate_part(10, 9, 3), ==, 10);
    g_assert_cmpint(rate_part(10, 1, 0), ==, 0);
}

static void test_limits(void)
{
    Fixture fixture;
    fixture_init(&fixture);
    fixture.transit.micro_per_key = fixture.transit.micro_per_bit =
        fixture.transit.micro_per_second = RATE_MICRO_MAX;
    fixture.night.basis_points = fixture.step.basis_points = RATE_BASIS_POINTS_MAX;
    fixture.tariff.overrun_basis_points = RATE_BASIS_POINTS_MAX;
    g_assert_null(rate_check_tariff(&fixture.tariff));
    RateItem item = {PURPOSE(TRANSIT), RATE_KEYS_MAX, RATE_BITS_MAX, FALSE,
                     AT(0, 23, 0),     AT(0, 23, 0)};
    RateVolume volume = {G_MAXUINT64, 1};
    gint64 minor = 0;
    g_assert_null(rate_check_item(&item));
    // (10^9 + 10^10) * 10^6 * 1000 is more than money may be.
    g_assert_false(rate_item(&fixture.tariff, &item, &volume, &minor));
    item.keys = 0;
    item.bits = 1000;
    g_assert_true(rate_item(&fixture.tariff, &item, &volume, &minor));
    g_assert_cmpint(minor, ==, G_GINT64_CONSTANT(1000000000000));
    item.bits = RATE_BITS_MAX + 1;
    g_assert_nonnull(rate_check_item(&item));
    item.bits = 0;
    item.start_us = -1;
    g_assert_nonnull(rate_check_item(&item));
    item.start_us = 0;
    item.purpose = PURPOSE(UNSPECIFIED);
    g_assert_nonnull(rate_check_item(&item));
}

static void test_common_price(void)
{
    Fixture fixture;
    fixture_init(&fixture);
    fixture.visitor.purpose = PURPOSE(UNSPECIFIED);
    RateItem item = {PURPOSE(COPY), 2, 0, FALSE, AT(0, 12, 0), AT(0, 12, 0), AT(0, 12, 0)};
    RateVolume volume = {0, FALSE};
    gint64 minor = 0;
    g_assert_true(rate_item(&fixture.tariff, &item, &volume, &minor));
    g_assert_cmpint(minor, ==, 20);
}

static void test_minimum(void)
{
    Fixture fixture;
    fixture_init(&fixture);
    g_assert_cmpint(rate_missing_to_minimum(&fixture.tariff, 3, 120), ==, 380);
    g_assert_cmpint(rate_missing_to_minimum(&fixture.tariff, 3, 500), ==, 0);
    g_assert_cmpint(rate_missing_to_minimum(&fixture.tariff, 3, 501), ==, 0);
    g_assert_cmpint(rate_missing_to_minimum(&fixture.tariff, 0, 0), ==, 0);
}

static void expect_fault(const Fixture *fixture, const char *fault)
{
    g_assert_cmpstr(rate_check_tariff(&fixture->tariff), ==, fault);
}

static void test_bad_tariffs(void)
{
    Fixture fixture;
    WireCurrency bad = WIRE_CURRENCY_INIT;
    fixture_init(&fixture);
    fixture.tariff.currency = NULL;
    expect_fault(&fixture, "its currency is not three capital letters with 0 to 9 decimals");
    fixture.tariff.currency = &bad;
    bad.code = "EuR";
    expect_fault(&fixture, "its currency is not three capital letters with 0 to 9 decimals");
    bad.code = "EUR";
    bad.decimals = 10;
    expect_fault(&fixture, "its currency is not three capital letters with 0 to 9 decimals");
    fixture_init(&fixture);
    fixture.visitor.purpose = PURPOSE(TRANSIT);
    expect_fault(&fixture, "there are two prices for a purpose");
    fixture.visitor.purpose = (Qkdnf__V1__UsagePurpose)77;
    expect_fault(&fixture, "a price is for a purpose that there is not");
    fixture_init(&fixture);
    fixture.transit.micro_per_bit = RATE_MICRO_MAX + 1;
    expect_fault(&fixture, "a price is above 10^12 millionths of a minor unit");
    fixture_init(&fixture);
    fixture.night.to_minute = 0;
    expect_fault(&fixture, "a band is not from minute 0 to 1439, to 1 to 1440");
    fixture_init(&fixture);
    fixture.night.days = 128;
    expect_fault(&fixture, "the days of a band are above 127");
    fixture_init(&fixture);
    WireStep *steps[] = {&fixture.step, &fixture.step};
    fixture.tariff.steps = steps;
    fixture.tariff.n_steps = 2;
    expect_fault(&fixture, "the steps do not grow");
}

static void test_versions(void)
{
    WireTariff first = WIRE_TARIFF_INIT, second = WIRE_TARIFF_INIT, third = WIRE_TARIFF_INIT;
    first.version = 1;
    first.valid_from_us = 100;
    second.version = 2;
    second.valid_from_us = third.valid_from_us = 200;
    third.version = 3;
    WireTariff *all[] = {&third, &second, &first};
    g_assert_null(rate_find_tariff(all, 3, 99));
    g_assert_true(rate_find_tariff(all, 3, 100) == &first);
    g_assert_true(rate_find_tariff(all, 3, 199) == &first);
    g_assert_true(rate_find_tariff(all, 3, 200) == &third);
    g_assert_null(rate_find_tariff(all, 0, 200));
}

static void test_exchange(void)
{
    // 1 krone is 0.085 euro from 100 on, 0.09 from 200 on; 1 yen (no decimals) is 0.62 cents.
    WireExchangeRate early = WIRE_EXCHANGE_RATE_INIT, late = WIRE_EXCHANGE_RATE_INIT,
                     of_yen = WIRE_EXCHANGE_RATE_INIT;
    early.from = late.from = &krone;
    early.to = late.to = of_yen.to = &euro;
    early.numerator = 85;
    early.denominator = 1000;
    early.valid_from_us = 100;
    late.numerator = 9;
    late.denominator = 100;
    late.valid_from_us = 200;
    of_yen.from = &yen;
    of_yen.numerator = 62;
    of_yen.denominator = 100;
    WireExchangeRate *rates[] = {&late, &early, &of_yen};
    const struct {
        WireCurrency *from, *to;
        gint64 minor, at_us, expected; // -1: there is no rate
    } cases[] = {
        {&krone, &euro, 1000, 99, -1},     {&krone, &euro, 1000, 100, 85},
        {&krone, &euro, 1000, 199, 85},    {&krone, &euro, 1000, 200, 90},
        {&krone, &euro, 106, 100, 9}, // 9.01
        {&krone, &euro, 100, 100, 9}, // 8.5, half away from zero
        {&krone, &euro, 99, 100, 8},  // 8.415
        {&yen, &euro, 1000, 0, 620},       {&euro, &krone, 1000, 200, -1},
        {&euro, &fine_euro, 12, 0, 12000}, {&fine_euro, &euro, 12500, 0, 13},
        {&fine_euro, &euro, 12499, 0, 12}, {&euro, &euro, 7, 0, 7},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rates); i++)
        g_assert_null(rate_check_exchange(rates[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        WireMoney money = WIRE_MONEY_INIT;
        gint64 minor = -1, mirrored = 1;
        money.currency = cases[i].from;
        money.minor = cases[i].minor;
        gboolean has = rate_convert(&money, cases[i].to, rates, 3, cases[i].at_us, &minor);
        g_assert_cmpint(has, ==, cases[i].expected >= 0);
        g_assert_cmpint(minor, ==, cases[i].expected);
        money.minor = -money.minor;
        if (has)
            g_assert_true(rate_convert(&money, cases[i].to, rates, 3, cases[i].at_us, &mirrored));
        g_assert_cmpint(mirrored, ==, -cases[i].expected);
    }
    early.denominator = 0;
    g_assert_nonnull(rate_check_exchange(&early));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rate/items", test_items);
    g_test_add_func("/rate/the-grant-decides", test_the_grant_decides);
    g_test_add_func("/rate/partial-records", test_partial_records);
    g_test_add_func("/rate/limits", test_limits);
    g_test_add_func("/rate/common-price", test_common_price);
    g_test_add_func("/rate/minimum", test_minimum);
    g_test_add_func("/rate/bad-tariffs", test_bad_tariffs);
    g_test_add_func("/rate/versions", test_versions);
    g_test_add_func("/rate/exchange", test_exchange);
    return g_test_run();
}

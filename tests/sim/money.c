// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/money.h"

#include "platform/accounts.h"

static FederationPrice by_key = {.micro_per_key = 1370000, .micro_per_bit = 1700};
static FederationPrice by_time = {.micro_per_key = 733333, .micro_per_second = 2500000};
static gpointer keys[] = {&by_key}, times[] = {&by_time};
static GPtrArray of_keys = {keys, 1}, of_times = {times, 1}, none = {NULL, 0};

static FederationTariff of_all = {.seller = (char *)"all",
                                  .currency = (char *)"EUR",
                                  .decimals = 2,
                                  .prices = &of_keys,
                                  .bands = &none,
                                  .steps = &none};
static FederationTariff of_beta = {.seller = (char *)"beta",
                                   .currency = (char *)"NOK",
                                   .decimals = 2,
                                   .minimum = 7,
                                   .prices = &of_times,
                                   .bands = &none,
                                   .steps = &none};
static gpointer standing[] = {&of_all, &of_beta};
static GPtrArray tariffs = {standing, 2};

static FederationExchange krone = {
    .currency = (char *)"NOK", .decimals = 2, .numerator = 86, .denominator = 1000};
static gpointer exchanges[] = {&krone};
static GPtrArray rates = {exchanges, 1};

void money_set_prices(FederationAccounts *accounts)
{
    accounts->currency = (char *)"EUR";
    accounts->decimals = 2;
    accounts->tariffs = &tariffs;
    accounts->rates = &rates;
}

const GList *money_last_netting(gconstpointer federation)
{
    return ((const Federation *)federation)->accounts->nettings.tail;
}
